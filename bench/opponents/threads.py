"""The design that tagpipe replaces: one process, a deque of limited length, a consumer thread and a writer thread.

A feed puts polls on a queue at a steady rate; the consumer expands them on the deque; the writer looks at it every
50 ms and writes 500 rows, or what is there after the interval; it retries after 1, 2 and 4 s, then writes a CSV file.
It prints one line of JSON when it ends: values fed, written, saved to CSV, lost to overflow, left; and ages of rows.

    ORACLE_DSN=... ORACLE_USER=... ORACLE_PASSWORD=... python -m bench.opponents.threads TAGS INTERVAL_MS SECONDS DIR
"""

import collections
import csv
import json
import os
import queue
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import oracledb

MAX_SIZE, BATCH, INTERVAL_S, LOOK_S = 10_000, 500, 0.5, 0.05
RETRY_DELAYS_S = (1.0, 2.0, 4.0)

Poll = tuple[datetime, dict[str, float]]
Value = tuple[datetime, str, str, str]


class Threads:
    """The three threads and what they share."""

    def __init__(self, directory: Path) -> None:
        self.polls: queue.Queue[Poll] = queue.Queue()
        self.buffer: collections.deque[Value] = collections.deque(maxlen=MAX_SIZE)
        self.lock = threading.Lock()
        self.fed = self.written = self.saved = self.lost = 0
        self.ages: collections.Counter[float] = collections.Counter()
        self.feeding = True
        self._directory = directory
        self._connection: oracledb.Connection | None = None

    def feed(self, tags: int, interval_s: float, seconds: float) -> None:
        """Poll, on time."""
        began = time.monotonic()
        number = 0
        while number * interval_s < seconds:
            time.sleep(max(0.0, began + number * interval_s - time.monotonic()))
            self.polls.put((datetime.now(UTC), {f"D{tag}": tag * 1.5 + number for tag in range(tags)}))
            self.fed += tags
            number += 1
        self.feeding = False

    def consume(self) -> None:
        """Expand polls to values."""
        while self.feeding or not self.polls.empty():
            try:
                moment, readings = self.polls.get(timeout=0.1)
            except queue.Empty:
                continue
            for address, reading in readings.items():
                with self.lock:
                    self.lost += len(self.buffer) == MAX_SIZE
                    self.buffer.append((moment, f"PLC01.{address}", str(reading), "GOOD"))

    def write(self) -> None:
        """Write batches as they become due."""
        last = time.monotonic()
        while self.feeding or self.buffer or not self.polls.empty():
            if len(self.buffer) < BATCH and time.monotonic() - last < INTERVAL_S:
                time.sleep(LOOK_S)
                continue
            with self.lock:
                values = [self.buffer.popleft() for _ in range(min(BATCH, len(self.buffer)))]
            last = time.monotonic()
            if values:
                self._write(values)

    def _write(self, values: list[Value]) -> None:
        for delay_s in (*RETRY_DELAYS_S, None):
            try:
                self._insert(values)
            except oracledb.Error:
                self._connection = None
                if delay_s is not None:
                    time.sleep(delay_s)
            else:
                self.written += len(values)
                now = datetime.now(UTC)
                self.ages.update(round((now - value[0]).total_seconds(), 3) for value in values)
                return
        with (self._directory / f"backup_{time.time_ns()}.csv").open("w") as file:
            csv.writer(file).writerows(values)
        self.saved += len(values)

    def _insert(self, values: list[Value]) -> None:
        if self._connection is None:
            self._connection = oracledb.connect(
                user=os.environ["ORACLE_USER"], password=os.environ["ORACLE_PASSWORD"], dsn=os.environ["ORACLE_DSN"]
            )
        cursor = self._connection.cursor()
        cursor.setinputsizes(100, 255, oracledb.DB_TYPE_TIMESTAMP, 20)
        cursor.executemany(
            "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality) VALUES (:1, :2, :3, :4)",
            [(name, text, moment.replace(tzinfo=None), quality) for moment, name, text, quality in values],
        )
        self._connection.commit()

    def report(self) -> dict[str, Any]:
        """Return what became of all values."""
        return {
            "fed": self.fed, "written": self.written, "saved": self.saved, "lost": self.lost,
            "left": len(self.buffer), "ages": sorted(self.ages.items()),
        }  # fmt: skip


def main(tags: int, interval_ms: int, seconds: float, directory: Path) -> None:
    """Run for so many seconds and until the deque is empty."""
    design = Threads(directory)
    threads = [threading.Thread(target=design.consume), threading.Thread(target=design.write)]
    for thread in threads:
        thread.start()
    design.feed(tags, interval_ms / 1000, seconds)
    for thread in threads:
        thread.join()
    print(json.dumps(design.report()))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
