"""The stage of a drill: Redis, the Oracle stand-in, a real consumer, a real writer, and values of which all is known.

What must be in the table is kept here, value by value, as it is put on the DataQueue.
"""

import fcntl
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.supervisor import Supervisor
from sandbox.pipeline import ChildDiedError, StoppedEarly
from sandbox.recording import Comparison, Recording, compare
from sandbox.table import DemoTable
from shared.data_queue import DataQueue
from shared.errors import TransientError
from shared.keys import Keys
from shared.lifecycle import StopFlag
from shared.redis_link import RedisLink
from shared.snapshot import Snapshot, take_snapshot

#: Tags of one poll at most: a larger installation has several PLCs.
TAGS_IN_A_POLL = 3491

#: Seconds that the services may take for anything that a drill waits for, the outage itself excluded.
PATIENCE_S = 120.0

_LOOK_S = 0.05

_ROOT = Path(__file__).resolve().parent.parent
_TABLE_SQL = _ROOT / "deploy" / "oracle" / "02_tag_data.sql"

#: Settings of the caller's environment that a drill has of its own.
_OWN = ("REDIS_", "ORACLE_HOST", "ORACLE_PORT", "ORACLE_SERVICE", "ORACLE_DSN", "ORACLE_USER", "ORACLE_PASSWORD",
        "ORACLE_TABLE", "BACKUP_DIR", "INSTANCE_NAME", "NO_VALUE_TEXT")  # fmt: skip

_PLC = "DRILL"

#: A tag's name and time -> the text and quality that the table must hold.
Cells = dict[tuple[str, datetime], tuple[str, str]]


class Scene:
    """Everything of one drill, as a context manager that leaves no process behind."""

    def __init__(self, directory: Path, stop: StopFlag, **settings: object) -> None:
        self._directory = directory
        self._stop = stop
        self._settings = {name.upper(): str(value) for name, value in settings.items()}
        self._supervisor = Supervisor(directory)
        self._redis = EmbeddedRedis(directory=directory / "redis")
        # With a file, so that what was committed outlives a kill, as in any database.
        self._oracle = OracleStandIn(init_sql=_TABLE_SQL, data=directory / "oracle.data", log=directory / "oracle.log")
        self.keys = Keys("drill")
        self.link = RedisLink(self._redis.url, client_name="drill")
        self.queue = DataQueue(self.link, self.keys)
        self.backup_directory = directory / "backup"

    def __enter__(self) -> Self:
        self._supervisor.__enter__()
        try:
            self._redis.start()
            if self._redis.process is not None:
                self._supervisor.adopt("redis", self._redis.process, self._directory / "redis" / "server.log")
            self.start_oracle()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.queue.close()
        self._supervisor.stop(["consumer", "writer"], wait_s=5.0)
        self._supervisor.stop(["oracle", "redis"], wait_s=2.0)
        self._supervisor.__exit__(kind, error, trace)
        self.link.close()

    def start_oracle(self) -> None:
        """Start Oracle, with what was committed before."""
        self._oracle.start()
        if self._oracle.process is not None:
            self._supervisor.adopt("oracle", self._oracle.process, self._directory / "oracle.log")

    def kill_oracle(self) -> None:
        """End Oracle as a crash does (SIGKILL)."""
        self._oracle.kill()
        self._supervisor.stop(["oracle"], wait_s=0.0)

    def start(self, service: str) -> None:
        """Start a service and wait until it beats."""
        self._supervisor.spawn(service, [f"services.{service}"], self._environ())
        self.until(lambda: self.link.hash(self.keys.service(service, "drill")), f"{service} does not start")

    def recover(self) -> tuple[int, str]:
        """Run the writer's command `recover`; return its exit status and what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "services.writer", "recover"],
            cwd=self._directory,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).strip()

    def _environ(self) -> Mapping[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        return own | {
            "PYTHONPATH": str(_ROOT),
            "REDIS_URL": self._redis.url,
            "REDIS_NAMESPACE": self.keys.namespace,
            "ORACLE_DSN": self._oracle.dsn,
            "ORACLE_USER": self._oracle.user,
            "ORACLE_PASSWORD": self._oracle.password,
            "BACKUP_DIR": str(self.backup_directory),
            "BACKUP_MIN_FREE_BYTES": "10000000",
            "INSTANCE_NAME": "drill",
            **self._settings,
        }

    def ledger(self) -> Snapshot:
        """Return the figures of this moment."""
        return take_snapshot(self.link, self.keys)

    def until(self, condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait for a condition.

        Raises: RuntimeError: it took too long, `what` says what is missing; ChildDiedError; StoppedEarly.
        """
        deadline = time.monotonic() + patience_s
        while not condition():
            self.go_on(_LOOK_S)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} (waited {patience_s:.0f} s)")

    def go_on(self, wait_s: float) -> None:
        """Let time pass.

        Raises: StoppedEarly: Ctrl+C; ChildDiedError: a process ended by itself.
        """
        if self._stop.wait(wait_s):
            raise StoppedEarly
        fallen = self._supervisor.fallen()
        if fallen is not None:
            raise ChildDiedError(fallen)

    def until_idle(self) -> Snapshot:
        """Wait until no value is on its way; return the ledger then."""

        def is_idle() -> bool:
            now = self.ledger()
            return not (now.queued_messages or now.claimed_messages or now.in_buffer or now.in_flight)

        self.until(is_idle, "values are still on their way")
        return self.ledger()

    def has_open_files(self) -> bool:
        """Tell whether the writer still writes a backup file: it holds a lock then."""
        for path in self.backup_directory.glob("backup_*.csv"):
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
        return False

    def rows_in_backup(self) -> int:
        """Return how many values the backup files hold, as the monitor shows it."""
        entries = [json.loads(entry) for entry in self.link.hash(self.keys.backup_files).values()]
        return sum(entry["rows"] for entry in entries if entry["kind"] == "backup")

    def loss_records(self) -> list[dict[str, Any]]:
        """Return the consumer's records of overflow, the oldest first."""
        return [json.loads(record) for _, record in sorted(self.link.hash(self.keys.overflow_episodes).items())]

    def compare(self, wanted: Cells) -> Comparison:
        """Compare the table with what it must hold, value by value."""
        table = DemoTable(self._oracle.dsn, self._oracle.user, self._oracle.password)
        return compare(Recording(rows=0, tags=0, cells=wanted, left_out=[], restamped=0), table.rows())


