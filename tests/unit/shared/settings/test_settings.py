import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.harness.oracle import ROOT
from services.consumer.settings import ConsumerSettings
from services.writer.settings import WriterSettings
from shared.errors import SettingsError
from shared.redis.link import RedisLink
from shared.settings.loading import load_settings
from shared.settings.models import BufferSettings, ServiceSettings
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


@pytest.mark.parametrize(
    ("chosen", "workers"), [({}, 7), ({"ORACLE_POOL_MAX": "9"}, 11), ({"WRITER_CONCURRENCY": "3"}, 3)]
)
def test_batches_in_hand_follow_the_connections_unless_they_are_set(
    monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], workers: int
) -> None:
    settings = load(monkeypatch, GOOD | chosen)
    assert isinstance(settings, WriterSettings)
    assert settings.workers == workers


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


SECRET = "se-cret"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"redis://:{SECRET}/x@host:6379/0", "its password holds one of / ? #, which end"),
        (f"redis://:{SECRET}#x@host:6379/0", "its password holds one of / ? #"),
        (f"redis://:{SECRET}?x@host:6379/0", "its password holds one of / ? #"),
        (f"rediss://user:a/{SECRET}@host/0", "its password holds one of / ? #"),
        (f"redis://:{SECRET} x@host:6379/0", "it holds a space"),
        (f"redis://:{SECRET}@host:6379/0\nX", "it holds a space, a line break"),
        (f"redis://:{SECRET}@host:63790000/0", "its port is no number"),
        (f"redis://:{SECRET}@host:port/0", "its port is no number"),
        (f"redis://:{SECRET}@[::1/0", "its port is no number from 1 to 65535, or its host"),
        (f"redis://:{SECRET}@/0", "it names no host"),
        (f"redis://:{SECRET}@host/mydb", "its path is the number of a database"),
        (f"redis://:{SECRET}@host/0#{SECRET}", "it holds a #"),
        (f"redis://:{SECRET}@host/0?{SECRET}=1", "a parameter behind the ? is none of db, protocol"),
        (f"redis://:{SECRET}@host/0?decode_responses=true", "a parameter behind the ? is none of"),
        (f"redis://:{SECRET}@host/0?socket_timeout=1", "a parameter behind the ? is none of"),
        (f"redis://:{SECRET}@host/0?protocol=4", "protocol is one of 2, 3"),
        (f"redis://:{SECRET}@host/0?db=x", "db is the number"),
        (f"redis://:{SECRET}@host/0?ssl_cert_reqs=none", "ssl_cert_reqs is for TLS"),
        (f"rediss://:{SECRET}@host/0?ssl_cert_reqs=maybe", "ssl_cert_reqs is one of none, optional, required"),
        (f"rediss://:{SECRET}@host/0?ssl_ca_certs=/nowhere", "ssl_ca_certs names a file that is not there"),
        (f"unix://:{SECRET}@", "it names no socket"),
        (f"http://:{SECRET}@host", "begin it with redis://"),
        (f"redis://:{SECRET}@one,two/0", "several hosts are for redis+sentinel:// and redis+cluster://"),
        (f"redis+sentinel://:{SECRET}@one,two", "it does not name the service that the sentinels watch: the form is"),
        (f"redis+sentinel://:{SECRET}@one:x,two/plant", "its port is no number from 1 to 65535"),
        (f"redis+sentinel://:{SECRET}@one,,two/plant", "it names no host: the form is redis+sentinel://user"),
        (f"redis+sentinel://:{SECRET}@one/plant/db", "its path is the number of a database, such as /0: the form is"),
        (f"redis+sentinel://:{SECRET}/x@one/plant", "its password holds one of / ? #"),
        (f"redis+sentinel://:{SECRET}@one/plant?ssl_cert_reqs=none", "ssl_cert_reqs is for TLS: begin it with rediss"),
        (f"redis+cluster://:{SECRET}@one,two/3", "a cluster has database 0 alone: the form is redis+cluster://"),
        (f"redis+cluster://:{SECRET}@", "it names no host: the form is redis+cluster://"),
        (f"redis+pool://:{SECRET}@host", "begin it with redis://"),
    ],
)
def test_a_mistake_in_redis_url_is_one_line_without_a_secret(
    monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    """Kind: settings parsed at the edge. These were tracebacks, or a client that behaves otherwise than we rely on."""
    with pytest.raises(SettingsError) as mistake:
        load(monkeypatch, {"REDIS_URL": url}, ServiceSettings)
    (problem,) = mistake.value.problems
    assert problem.startswith(f"REDIS_URL: {said}")
    assert "\n" not in problem
    assert SECRET not in problem


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://:p%2F%23%3F%40ss@host:6379/0",
        "redis://user:pass:word@host:6379/15",
        "redis://:a@b@host",
        "redis://[::1]:6379/0?protocol=2",
        "redis://host?db=3",
        "rediss://host/0?ssl_cert_reqs=none&ssl_check_hostname=false",
        "unix:///run/redis.sock?db=1",
        "unix://:p@/run/redis@1.sock",
        "redis+sentinel://one:26379,two/plant",
        "rediss+sentinel://user:p%2Fss@[::1]:26379,two/plant/3?ssl_cert_reqs=none",
        "redis+cluster://:p@one:7000,two:7001",
        "rediss+cluster://one",
    ],
)
def test_a_redis_url_that_is_well_is_taken_and_opens_a_link(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    settings = load(monkeypatch, {"REDIS_URL": url}, ServiceSettings)
    RedisLink.of(settings, "test").close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ORACLE_DSN", f"scott/{SECRET}@db:1521/X"),
        ("ORACLE_DSN", f"tcps://scott/{SECRET}@db:1521/X"),
        ("ORACLE_DSN", f"(DESCRIPTION=(ADDRESS=(HOST=db)(PORT=1))(SECURITY=(password = {SECRET})))"),
        ("ORACLE_HOST", f"scott/{SECRET}@db"),
        ("ORACLE_USER", f"scott/{SECRET}"),
    ],
)
def test_credentials_where_they_would_land_in_logs_are_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with pytest.raises(SettingsError) as mistake:
        load(monkeypatch, {**GOOD, variable: value})
    (problem,) = mistake.value.problems
    assert problem.startswith(f"{variable}: it holds ")
    assert "ORACLE_PASSWORD(_FILE)" in problem
    assert SECRET not in problem


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


