from pathlib import Path

import pytest

from services.writer.settings import WriterSettings
from shared.errors import SettingsError
from shared.settings import BufferSettings, ServiceSettings, load_settings
from tools.settings_table import SERVICES

GOOD = {"ORACLE_DSN": "db:1521/X", "ORACLE_USER": "u", "ORACLE_PASSWORD": "secret-word"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No .env and no variable of ours from outside."""
    monkeypatch.chdir(tmp_path)
    for settings in SERVICES.values():
        for name in settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)


def load(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], kind: type[ServiceSettings] = WriterSettings
) -> ServiceSettings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings(kind)


@pytest.mark.req("FR-020")
def test_defaults_are_those_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, GOOD)
    assert isinstance(settings, WriterSettings)
    assert (settings.oracle_pool_min, settings.oracle_pool_max, settings.buffer_max_size) == (2, 5, 10_000)
    assert settings.retry_delays_s == [1.0, 2.0, 4.0]
    assert (settings.buffer_batch_size_max, settings.buffer_write_interval_sec) == (500, 0.5)
    assert settings.oracle_table == "TAG_DATA"
    assert settings.buffer_alert_depth == 8000


@pytest.mark.req("FR-020")
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"BUFFER_MAX_SIZE": "many"}, "BUFFER_MAX_SIZE=many: Input should be a valid integer"),
        ({"BUFFER_MAX_SIZE": "0"}, "BUFFER_MAX_SIZE=0: "),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL: begin it with redis://"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL=LOUD: Input should be"),
        ({"ORACLE_TABLE": "a; DROP TABLE b"}, "ORACLE_TABLE=a; DROP TABLE b: "),
        ({"ORACLE_POOL_MIN": "9"}, "ORACLE_POOL_MIN=9 is more than ORACLE_POOL_MAX=5"),
        ({"ORACLE_TABLE_LAYOUT": "wide"}, "ORACLE_TABLE_LAYOUT=wide: "),
        ({"ORACLE_POOL_MXA": "9"}, "ORACLE_POOL_MXA is not a setting; did you mean ORACLE_POOL_MAX?"),
        (
            {"BUFFER_BATCH_TRESHOLD": "9"},
            "BUFFER_BATCH_TRESHOLD is not a setting; did you mean BUFFER_BATCH_THRESHOLD?",
        ),
        ({"BUFFER_BATCH_THRESHOLD": "900"}, "a batch could never be full"),
        ({"ORACLE_PASSWORD_FILE": "/nowhere"}, "ORACLE_PASSWORD_FILE=/nowhere: can't be read"),
        ({"INSTANCE_NAME": "a:b"}, "INSTANCE_NAME=a:b: "),
    ],
)
def test_a_mistake_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError) as mistake:
        load(monkeypatch, {**GOOD, **variables})
    assert any(problem.startswith(said) or said in problem for problem in mistake.value.problems)
    assert "secret-word" not in str(mistake.value)


def test_all_mistakes_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as mistake:
        load(monkeypatch, {"ORACLE_DSN": "x", "BUFFER_MAX_SIZE": "x", "LOG_FORMAT": "x"})
    named = {problem.split("=")[0].split(" ")[0] for problem in mistake.value.problems}
    assert named == {"ORACLE_USER", "ORACLE_PASSWORD", "BUFFER_MAX_SIZE", "LOG_FORMAT"}


def test_where_oracle_is_must_be_said_one_way_or_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="ORACLE_SERVICE_NAME not set: give ORACLE_HOST"):
        load(monkeypatch, {"ORACLE_USER": "u", "ORACLE_PASSWORD": "p", "ORACLE_HOST": "db"})


def test_host_port_and_service_make_a_dsn(monkeypatch: pytest.MonkeyPatch) -> None:
    where = {"ORACLE_HOST": "db", "ORACLE_PORT": "1522", "ORACLE_SERVICE_NAME": "PROD"}
    settings = load(monkeypatch, {**where, "ORACLE_USER": "u", "ORACLE_PASSWORD": "p"})
    assert isinstance(settings, WriterSettings)
    assert settings.dsn == "db:1522/PROD"


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