def make_poll(number: int, tags: int, began_at: datetime, interval_s: float) -> tuple[dict[str, object], Cells]:
    """Return the message of one poll, and what the table must hold of it, in the order of its values."""
    moment = began_at + timedelta(seconds=number * interval_s)
    values = {f"D{tag}": number * TAGS_IN_A_POLL + tag + 0.5 for tag in range(tags)}
    message = {
        "timestamp": moment.isoformat(),
        "group_id": 1,
        "group_name": "drill",
        "plc_code": _PLC,
        "mode": "FIXED",
        "tag_values": values,
        "poll_time_ms": 1.0,
        "error_tags": {},
    }
    return message, {(f"{_PLC}.{address}", moment): (repr(value), "GOOD") for address, value in values.items()}


def start_of_polls() -> datetime:
    """Return the time of a drill's first poll: now, as the table shows it."""
    return datetime.now(UTC).replace(tzinfo=None)


class Feed:
    """Puts `rate` values a second on the DataQueue, in a thread of its own, as a context manager."""

    def __init__(self, queue: DataQueue, rate: int) -> None:
        polls_per_s = math.ceil(rate / TAGS_IN_A_POLL)
        self._queue = queue
        self._tags = max(1, rate // polls_per_s)
        self._interval_s = self._tags / rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.cells: Cells = {}
        self.failure: str | None = None

    def _run(self) -> None:
        began_at, began = start_of_polls(), time.monotonic()
        number = 0
        while not self._stop.wait(began + number * self._interval_s - time.monotonic()):
            message, cells = make_poll(number, self._tags, began_at, self._interval_s)
            try:
                self._queue.put(message, timeout=5.0)
            except TransientError as error:
                self.failure = str(error)
                return
            self.cells |= cells
            number += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
