"""Readings of which all is known, put on the DataQueue at a steady rate, and what the table must hold of them."""

import threading
import time
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from sandbox.harness.oracle import Cells
from shared.errors import TransientError
from shared.models import PollingData
from shared.queues.data_queue import DataQueue

START = datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001 - the table's timestamps are naive

#: Seconds for which a thread that puts values may go on after it was told to stop.
_JOIN_S = 15.0


def poll(
    number: int, tags: int, plc_code: str = "PLC01", *, began_at: datetime = START, interval_s: float = 1e-6
) -> PollingData:
    """Return the `number`-th of several polls: every value differs, every time is unique."""
    return PollingData(
        timestamp=began_at + timedelta(seconds=number * interval_s),
        group_id=1,
        group_name="line 1",
        plc_code=plc_code,
        tag_values={f"D{tag}": number * 1000 + tag + 0.5 for tag in range(tags)},
    )


def expected_rows(data: PollingData) -> Cells:
    """Return the rows that a poll of plain numbers must become, in the order of its values."""
    return {
        (f"{data.plc_code}.{address}", data.timestamp): (repr(value), "GOOD")
        for address, value in data.tag_values.items()
    }


class Load:
    """Puts `rate` values a second on the DataQueue, `tags` at a time, in a thread of its own, as a context manager.

    A poll whose put failed is put again, as a polling engine would: `rows` is what must come of all of them.
    """

    def __init__(
        self, queue: DataQueue, rate: float, tags: int = 349, *, began_at: datetime = START, plc_code: str = "PLC01"
    ) -> None:
        self._queue = queue
        self._tags = tags
        self._interval_s = tags / rate
        self._began_at = began_at
        self._plc_code = plc_code
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._error: BaseException | None = None
        self.rows: Cells = {}
        self.puts = 0

    @property
    def values(self) -> int:
        """Values put so far."""
        return self.puts * self._tags

    def _run(self) -> None:
        try:
            due = time.monotonic()
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                data = poll(self.puts, self._tags, self._plc_code, began_at=self._began_at, interval_s=self._interval_s)
                self._put(data)
                self.puts += 1
                self.rows |= expected_rows(data)
                due += self._interval_s
        except BaseException as error:  # noqa: BLE001 - raised at the block's end
            self._error = error

    def _put(self, data: PollingData) -> None:
        while True:
            try:
                self._queue.put(data, timeout=5)
            except TransientError:
                self._stop.wait(0.05)
            else:
                return

    def end(self) -> None:
        """Put no more; return when the last put has ended."""
        self._stop.set()
        self._thread.join(_JOIN_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        if error is None and self._error is not None:
            raise self._error
        if error is None and self._thread.is_alive():
            raise RuntimeError("the DataQueue takes no values: the thread that puts them does not end")
