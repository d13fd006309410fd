"""Standard error and standard output that never fail and never hold up who writes.

A disk that is full, a pipe whose reader is gone, one whose reader stands still: for a service that writes its log by
itself, each of them is an outage. Here a line goes on a bounded queue, and a thread of its own hands it on. What the
place does not take waits; what there is no room for is left out, counted, and said once something can be said again.
"""

import atexit
import io
import os
import select
import sys
import threading
import time
from contextlib import suppress
from queue import SimpleQueue

#: Bytes that wait for a place that takes nothing; what comes then is left out. Some 5,000 lines.
MAX_WAITING_BYTES = 1_000_000

#: Seconds between two tries while the place refuses (ENOSPC, EPIPE, EIO...).
_RETRY_S = 0.5

#: Seconds that the end of the process waits for its last lines.
AT_END_S = 0.5
_TICK_S = 0.005

_STDOUT, _STDERR = 1, 2


class LogStream(io.TextIOBase):
    """A text stream over a descriptor; safe to use from any thread, a destructor, or inside another call of it."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # Both may be entered again by the thread that is in them: a destructor may log wherever it is called.
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._lock = threading.RLock()
        self._waiting_bytes = 0
        self._left_out = 0
        self._is_failing = False
        threading.Thread(target=self._hand_on, name=f"output-{descriptor}", daemon=True).start()

    def write(self, text: str) -> int:
        """Queue some text; at the queue's bound it is left out and counted. Never waits, never fails."""
        raw = text.encode(self.encoding, self.errors)
        with self._lock:
            if self._waiting_bytes and self._waiting_bytes + len(raw) > MAX_WAITING_BYTES:
                self._left_out += 1
                return len(text)
            self._waiting_bytes += len(raw)
        self._queue.put(raw)
        return len(text)

    def wait_until_written(self, within_s: float) -> bool:
        """Wait until all that was queued is written; False when it was not in time, or the place refuses."""
        deadline = time.monotonic() + within_s
        while self._waiting_bytes and time.monotonic() < deadline and not self._is_failing:
            time.sleep(_TICK_S)
        return not self._waiting_bytes

    def writable(self) -> bool:
        """Tell that one may write."""
        return True

    def isatty(self) -> bool:
        """Tell whether a person looks at it."""
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def _hand_on(self) -> None:
        while True:
            raw = self._queue.get()
            self._write(raw)
            with self._lock:
                left_out, self._left_out = self._left_out, 0
            if left_out:
                self._write(f"{left_out} log lines were left out: nobody took them, and the queue was full\n".encode())
            with self._lock:
                self._waiting_bytes -= len(raw)

    def _write(self, raw: bytes) -> None:
        while raw:
            try:
                raw = raw[os.write(self._descriptor, raw) :]
                self._is_failing = False
            except BlockingIOError:
                # Whoever shares the terminal or pipe with us made it non-blocking.
                writable = select.poll()
                writable.register(self._descriptor, select.POLLOUT)
                writable.poll(_RETRY_S * 1000)
            except OSError:
                self._is_failing = True
                time.sleep(_RETRY_S)


def secure_standard_streams() -> None:
    """Put a LogStream in the place of standard output and standard error: for Python's own messages, too.

    Call it before anything is opened: a descriptor 0, 1 or 2 that was closed by who started the process would be given
    to the first file or connection, and the log would be written into that.
    """
    if isinstance(sys.stderr, LogStream):
        return
    # The lowest free number is given out: as long as that is one of the three, it was closed.
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(opened, True)  # noqa: FBT003 - it takes no keyword
    os.close(opened)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    sys.stdout, sys.stderr = LogStream(_STDOUT), LogStream(_STDERR)
    atexit.register(flush_standard_streams)


def flush_standard_streams(within_s: float = AT_END_S) -> None:
    """Wait for the last lines, together `within_s` seconds at most; a place that refuses is not waited for."""
    deadline = time.monotonic() + within_s
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, LogStream):
            stream.wait_until_written(deadline - time.monotonic())
