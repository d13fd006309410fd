"""Real edges for all tests: a Redis server, an Oracle (the stand-in, or a real one), and namespaces of their own."""

import gc
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.process import OracleStandIn
from sandbox.harness.process import Process
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.templates import Templates
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline
from tests.redis_servers import REDIS_SERVERS

# Who forbids bytecode (containers do) would have each worker rewrite the asserts of all test modules, each time.
sys.dont_write_bytecode = False

# Without it structlog draws each traceback in a box: a tenth of a second for every fault that a test makes.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.dev.ConsoleRenderer(colors=False),
    ]
)


def pytest_collection_finish() -> None:
    """Let the collector leave alone what stays to the end: thousands of tests and their modules."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def signs_of_life(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let services that a test starts by the environment of its own leave their files where tests leave theirs."""
    os.environ["RUN_DIR"] = str(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session", autouse=True)
def bytecode() -> None:
    """Let what tests start keep its bytecode: hundreds of processes would each compile the same modules again."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session", autouse=True)
def templates() -> Iterator[None]:
    """Spare the services their imports from the second start on: half of what all tests would cost."""
    services = (f"services.{name}" for name in ("consumer", "monitor", "poller", "writer"))
    plants = (f"tests.integration.poller.sources.opcua.{name}" for name in ("plant", "odd_plant"))
    with Templates([*services, *plants]) as Process.templates:
        yield
    Process.templates = None


@pytest.fixture(scope="session", params=[name for name, path in REDIS_SERVERS.items() if path])
def redis_server(request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    """A running server; tests share it and keep apart by their namespaces."""
    with EmbeddedRedis(program=REDIS_SERVERS[request.param]) as server:
        yield server


@pytest.fixture
def namespace() -> str:
    """A namespace of the test's own."""
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
def keys(namespace: str) -> Keys:
    return Keys(namespace)


@pytest.fixture
def link(redis_server: EmbeddedRedis) -> Iterator[RedisLink]:
    link = RedisLink(redis_server.url)
    yield link
    link.close()


@pytest.fixture(scope="session")
def oracle_server() -> Iterator[OracleTarget]:
    """The stand-in, or the real Oracle that ORACLE_TEST_DSN, ORACLE_TEST_USER and ORACLE_TEST_PASSWORD name."""
    dsn = os.environ.get("ORACLE_TEST_DSN")
    if dsn:
        yield OracleTarget(dsn, os.environ["ORACLE_TEST_USER"], os.environ["ORACLE_TEST_PASSWORD"], None)
        return
    with OracleStandIn() as stand_in:
        yield OracleTarget(stand_in.dsn, stand_in.user, stand_in.password, stand_in)


@pytest.fixture
def oracle(oracle_server: OracleTarget) -> Iterator[OracleTarget]:
    """Oracle without faults, whatever the test before left."""
    if oracle_server.stand_in is not None:
        oracle_server.control.reset()
    yield oracle_server
    if oracle_server.stand_in is not None:
        oracle_server.control.reset()


@pytest.fixture
def faults(oracle: OracleTarget) -> OracleControl:
    """The switch for Oracle's faults; a real Oracle has none."""
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    return oracle.control


@pytest.fixture
def table(oracle: OracleTarget) -> Iterator[str]:
    """An empty tag_data table of the test's own."""
    with oracle.table() as name:
        yield name


@pytest.fixture
def pipeline(
    redis_server: EmbeddedRedis, oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> Iterator[Pipeline]:
    """Services as real processes on a namespace and a table of the test's own; none is started yet."""
    with Pipeline(redis_server.url, oracle, table, namespace, tmp_path) as pipeline:
        yield pipeline
