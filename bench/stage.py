"""Where a benchmark plays: a Redis, the Oracle stand-in and services of its own, each a process; all end with it."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import oracledb

from bench.measure import cpu_s, resident_mb
from oracle_stand_in.process import OracleStandIn
from sandbox.harness.redis import EmbeddedRedis, free_port
from sandbox.harness.supervisor import Supervisor
from shared.counters import Counter
from shared.keys import Keys
from shared.models import TagValue, encode_values
from shared.redis_link import RedisLink
from shared.snapshot import Snapshot, take_snapshot

BATCH = 500
INSERT = "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality) VALUES (:1, :2, :3, :4)"
SIZES = (100, 255, oracledb.DB_TYPE_TIMESTAMP, 20)

#: Seconds that anything may take before a benchmark gives up.
PATIENCE_S = 120.0

_SQL = Path(__file__).resolve().parent.parent / "deploy" / "oracle"
_START = datetime(2026, 1, 1)  # noqa: DTZ001 - bound as TIMESTAMP, which has no zone
_PLC, _TAGS = "PLC01", 5000

Row = tuple[str, str, datetime, str]


class StuckError(Exception):
    """A benchmark did not come to its end; the text says what was waited for."""


@dataclass(frozen=True)
class Service:
    """A running service."""

    name: str
    pid: int

    @property
    def cpu_s(self) -> float:
        """CPU seconds used so far."""
        return cpu_s(self.pid)

    @property
    def resident_mb(self) -> float:
        """Megabytes in RAM now."""
        return resident_mb(self.pid)


class Stage:
    """A context manager; every stage is empty and quick: no fault, no delay, a buffer without values."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._numbers = 0
        self.keys = Keys("tagpipe")

    def __enter__(self) -> Self:
        with self._stack:
            self.directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tagpipe-bench-")))
            self._supervisor = self._stack.enter_context(Supervisor(self.directory))
            self.redis = self._stack.enter_context(EmbeddedRedis())
            tables = [_SQL / "02_tag_data.sql", _SQL / "03_tag_values.sql"]
            self.oracle = self._stack.enter_context(OracleStandIn(init_sql=tables))
            self.link = RedisLink(self.redis.url, client_name="bench")
            self._stack.callback(self.link.close)
            self.connection = oracledb.connect(
                user=self.oracle.user, password=self.oracle.password, dsn=self.oracle.dsn
            )
            self.connection.autocommit = True
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """Settings of every service: the defaults, and where its edges are."""
        return {
            "PATH": os.environ["PATH"],
            "REDIS_URL": self.redis.url,
            "ORACLE_DSN": self.oracle.dsn,
            "ORACLE_USER": self.oracle.user,
            "ORACLE_PASSWORD": self.oracle.password,
            "BACKUP_DIR": str(self.directory / "backup"),
            "BACKUP_MIN_FREE_BYTES": "0",
            "LOG_LEVEL": "WARNING",
        }

    def start(self, role: str, *arguments: str, **settings: object) -> Service:
        """Start a service and wait until its loop turns."""
        before = self._living()
        service = self.spawn(role, f"services.{role}", *arguments, **settings)
        wait_until(lambda: self._living() - before, f"{role} to start: see {self.directory}")
        return service

    def spawn(self, role: str, module: str, *arguments: str, **settings: object) -> Service:
        """Start a Python module."""
        self._numbers += 1
        name = f"{role}-{self._numbers}"
        environment = {**self.environment, **{key: str(value) for key, value in settings.items()}}
        child = self._supervisor.spawn(name, [module, *arguments], environment)
        return Service(name, child.process.pid)

    def stop(self, *services: Service) -> None:
        """End services in order."""
        self._supervisor.stop([service.name for service in services], 8.0)

    def kill(self, service: Service) -> None:
        """End a service without warning."""
        os.kill(service.pid, signal.SIGKILL)
        self._supervisor.stop([service.name], 1.0)

    def wait_for_end(self, service: Service) -> None:
        """Wait until a process ends by itself."""
        child = self._supervisor.child(service.name)
        wait_until(lambda: child is None or child.status is not None, f"{service.name} to end")
        self._supervisor.stop([service.name], 0.1)

    def log(self, service: Service) -> str:
        """Return what a service has printed."""
        return (self.directory / f"{service.name}.log").read_text(errors="replace")

    @staticmethod
    def free_port() -> int:
        """Return a port for a service."""
        return free_port()

    def poll(self, tags: int, interval_ms: int, groups: int = 1) -> Service:
        """Start a poller of simulated tags."""
        config = self.directory / "groups.toml"
        config.write_text(
            "".join(
                f'[[group]]\nname = "g{number}"\nplc_code = "PLC{number:02}"\ninterval_ms = {interval_ms}\n'
                f'[group.source]\ntype = "simulator"\ntags = {tags}\nseed = {number}\nbad_ratio = 0\n'
                for number in range(groups)
            )
        )
        return self.start("poller", POLLER_CONFIG=config, LOG_LEVEL="INFO")

    def polling_groups(self) -> list[dict[str, Any]]:
        """Return the state of all groups, as the poller's heartbeat tells it."""
        names = self.link.command("ZRANGE", self.keys.services, 0, -1)
        beats = [self.link.hash(self.keys.service(*name.decode().split(":", 1))) for name in names]
        return [group for beat in beats for group in json.loads(beat.get("groups", "[]"))]

    def snapshot(self) -> Snapshot:
        """Read the ledger."""
        return take_snapshot(self.link, self.keys)

    def count(self) -> int:
        """Return the number of rows committed to tag_data, without asking Oracle itself."""
        return self.oracle.control.status().tables["TAG_DATA"]

    def written_per_s(self, seconds: float) -> float:
        """Return the rate at which values are committed, over so many seconds."""
        first, began = self.snapshot(), time.perf_counter()
        time.sleep(seconds)
        last, took_s = self.snapshot(), time.perf_counter() - began
        return (last[Counter.WRITTEN] - first[Counter.WRITTEN]) / took_s

    def fill(self, values: Sequence[bytes]) -> None:
        """Let values be in the buffer, all at one moment, and wake who waits for them."""
        aside = f"{self.keys.buffer}:aside"
        for first in range(0, len(values), 5000):
            self.link.command("RPUSH", aside, *values[first : first + 5000])
        self.link.commands(
            ("RENAME", aside, self.keys.buffer),
            ("HINCRBY", self.keys.counters, "inserted", len(values)),
            ("RPUSH", self.keys.ready_bell, 1),
            ("RPUSH", self.keys.full_bell, 1),
        )

    def clear(self) -> None:
        """Empty Redis (the services must have ended) and the tables."""
        self.link.command("FLUSHALL")
        with self.connection.cursor() as cursor:
            cursor.execute("TRUNCATE TABLE tag_data")
            cursor.execute("TRUNCATE TABLE tag_values")

    def _living(self) -> set[str]:
        names = (name.decode() for name in self.link.command("ZRANGE", self.keys.services, 0, -1))
        beats = (self.link.hash(self.keys.service(*name.split(":", 1))) for name in names)
        return {beat.get("incarnation", "") for beat in beats} - {""}


