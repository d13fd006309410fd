"""Settings that stand in files: .env, and a secret in a file of its own."""

import os
from pathlib import Path

import pytest

from services.writer.settings import WriterSettings
from shared.errors import SettingsError
from shared.settings.loading import load_settings
from shared.settings.models import BufferSettings, ServiceSettings
from tests.unit.shared.settings.reading import GOOD, load
from tools.settings_table import SERVICES


def test_a_secret_comes_from_a_file_and_shows_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-a-file\n")
    variables = {"ORACLE_DSN": "db/x", "ORACLE_USER": "u", "ORACLE_PASSWORD_FILE": str(tmp_path / "password")}
    settings = load(monkeypatch, variables)
    assert isinstance(settings, WriterSettings)
    assert settings.oracle_password.get_secret_value() == "from-a-file"
    assert "from-a-file" not in repr(settings)


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BUFFER_MAX_SIZE=77\nREDIS_NAMESPACE=from-file\nMONITOR_PORT=1\n")
    settings = load(monkeypatch, {"REDIS_NAMESPACE": "from-environment"}, BufferSettings)
    assert isinstance(settings, BufferSettings)
    assert (settings.buffer_max_size, settings.redis_namespace) == (77, "from-environment")


def test_a_file_of_one_service_goes_before_that_of_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kind: a command that works where it was written. A unit of systemd reads a file of its service behind that of
    all; `check` and `recover` read the latter alone, and asked another Redis, or as a user who may not.
    """
    (tmp_path / "all").write_text("redis://all@redis/0")
    (tmp_path / "writers").write_text("redis://writers@redis/0")
    common = f"REDIS_URL_FILE={tmp_path}/all\nREDIS_NAMESPACE=common\nNO_VALUE_TEXT=-\n"
    (tmp_path / ".env").write_text(common)
    (tmp_path / ".env.writer").write_text(f"REDIS_URL_FILE={tmp_path}/writers\nREDIS_NAMESPACE=writers\n")
    settings = load(monkeypatch, GOOD)
    assert isinstance(settings, WriterSettings)
    assert settings.redis_url.get_secret_value() == "redis://writers@redis/0"
    assert (settings.redis_namespace, settings.no_value_text) == ("writers", "-")
    # Whichever of the two ways it takes
    (tmp_path / ".env.writer").write_text("REDIS_URL=redis://mine@redis/0\n")
    settings = load(monkeypatch, {**GOOD, "REDIS_NAMESPACE": "environment"})
    assert settings.redis_url.get_secret_value() == "redis://mine@redis/0"
    assert settings.redis_namespace == "environment"
    # And it is nobody else's
    monitor = load(monkeypatch, {}, SERVICES["monitor"])
    assert monitor.redis_url.get_secret_value() == "redis://all@redis/0"


def test_the_mark_that_some_editors_begin_with_costs_no_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Kind: what nobody needs costs something. Older versions of the library ignore the first line then, silently."""
    (tmp_path / ".env").write_text("BUFFER_MAX_SIZE=77\r\nREDIS_NAMESPACE=plant\r\n", "utf-8-sig", newline="")
    settings = load(monkeypatch, {}, BufferSettings)
    assert isinstance(settings, BufferSettings)
    assert (settings.buffer_max_size, settings.redis_namespace) == (77, "plant")


@pytest.mark.parametrize("value", ["ab${cd}ef", "'ab${cd}ef'", '"${ORACLE_USER}${cd}"'])
def test_a_password_of_which_dotenv_would_leave_a_part_out_ends_the_start(tmp_path: Path, value: str) -> None:
    """Kind: a secret that another reader of the same file shortens. The logons failed, and counted against the account.

    A `${...}` is replaced in any quotes, by nothing where nothing is called so; systemd leaves it as it is.
    """
    (tmp_path / ".env").write_text(f"ORACLE_DSN=db/x\nORACLE_USER=u\nORACLE_PASSWORD={value}\n")
    with pytest.raises(SettingsError) as refused:
        load_settings(WriterSettings)
    (problem,) = refused.value.problems
    assert problem.startswith("ORACLE_PASSWORD in .env holds a ${...} that names no variable")
    assert "ORACLE_PASSWORD_FILE" in problem
    assert "cd" not in problem


