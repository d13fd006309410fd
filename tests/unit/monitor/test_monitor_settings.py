from pathlib import Path

import pytest
from pydantic import SecretStr

from services.monitor.settings import MonitorSettings
from shared.errors import SettingsError
from shared.settings.loading import load_settings


def test_monitor_listens_on_this_machine_only_by_default() -> None:
    settings = MonitorSettings.model_validate({})
    assert (settings.monitor_host, settings.monitor_port, settings.monitor_api_token) == ("127.0.0.1", 8000, None)


def test_empty_token_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_API_TOKEN", "")
    assert load_settings(MonitorSettings).monitor_api_token is None


def test_token_that_fits_no_header_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_API_TOKEN", "two words")
    with pytest.raises(SettingsError, match="MONITOR_API_TOKEN: use printable ASCII") as caught:
        load_settings(MonitorSettings)
    assert "two words" not in str(caught.value)


def test_port_beyond_the_range_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_PORT", "70000")
    with pytest.raises(SettingsError, match="MONITOR_PORT=70000"):
        load_settings(MonitorSettings)


@pytest.mark.parametrize("token", ["short", "fifteen-letters"])
def test_token_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("MONITOR_API_TOKEN", token)
    with pytest.raises(SettingsError, match="can be guessed; use 16 or more") as caught:
        load_settings(MonitorSettings)
    assert token not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - what is tried
def test_other_machines_are_let_in_with_a_token_or_when_that_is_meant(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("MONITOR_HOST", host)
    with pytest.raises(SettingsError, match=f"MONITOR_HOST={host}: everyone who reaches it could read"):
        load_settings(MonitorSettings)
    monkeypatch.setenv("MONITOR_INSECURE", "true")
    assert load_settings(MonitorSettings).monitor_insecure
    monkeypatch.setenv("MONITOR_INSECURE", "false")
    monkeypatch.setenv("MONITOR_API_TOKEN", "sixteen-letters-")
    assert load_settings(MonitorSettings).monitor_host == host


def test_a_token_file_is_read_again_and_what_is_no_token_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("sixteen-letters-\n")
    settings = MonitorSettings(monitor_api_token=SecretStr("sixteen-letters-"), monitor_api_token_file=file)
    for text, known in (("another-token-of-ours", "another-token-of-ours"), ("short", "sixteen-letters-")):
        file.write_text(text)
        assert settings.current_api_token() == known
    file.unlink()
    assert settings.current_api_token() == "sixteen-letters-"


WEBHOOK = "https://chat.example/services/T0/B0/secret-token-of-the-tests"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (WEBHOOK.replace("https", "ftp"), "the form is https://host/path"),
        (WEBHOOK.replace("https://", "https://user:word@"), "user and password in front of the host are not sent"),
        (WEBHOOK + "\nX: y", "it holds a space, a line break"),
        (WEBHOOK.replace("example", "example:99999"), "its host or its port is none"),
        (WEBHOOK.partition("//")[2], "the form is https://host/path"),
    ],
)
def test_webhook_that_is_no_url_is_refused_without_its_token(
    monkeypatch: pytest.MonkeyPatch, url: str, problem: str
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", url)
    with pytest.raises(SettingsError, match=problem) as caught:
        load_settings(MonitorSettings)
    assert "secret-token" not in str(caught.value)


def test_new_webhook_is_taken_from_its_file_and_a_spoiled_one_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    file.write_text(WEBHOOK)
    monkeypatch.setenv("ALERT_WEBHOOK_URL_FILE", str(file))
    settings = load_settings(MonitorSettings)
    file.write_text("https://chat.example/new")
    assert settings.current_webhook_url() == "https://chat.example/new"
    for spoiled in ("", "half a u", "ftp://x"):
        file.write_text(spoiled)
        assert settings.current_webhook_url() == WEBHOOK


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ALERT_SMTP_FROM": ""}, "ALERT_SMTP_FROM: ALERT_SMTP_HOST is set"),
        ({"ALERT_SMTP_TO": "the shift"}, "ALERT_SMTP_TO: ALERT_SMTP_HOST is set"),
        # A server would take the first of these alone, or none.
        ({"ALERT_SMTP_TO": "a@b.example c@d.example"}, "ALERT_SMTP_TO: ALERT_SMTP_HOST is set"),
        ({"ALERT_SMTP_TO": "a@b.example, the shift"}, "ALERT_SMTP_TO: ALERT_SMTP_HOST is set"),
        ({"ALERT_SMTP_TLS": "none", "ALERT_SMTP_PASSWORD": "pass"}, "ALERT_SMTP_PASSWORD could be read on its way"),
        ({"ALERT_SMTP_PORT": "0"}, "ALERT_SMTP_PORT=0"),
        ({"ALERT_SEVERITY": "info"}, "ALERT_SEVERITY=info"),
        ({"ALERT_WEBHOKO_URL": "x"}, "did you mean ALERT_WEBHOOK_URL"),
    ],
)
def test_half_of_a_mail_server_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], problem: str
) -> None:
    given = {"ALERT_SMTP_HOST": "mail", "ALERT_SMTP_FROM": "a@b.example", "ALERT_SMTP_TO": "c@d.example", **changes}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=problem):
        load_settings(MonitorSettings)


@pytest.mark.parametrize("given", ["a@b.example,c@d.example", "a@b.example; c@d.example;", "a@b.example ,c@d.example"])
def test_recipients_stand_between_commas_or_as_outlook_writes_them(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Kind: what stands between other signs is one name, which no server knows: of two recipients nobody was told."""
    monkeypatch.setenv("ALERT_SMTP_HOST", "mail")
    monkeypatch.setenv("ALERT_SMTP_FROM", "tagpipe, plant 7 <a@b.example>")
    monkeypatch.setenv("ALERT_SMTP_TO", given)
    assert load_settings(MonitorSettings).alert_recipients == ["a@b.example", "c@d.example"]