@contextmanager
def cpu_of(services: Mapping[str, int]) -> Iterator[dict[str, float]]:
    """Measure the CPU seconds that processes (name -> pid) use inside of the block; the dict is filled at its end."""
    before = {name: cpu_s(pid) for name, pid in services.items()}
    used: dict[str, float] = {}
    yield used
    used.update({name: cpu_s(pid) - before[name] for name, pid in services.items()})


def wait_until(condition: Callable[[], object], what: str, look_s: float = 0.01) -> None:
    """Wait until something is true. Raises: StuckError."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise StuckError(f"gave up waiting for {what}")
        time.sleep(look_s)


def rows(count: int) -> list[Row]:
    """Return rows whose keys differ: 5,000 tags each second."""
    return [
        (f"{_PLC}.D{number % _TAGS}", str(number * 1.5), _START + timedelta(seconds=number // _TAGS), "GOOD")
        for number in range(count)
    ]


def values_of(table_rows: Sequence[Row]) -> list[bytes]:
    """Return rows as they stand in the buffer."""
    return encode_values(
        [TagValue(moment, _PLC, name[len(_PLC) + 1 :], text, quality) for name, text, moment, quality in table_rows]
    )


def insert_all(connection: oracledb.Connection, table_rows: Sequence[Row]) -> None:
    """Do what no writer can do without: bind, insert and commit, batch after batch, one round trip each."""
    with connection.cursor() as cursor:
        for first in range(0, len(table_rows), BATCH):
            cursor.setinputsizes(*SIZES)
            cursor.executemany(INSERT, table_rows[first : first + BATCH], batcherrors=True)
