"""A process's sign of life for its own machine: a file that is touched while its loops turn.

It is what a container is restarted for, so it must not hang on Redis: a failover would restart everything. The file
says in one word whether Redis takes this process's heartbeats (`ready`) or not yet or not now (`waiting`).

Without imports that cost: `python -m shared.healthcheck` runs every few seconds.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

#: Seconds between two touches, and from which a file that was not touched counts as no sign of life.
TOUCH_INTERVAL_S, FRESH_S = 1.0, 10.0

READY, WAITING = b"ready\n", b"waiting\n"


def life_sign_path(run_dir: Path | str | None, namespace: str, role: str, instance: str | None) -> Path:
    """Return the file of this machine's processes of a role.

    One file for all of them, unless they have names of their own: healthy is who has one that turns, as in a container.
    """
    name = ".".join(part for part in ("tagpipe", namespace, role, instance) if part)
    return Path(run_dir or tempfile.gettempdir()) / f"{name}.alive"


class Seen(NamedTuple):
    """What the file tells."""

    age_s: float
    is_ready: bool

    @property
    def is_fresh(self) -> bool:
        """Whether the loops turn. A file of the future was written before the clock was put back."""
        return abs(self.age_s) <= FRESH_S


def read_life_sign(path: Path) -> Seen:
    """Return what a file tells. Raises: OSError: there is none."""
    return Seen(time.time() - path.stat().st_mtime, path.read_bytes() == READY)


class LifeSign:
    """Writes the file of one process; none where nobody would look for it (a command, a test)."""

    def __init__(self, path: Path | None = None, on_fault: Callable[[OSError], None] = lambda _error: None) -> None:
        self._path = path
        self._on_fault = on_fault
        self._has_fault = False
        #: Whether Redis took the last heartbeat.
        self.is_ready = False

    @contextmanager
    def shown(self, stands_still: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Touch the file once a second until the block ends, but not while `stands_still`.

        In a thread of its own: a disk that hangs must hold up no heartbeat.
        """
        ended = threading.Event()

        def touch() -> None:
            while True:
                if not stands_still():
                    self.touch()
                if ended.wait(TOUCH_INTERVAL_S):
                    return

        threading.Thread(target=touch, name="life-sign", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def remove(self) -> None:
        """Take the file away: this process is about to end."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def touch(self) -> None:
        """Write the file anew. What goes wrong is told once, and ends nothing."""
        if self._path is None:
            return
        try:
            # Never through a link that another user of the machine laid.
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o644)
            try:
                word = READY if self.is_ready else WAITING
                os.ftruncate(descriptor, os.pwrite(descriptor, word, 0))
                # By our own clock: that of a file server may be another.
                os.utime(descriptor)
            finally:
                os.close(descriptor)
            self._has_fault = False
        except OSError as error:
            if not self._has_fault:
                self._has_fault = True
                self._on_fault(error)
