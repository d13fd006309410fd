"""Readings at a steady rate while a test breaks things."""

import threading
import time
from types import TracebackType
from typing import Self

from shared.errors import TransientError
from tests.pipeline import Pipeline, expected_rows, poll


class Load:
    """Puts `rate` values a second on the DataQueue, `tags` at a time, in a thread of its own, as a context manager.

    A poll whose put failed is put again, as a polling engine would: `rows` is what must come of all of them.
    """

    def __init__(self, pipeline: Pipeline, rate: float, tags: int = 349) -> None:
        self._pipeline = pipeline
        self._interval_s = tags / rate
        self._tags = tags
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: BaseException | None = None
        self.rows: dict[tuple[str, object], tuple[object, str]] = {}
        self.puts = 0

    def _run(self) -> None:
        try:
            due = time.monotonic()
            while not self._stop.is_set():
                data = poll(self.puts, self._tags)
                self._put(data)
                self.puts += 1
                self.rows |= expected_rows(data)
                due += self._interval_s
                self._stop.wait(max(0.0, due - time.monotonic()))
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self._error = error

    def _put(self, data: object) -> None:
        while True:
            try:
                self._pipeline.queue.put(data, timeout=5)  # type: ignore[arg-type]
            except TransientError:
                self._stop.wait(0.05)
            else:
                return

    @property
    def values(self) -> int:
        """Values put so far."""
        return self.puts * self._tags

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(15)
        if error is None:
            assert self._error is None, self._error
            assert not self._thread.is_alive()
