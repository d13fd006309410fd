"""The services as real processes, and the law that they must keep: every value in exactly one place."""

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType

from sandbox.harness.feed import expected_rows, poll
from sandbox.harness.oracle import Cells
from sandbox.harness.services import Services
from services.writer.backup.directory import backup_files
from shared.queues.data_queue import DataQueue
from shared.queues.snapshot import Snapshot
from tests.csv_lines import complete_lines
from tests.oracle_target import OracleTarget

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


#: A polling group that a poller has, and nobody asks to be polled.
QUIET_GROUP = """
[[group]]
name = "line 1"
plc_code = "PLC01"
mode = "HANDSHAKE"
[group.source]
type = "simulator"
tags = 10
"""

#: Seconds that services get to end once a test has seen all it wants; those whose lines are counted have to tell them.
_GRACE_S = 5.0 if "COVERAGE_PROCESS_CONFIG" in os.environ else 0.0


class Pipeline(Services):
    """Services on one namespace and one table, a DataQueue to put values on, and the table and files they end in."""

    oracle: OracleTarget

    def __init__(self, redis_url: str, oracle: OracleTarget, table: str, namespace: str, directory: Path) -> None:
        settings = {"ORACLE_TABLE": table, **QUICK}
        super().__init__(directory, redis_url, oracle, namespace, settings=settings, grace_s=_GRACE_S)
        self.table = table
        self.queue = DataQueue(self.link, self.keys)
        self._polls = 0

    def put(self, polls: int, tags: int, plc_code: str = "PLC01") -> Cells:
        """Put polls on the DataQueue; return the rows that must come of them: (tag_name, time) -> (text, quality)."""
        rows: Cells = {}
        for _ in range(polls):
            data = poll(self._polls, tags, plc_code)
            self._polls += 1
            self.queue.put(data, timeout=10)
            rows |= expected_rows(data)
        return rows

    def snapshot(self) -> Snapshot:
        """Read the ledger; it must balance at every moment."""
        snapshot = super().snapshot()
        assert snapshot.balances, snapshot
        return snapshot

    def table_rows(self) -> Cells:
        """Return what the table holds."""
        return self.oracle.cells(self.table)

    def csv_rows(self, kind: str = "backup") -> list[dict[str, str]]:
        """Return the rows of all CSV files of a kind that wait for recovery, oldest file first."""
        rows: list[dict[str, str]] = []
        for path in backup_files(self.backup_dir):
            if path.name.startswith(kind):
                lines = list(complete_lines(path))
                rows += [dict(zip(lines[0], cells, strict=True)) for cells in lines[1:]]
        return rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.queue.close()
        super().__exit__(kind, error, trace)
        for service in ("consumer", "writer", "poller", "monitor"):
            # pytest shows it when the test failed.
            print(f"----- {service}.log\n{self.log(service)[-6000:]}")


def in_csv(rows: Iterable[Mapping[str, str]]) -> Cells:
    """Return CSV rows in the form of `table_rows`."""
    return {
        (row["tag_name"], datetime.fromisoformat(row["timestamp"])): (row["tag_value"], row["quality"]) for row in rows
    }
