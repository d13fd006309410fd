"""Where a benchmark plays: a stack of its own, what fills and empties it, and a bare insert loop beside it."""

import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import oracledb

from bench.measure import cpu_s
from sandbox.harness.oracle import ROOT
from sandbox.harness.redis import free_port
from sandbox.harness.stack import Stack
from shared.counters import Counter
from shared.messages import encode_polling_data
from shared.models import PollingData, TagValue, encode_values
from shared.records.heartbeats import PollerStatus
from shared.records.polling import PollerGroup
from shared.records.reading import from_hash, from_json, json_array

BATCH = 500

#: Values that a buffer holds where nothing is set.
BUFFER_CAP = 10_000

INSERT = "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality) VALUES (:1, :2, :3, :4)"
SIZES = (100, 255, oracledb.DB_TYPE_TIMESTAMP, 20)

_START = datetime(2026, 1, 1)  # noqa: DTZ001 - bound as TIMESTAMP, which has no zone
_PLC, _TAGS = "PLC01", 5000

Row = tuple[str, str, datetime, str]


class Stage(Stack):
    """A context manager; every stage is empty and quick: no fault, no delay, a buffer without values.

    checkout: whose services run on it; Redis, the stand-in and what measures are always this one's.
    """

    def __init__(self, checkout: Path = ROOT) -> None:
        self._ends = ExitStack()
        directory = Path(self._ends.enter_context(tempfile.TemporaryDirectory(prefix="tagpipe-bench-")))
        #: Where its monitor listens, whoever else has one on this machine.
        self.monitor_port = free_port()
        settings = {
            "BACKUP_MIN_FREE_BYTES": 0, "LOG_LEVEL": "WARNING", "MONITOR_PORT": self.monitor_port,
            "PYTHONPATH": checkout,
        }  # fmt: skip
        super().__init__(directory, settings=settings)

    def __enter__(self) -> Self:
        with self._ends:
            super().__enter__()
            self._ends.push(super().__exit__)
            self.connection = self._ends.enter_context(self.oracle.connect())
            self.connection.autocommit = True
            # As a script's: what it measures has no bound that the driver would have to watch.
            self.connection.call_timeout = 0
            self._ends = self._ends.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    def poll(self, tags: int, interval_ms: int, groups: int = 1) -> subprocess.Popen[bytes]:
        """Start a poller of simulated tags."""
        config = self.directory / "groups.toml"
        config.write_text(
            "".join(
                f'[[group]]\nname = "g{number}"\nplc_code = "PLC{number:02}"\ninterval_ms = {interval_ms}\n'
                f'[group.source]\ntype = "simulator"\ntags = {tags}\nseed = {number}\nbad_ratio = 0\n'
                for number in range(groups)
            )
        )
        return self.start_and_wait("poller", POLLER_CONFIG=config, LOG_LEVEL="INFO")

    def polling_groups(self) -> list[PollerGroup]:
        """Return the state of all groups, as the poller's heartbeat tells it."""
        told = (from_hash(PollerStatus, self.beat(name)) or PollerStatus() for name in self.living())
        groups = (from_json(PollerGroup, bytes(raw)) for status in told for raw in json_array(status.groups))
        return [group for group in groups if group is not None]

    def count(self) -> int:
        """Return the number of rows committed to tag_data, without asking Oracle itself."""
        return self.stand_in.control.status().tables["TAG_DATA"]

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
            ("RPUSH", self.keys.ready_token, 1),
            ("RPUSH", self.keys.full_token, 1),
        )

    def prepare_queue(self, messages: Iterable[bytes]) -> None:
        """Lay messages beside the DataQueue."""
        for encoded in messages:
            self.link.command("RPUSH", self._aside, encoded)

    def open_queue(self) -> None:
        """Let what was laid beside the DataQueue be on it, all at one moment."""
        self.link.command("RENAME", self._aside, self.keys.data_queue)

    @property
    def _aside(self) -> str:
        return f"{self.keys.data_queue}:aside"

    def edges(self) -> dict[str, int]:
        """Return name and pid of what stands at the pipeline's ends."""
        processes = {"Redis": self.redis.process, "Oracle's stand-in": self.stand_in.process}
        return {name: process.pid for name, process in processes.items() if process is not None}

    def empty_table(self) -> None:
        """Let nobody's rows be in the tables; what is in Redis stays."""
        with self.connection.cursor() as cursor:
            cursor.execute("TRUNCATE TABLE tag_data")
            cursor.execute("TRUNCATE TABLE tag_values")

    def clear(self) -> None:
        """Empty Redis (the services must have ended) and the tables."""
        self.link.command("FLUSHALL")
        self.empty_table()


@contextmanager
def cpu_of(services: Mapping[str, int]) -> Iterator[dict[str, float]]:
    """Measure the CPU seconds that processes (name -> pid) use inside of the block; the dict is filled at its end."""
    before = {name: cpu_s(pid) for name, pid in services.items()}
    used: dict[str, float] = {}
    yield used
    used.update({name: cpu_s(pid) - before[name] for name, pid in services.items()})


def rows(count: int, first: int = 0) -> list[Row]:
    """Return rows whose keys differ, 5,000 tags each second, from the first of them on."""
    return [
        (f"{_PLC}.D{number % _TAGS}", str(number * 1.5), _START + timedelta(seconds=number // _TAGS), "GOOD")
        for number in range(first, first + count)
    ]


def values_of(table_rows: Sequence[Row]) -> list[bytes]:
    """Return rows as they stand in the buffer."""
    return encode_values(
        [TagValue(moment, _PLC, name[len(_PLC) + 1 :], text, quality) for name, text, moment, quality in table_rows]
    )


def message(number: int, tags: int) -> bytes:
    """Return a poll of so many tags as it stands on the DataQueue; every number has a moment of its own."""
    return encode_polling_data(
        PollingData(
            timestamp=_START + timedelta(milliseconds=number),
            group_id=1,
            group_name="line 1",
            plc_code=_PLC,
            tag_values={f"D{tag}": number + tag * 1.5 for tag in range(tags)},
        )
    )


def insert_all(connection: oracledb.Connection, table_rows: Sequence[Row]) -> None:
    """Do what no writer can do without: bind, insert and commit, batch after batch, one round trip each."""
    with connection.cursor() as cursor:
        for first in range(0, len(table_rows), BATCH):
            cursor.setinputsizes(*SIZES)
            cursor.executemany(INSERT, table_rows[first : first + BATCH], batcherrors=True)
