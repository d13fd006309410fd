"""What ends the processes of this program should it be killed: a watchdog that is told of each before it runs."""

import atexit
import contextlib
import subprocess
import sys
import threading
from pathlib import Path


class Guard:
    """The watchdog of this program's processes: started with the first of them, gone with the program."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchdog: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        """Let a process group be ended should this program die."""
        with self._lock:
            if self._watchdog is None:
                self._watchdog = _start()
                atexit.register(self._close)
        self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        """A process group is gone: its number may be another's from now on."""
        self._tell(f"-{group}")

    def hurry(self) -> None:
        """Let everything be killed at once should this program die from now on: it was about to end them anyway."""
        self._tell("!")

    def _tell(self, line: str) -> None:
        if self._watchdog is not None and self._watchdog.stdin is not None:
            # Without a watchdog (someone killed it) the program itself still ends everything.
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.write(f"{line}\n".encode())

    def _close(self) -> None:
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            self._watchdog.wait()


GUARD = Guard()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__).with_name("watchdog.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        bufsize=0,  # a line is written in one piece, whichever thread writes it
        start_new_session=True,
    )
