"""Settings from the environment: defaults, mistakes that are named, addresses of Redis and partitions."""

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
from shared.settings.models import ServiceSettings
from tests.unit.shared.settings.reading import GOOD, SECRET, load
from tools.settings_table import SERVICES


@pytest.mark.req("FR-020")
def test_defaults_are_those_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, GOOD)
    assert isinstance(settings, WriterSettings)
    assert (settings.oracle_pool_min, settings.oracle_pool_max, settings.buffer_max_size) == (2, 5, 10_000)
    assert settings.retry_delays_s == [1.0, 2.0, 4.0]
    assert (settings.buffer_batch_size_max, settings.buffer_write_interval_sec) == (500, 0.5)
    assert settings.oracle_table == "TAG_DATA"
    assert settings.buffer_alert_depth == 8000


@pytest.mark.parametrize("settings", SERVICES.values(), ids=SERVICES)
def test_every_service_checks_what_all_of_them_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: type[ServiceSettings]
) -> None:
    """Kind: a check that another setting's check of the same name switches off: pydantic knows them by that alone.

    The writer refused LOG_LEVEL=info, the monitor took SOURCE_TIME_ZONE=Seoul and fell over it.
    """
    (tmp_path / "groups.toml").touch()
    given = {**GOOD, "POLLER_CONFIG": "groups.toml", "LOG_LEVEL": "info", "SOURCE_TIME_ZONE": "Seoul"}
    for name, value in given.items():
        if name.lower() in settings.model_fields:
            monkeypatch.setenv(name, value)
    if "source_time_zone" not in settings.model_fields:
        assert load_settings(settings).log_level == "INFO"
        return
    with pytest.raises(SettingsError) as caught:
        load_settings(settings)
    (problem,) = caught.value.problems
    assert problem.startswith("SOURCE_TIME_ZONE=Seoul: there is no time zone of the name")


@pytest.mark.parametrize("settings", SERVICES.values(), ids=SERVICES)
def test_no_check_has_the_name_of_another(settings: type[ServiceSettings]) -> None:
    checks = settings.__pydantic_decorators__
    names = {*checks.field_validators, *checks.model_validators}
    assert names
    for name in names:
        assert [base.__name__ for base in settings.__mro__ if name in vars(base)][1:] == []


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