@pytest.mark.parametrize("value", ['"secret-word"', "'secret-word'", "secret-word # of the plant", "secret-word\t#"])
def test_a_password_that_came_with_more_of_its_line_ends_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Kind: one file that two readers read in two ways: the logons failed, and counted against the account.

    systemd hands on a comment behind a value, `docker run --env-file` and kustomize the quotes around it, too.
    """
    with pytest.raises(SettingsError) as refused:
        load(monkeypatch, {**GOOD, "ORACLE_PASSWORD": value})
    (problem,) = refused.value.problems
    assert problem.startswith("ORACLE_PASSWORD begins and ends with a quote, or holds a comment")
    assert "ORACLE_PASSWORD_FILE" in problem
    assert "secret-word" not in problem


@pytest.mark.parametrize("value", ["secret#word", '"secret', "it's", '"', "#secret"])
def test_a_password_may_have_such_letters(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    settings = load(monkeypatch, {**GOOD, "ORACLE_PASSWORD": value})
    assert isinstance(settings, WriterSettings)
    assert settings.oracle_password.get_secret_value() == value


def test_a_value_in_dotenv_may_be_made_of_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = ("P=pass", "REDIS_URL=redis://:${P}@${REDIS_HOST}/${REDIS_DB:-2}", "ORACLE_PASSWORD=${nobody}s")
    (tmp_path / ".env").write_text("\n".join(lines))
    monkeypatch.setenv("REDIS_HOST", "plant")
    settings = load(monkeypatch, GOOD)
    assert isinstance(settings, WriterSettings)
    assert settings.redis_url.get_secret_value() == "redis://:pass@plant/2"
    assert settings.oracle_password.get_secret_value() == GOOD["ORACLE_PASSWORD"]


def test_a_typing_slip_in_a_dotenv_file_is_found(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BUFFER_MAXSIZE=77\n")
    with pytest.raises(SettingsError, match="did you mean BUFFER_MAX_SIZE"):
        load_settings(BufferSettings)


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_takes_anothers_setting_for_a_typing_slip(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    for settings in SERVICES.values():
        for name in settings.model_fields:
            if name not in SERVICES[service].model_fields:
                monkeypatch.setenv(name.upper(), "1")
    foreign = {"ORACLE_HOME": "/opt", "ORACLE_SID": "X", "REDIS_PORT": "tcp://x", "MONITOR_PORT_8000_TCP": "tcp://x"}
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    assert not any("did you mean" in problem for problem in problems_of(SERVICES[service]))


def problems_of(settings: type[ServiceSettings]) -> list[str]:
    try:
        load_settings(settings)
    except SettingsError as mistake:
        return mistake.problems
    return []


@pytest.mark.parametrize("name", ["ORACLE_PASSWORD_FILE", "oracle_password_file"])
def test_a_file_may_be_named_in_dotenv_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Kind: a setting that is ignored. `X_FILE` was looked for in the environment alone."""
    # With the mark that Windows' editors begin with.
    (tmp_path / "password").write_bytes(b"\xef\xbb\xbffrom-a-file\r\n")
    (tmp_path / "url").write_text("redis://:p%2F@host/0\n")
    (tmp_path / ".env").write_text(f"{name}={tmp_path / 'password'}\nREDIS_URL_FILE={tmp_path / 'url'}\n")
    settings = load(monkeypatch, {"ORACLE_DSN": "db/x", "ORACLE_USER": "u"})
    assert isinstance(settings, WriterSettings)
    assert settings.oracle_password.get_secret_value() == "from-a-file"
    assert settings.redis_url.get_secret_value() == "redis://:p%2F@host/0"


def test_the_environment_goes_before_a_file_named_in_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ORACLE_PASSWORD_FILE=/nowhere\nREDIS_URL=redis://dotenv\n")
    (tmp_path / "url").write_text("redis://file")
    settings = load(monkeypatch, {**GOOD, "REDIS_URL_FILE": str(tmp_path / "url")})
    assert isinstance(settings, WriterSettings)
    assert settings.oracle_password.get_secret_value() == "secret-word"
    assert settings.redis_url.get_secret_value() == "redis://file"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "it holds nothing"), (b"\xff\xfesecret", "it is not UTF-8"), (b"secret" * 20_000, "it holds more than")],
)
def test_a_file_that_holds_no_secret_is_said_without_what_it_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(SettingsError) as mistake:
        load(monkeypatch, {"ORACLE_DSN": "db/x", "ORACLE_USER": "u", "ORACLE_PASSWORD_FILE": str(tmp_path / "f")})
    assert f"ORACLE_PASSWORD_FILE={tmp_path / 'f'}: can't be read ({said}" in mistake.value.problems[0]
    assert "secret" not in "".join(mistake.value.problems).replace(str(tmp_path), "")


def test_a_dotenv_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"REDIS_URL=redis://:p\xff@host\n")
    with pytest.raises(SettingsError, match=r"^\.env can't be read: it is not UTF-8$"):
        load_settings(ServiceSettings)


def test_a_dotenv_file_that_can_not_be_reached_is_one_line(tmp_path: Path) -> None:
    """Kind: a command as another user, from where he may not enter: a traceback, or what stands in .env left unsaid."""
    (tmp_path / ".env").write_text("REDIS_URL=redis://elsewhere:6379/0\n")
    tmp_path.chmod(0)
    who = os.geteuid()
    try:
        if who == 0:
            os.seteuid(65534)
        with pytest.raises(SettingsError, match=r"^\.env can't be read: Permission denied$"):
            load_settings(ServiceSettings)
    finally:
        os.seteuid(who)
        tmp_path.chmod(0o700)


def test_a_password_file_is_read_again_but_only_where_the_password_comes_from_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Kind: a secret that changes while the process lives."""
    secret = tmp_path / "secret"
    secret.write_text("old\n")
    settings = load(monkeypatch, {"ORACLE_DSN": "db:1521/X", "ORACLE_USER": "u", "ORACLE_PASSWORD_FILE": str(secret)})
    assert isinstance(settings, WriterSettings)
    assert settings.current_password() == "old"
    secret.write_text("new\n")
    assert settings.current_password() == "new"
    secret.unlink()
    assert settings.current_password() == "old"
    secret.write_text("new\n")
    (tmp_path / ".env").write_text(f"ORACLE_PASSWORD_FILE={secret}\n")
    monkeypatch.delenv("ORACLE_PASSWORD_FILE")
    settings = load(monkeypatch, GOOD)
    assert isinstance(settings, WriterSettings)
    assert settings.current_password() == GOOD["ORACLE_PASSWORD"]
