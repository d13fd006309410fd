"""The services as real processes, and the law that they must keep: every value in exactly one place."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.harness.waiting import wait_until
from services.writer.backup.index import backup_files, complete_lines
from shared.data_queue import DataQueue
from shared.keys import Keys
from shared.models import PollingData
from shared.redis_link import RedisLink
from shared.snapshot import Snapshot, take_snapshot
from tests.oracle_target import OracleTarget

ROOT = Path(__file__).parent.parent
START = datetime(2026, 1, 2, 3, 4, 5, 678901)

#: Short times, so that what takes minutes in a plant takes seconds in a test.
QUICK = {
    "ORACLE_RETRY_BASE_DELAY": "0.05",
    "ORACLE_PROBE_INTERVAL": "0.3",
    "ORACLE_POOL_TIMEOUT": "1",
    "ORACLE_CALL_TIMEOUT": "1.5",
    "ORACLE_CONNECT_TIMEOUT": "1",
    "BUFFER_WRITE_INTERVAL_SEC": "0.05",
    "BACKUP_MIN_FREE_BYTES": "0",
}


class Pipeline:
    """Services on one namespace and one table; ends every process that it started."""

    def __init__(self, redis_url: str, oracle: OracleTarget, table: str, namespace: str, directory: Path) -> None:
        self.oracle = oracle
        self.table = table
        self.keys = Keys(namespace)
        self.link = RedisLink(redis_url)
        self.queue = DataQueue(self.link, self.keys)
        self.backup_dir = directory / "backup"
        self.directory = directory
        self.environment = {
            "REDIS_URL": redis_url,
            "REDIS_NAMESPACE": namespace,
            "ORACLE_DSN": oracle.dsn,
            "ORACLE_USER": oracle.user,
            "ORACLE_PASSWORD": oracle.password,
            "ORACLE_TABLE": table,
            "BACKUP_DIR": str(self.backup_dir),
            "RUN_DIR": str(directory),
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ["PATH"],
            **QUICK,
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self._polls = 0
        #: A descriptor that services write their log to in place of their files.
        self.stderr: int | None = None

    def start(self, service: str, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start a service with further settings; its log is appended to `<service>.log`."""
        with self.log_path(service).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"services.{service}", *arguments],
                cwd=self.directory,
                env={**self.environment, **settings},
                stdout=log,
                stderr=log if self.stderr is None else self.stderr,
            )
        self._processes.append(process)
        return process

    def start_and_wait(self, service: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start a service and wait until its loop turns."""
        before = self._incarnations()
        process = self.start(service, **settings)
        wait_until(lambda: self._incarnations() - before or process.poll() is not None, what=f"{service} to start")
        assert process.poll() is None, self.log(service)
        return process

    def _incarnations(self) -> set[str]:
        beats = (self.link.hash(self.keys.service(*name.split(":", 1))) for name in self.services())
        return {beat.get("incarnation", "") for beat in beats}

    def services(self) -> list[str]:
        """Return the names of the living services: `role:instance`."""
        members = self.link.command("ZRANGE", self.keys.services, 0, -1)
        names = [member.decode() for member in members]
        return [name for name in names if self.link.hash(self.keys.service(*name.split(":", 1)))]

    def log_path(self, service: str) -> Path:
        """Where a service's log goes."""
        return self.directory / f"{service}.log"

    def log(self, service: str) -> str:
        """Return what a service has logged so far."""
        path = self.log_path(service)
        return path.read_text(errors="replace") if path.exists() else ""

    def put(self, polls: int, tags: int, plc_code: str = "PLC01") -> dict[tuple[str, object], tuple[object, str]]:
        """Put polls on the DataQueue; return the rows that must come of them: (tag_name, time) -> (text, quality)."""
        rows: dict[tuple[str, object], tuple[object, str]] = {}
        for _ in range(polls):
            data = poll(self._polls, tags, plc_code)
            self._polls += 1
            self.queue.put(data, timeout=10)
            rows |= expected_rows(data)
        return rows

    def snapshot(self) -> Snapshot:
        """Read the ledger; it must balance at every moment."""
        snapshot = take_snapshot(self.link, self.keys)
        assert snapshot.balances, snapshot
        return snapshot

    def wait_until_idle(self, timeout_s: float = 30.0) -> Snapshot:
        """Wait until nothing is queued, buffered or in flight; return the ledger then."""
        return wait_until(self._idle, timeout_s, "the pipeline to be idle")

    def _idle(self) -> Snapshot | None:
        snapshot = self.snapshot()
        busy = snapshot.queued_messages + snapshot.claimed_messages + snapshot.in_buffer + snapshot.in_flight
        return None if busy else snapshot

    def table_rows(self) -> dict[tuple[str, object], tuple[object, str]]:
        """Return what the table holds."""
        return self.oracle.rows(self.table)

    def csv_rows(self, kind: str = "backup") -> list[dict[str, str]]:
        """Return the rows of all CSV files of a kind that wait for recovery, oldest file first."""
        rows: list[dict[str, str]] = []
        for path in backup_files(self.backup_dir):
            if path.name.startswith(kind):
                lines = list(complete_lines(path))
                rows += [dict(zip(lines[0], cells, strict=True)) for cells in lines[1:]]
        return rows

    def stop(self, process: subprocess.Popen[bytes], timeout_s: float = 8.0) -> int:
        """Ask a process to stop; return its exit status."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return process.wait(timeout_s)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process without warning."""
        process.kill()
        process.wait(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(5)
        self.queue.close()
        self.link.close()
        for service in ("consumer", "writer", "poller", "monitor"):
            # pytest shows it when the test failed.
            print(f"----- {service}.log\n{self.log(service)[-6000:]}")


def poll(number: int, tags: int, plc_code: str = "PLC01") -> PollingData:
    """Return the `number`-th poll of a test: every value differs, every time is unique."""
    return PollingData(
        timestamp=START + timedelta(microseconds=number),
        group_id=1,
        group_name="line 1",
        plc_code=plc_code,
        tag_values={f"D{tag}": number * 1000 + tag + 0.5 for tag in range(tags)},
    )


def expected_rows(data: PollingData) -> dict[tuple[str, object], tuple[object, str]]:
    """Return the rows that a poll of plain numbers must become."""
    return {
        (f"{data.plc_code}.{address}", data.timestamp): (repr(value), "GOOD")
        for address, value in data.tag_values.items()
    }


def in_csv(rows: Iterable[Mapping[str, str]]) -> dict[tuple[str, object], tuple[object, str]]:
    """Return CSV rows in the form of `table_rows`."""
    return {
        (row["tag_name"], datetime.fromisoformat(row["timestamp"])): (row["tag_value"], row["quality"]) for row in rows
    }
