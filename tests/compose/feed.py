"""A polling engine of the test's own, which knows what must be in the table because of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count

from sandbox.harness.feed import expected_rows, poll
from sandbox.harness.oracle import Cells
from sandbox.harness.waiting import wait_until
from shared.errors import QueueFullError, RedisUnavailableError
from tests.compose.stack import Stack

#: 400 values a second.
_TAGS, _INTERVAL_S = 40, 0.1

#: A time as text: bound as it is, it would lose its microseconds.
_AT = "TO_TIMESTAMP(:{}, 'YYYY-MM-DD HH24:MI:SS.FF6')"

_numbers = count()

Rows = Cells


class Feed:
    """Puts polls on the DataQueue, each until it is taken, and remembers their rows."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._rows: Rows = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed")

    @property
    def values(self) -> int:
        """Values put so far."""
        return len(self._rows)

    def wait_for(self, values: int) -> None:
        """Wait until so many more values were put."""
        goal = self.values + values
        wait_until(lambda: self.values >= goal, 120, f"{values} more values to be put")

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL_S):
            data = poll(next(_numbers), _TAGS, "FEED")
            while True:
                try:
                    # The same one again after a lost answer: the table's key tells the copies.
                    self._stack.queue.put(data, timeout=5)
                    break
                except (RedisUnavailableError, QueueFullError):
                    if self._stop.wait(_INTERVAL_S):
                        return
            self._rows |= expected_rows(data)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Put no more."""
        self._stop.set()
        self._thread.join()

    def wait_until_stored(self, timeout_s: float = 60) -> None:
        """Wait until all values are in the table, each once and as it was put."""
        assert self._rows
        last = list(self._rows)[-1]
        wait_until(lambda: self._is_there(*last) and not self._missing(), timeout_s, "all values to be in the table")
        stored = self._stored()
        assert stored == self._rows

    def _is_there(self, name: str, timestamp: object) -> bool:
        sql = f"SELECT 1 FROM tag_data WHERE tag_name = :1 AND timestamp = {_AT.format(2)}"
        return bool(self._stack.oracle.query(sql, name, str(timestamp)))

    def _missing(self) -> int:
        return len(self._rows.keys() - self._stored().keys())

    def _stored(self) -> Rows:
        times: list[datetime] = [time for _, time in self._rows if isinstance(time, datetime)]
        rows = self._stack.oracle.query(
            "SELECT tag_name, timestamp, tag_value, quality FROM tag_data WHERE tag_name LIKE 'FEED.%' "
            f"AND timestamp BETWEEN {_AT.format(1)} AND {_AT.format(2)}",
            str(min(times)),
            str(max(times)),
        )
        return {(str(name), timestamp): (value, str(quality)) for name, timestamp, value, quality in rows}


@contextmanager
def feeding(stack: Stack) -> Iterator[Feed]:
    """Put values while the block runs; at its end all of them must be in the table, unless it checks that itself."""
    feed = Feed(stack)
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()
    feed.wait_until_stored()
