import pytest

from services.monitor.settings import MonitorSettings
from shared.errors import SettingsError
from shared.settings import load_settings


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