@pytest.mark.parametrize("value", ["9" * 5000, "loud\nerror: a line of somebody's", "\x1b[31mred"])
def test_whatever_is_set_a_mistake_is_one_short_line(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Kind: a text from outside goes on in full, or forges a line."""
    with pytest.raises(SettingsError) as refused:
        load(monkeypatch, {**GOOD, "LOG_LEVEL": value}, ConsumerSettings)
    (problem,) = refused.value.problems
    assert len(problem) < 500
    assert problem.isprintable()


@pytest.mark.parametrize("service", ["consumer", "writer", "monitor", "poller"])
def test_every_service_ends_with_status_2_and_prints_no_secret(tmp_path: Path, service: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
        env={
            **GOOD, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "REDIS_URL": f"redis://:{SECRET}/x@host/0",
            "ORACLE_DSN": f"u/{SECRET}@db:1521/x", "POLLER_CONFIG": __file__,
        },
    )  # fmt: skip
    assert done.returncode == 2
    assert SECRET not in done.stdout + done.stderr
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    assert "error: REDIS_URL: its password holds" in done.stderr
    assert ("error: ORACLE_DSN: it holds a user or a password" in done.stderr) == (service == "writer")


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


@pytest.mark.parametrize(
    ("variables", "urls", "namespaces"),
    [
        ({}, ["redis://localhost:6379/0"], ["tagpipe"]),
        (
            {"PARTITIONS": "2", "REDIS_URL": "redis://a:1/0,redis://b:2/0"},
            ["redis://a:1/0", "redis://b:2/0"],
            ["tagpipe.0", "tagpipe.1"],
        ),
        (
            {"PARTITIONS": "2", "REDIS_URL": "redis://redis-{partition}:1/0", "REDIS_NAMESPACE": "plant"},
            ["redis://redis-0:1/0", "redis://redis-1:1/0"],
            ["plant.0", "plant.1"],
        ),
        # One Redis for all of them; and a list whose parts hold commas of their own.
        ({"PARTITIONS": "2", "REDIS_URL": "redis://a:1/0"}, ["redis://a:1/0"] * 2, ["tagpipe.0", "tagpipe.1"]),
        (
            {"PARTITIONS": "2", "REDIS_URL": "redis+sentinel://a:1,b:1/s0,redis+sentinel://a:1,b:1/s1"},
            ["redis+sentinel://a:1,b:1/s0", "redis+sentinel://a:1,b:1/s1"],
            ["tagpipe.0", "tagpipe.1"],
        ),
    ],
)
def test_a_partition_has_an_address_and_a_namespace_of_its_own(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], urls: list[str], namespaces: list[str]
) -> None:
    together = load(monkeypatch, variables, ServiceSettings)
    parts = [together.in_partition(number) for number in range(together.partitions)]
    assert [part.current_redis_url() for part in parts] == urls
    assert [part.namespace for part in parts] == namespaces
    # One that works in a single partition is given its number.
    for number in range(together.partitions):
        monkeypatch.setenv("PARTITION", str(number))
        own = load(monkeypatch, variables, ConsumerSettings)
        assert (own.current_redis_url(), own.namespace) == (urls[number], namespaces[number])


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PARTITIONS": "2"}, "PARTITION: it is not set, and PARTITIONS is 2"),
        ({"PARTITIONS": "2", "PARTITION": "2"}, "PARTITION=2: PARTITIONS is 2, so the last one is 1"),
        ({"PARTITION": "1"}, "PARTITION=1: PARTITIONS is 1, so the last one is 0"),
        (
            {"PARTITIONS": "3", "PARTITION": "0", "REDIS_URL": "redis://:s3cret@a:1/0,redis://b:1/0"},
            "REDIS_URL: it holds 2 addresses, and PARTITIONS is 3",
        ),
        ({"PARTITIONS": "0"}, "PARTITIONS=0"),
        ({"REDIS_URL": "redis://a:1/0,redis://b:1/0"}, "REDIS_URL: it holds 2 addresses, and PARTITIONS is 1"),
    ],
)
def test_a_partition_that_can_not_be_is_said(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load(monkeypatch, variables, ConsumerSettings)
    assert said in str(raised.value)
    assert "s3cret" not in str(raised.value)
