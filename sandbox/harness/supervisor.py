"""The demo's child processes: started in sessions of their own, watched, and ended whatever happens.

In a session of its own a child does not get the terminal's Ctrl+C: only the runner does, and it decides the order in
which they stop. Should the runner be killed, the watchdog ends them.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

#: Lines of a log that are shown of a child that died, and how far back they are looked for.
TAIL_LINES, _TAIL_BYTES = 15, 20_000

#: Seconds between two looks at whether a child has ended.
_LOOK_S = 0.01

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Child:
    """One process: its name, and the file that holds what it printed."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def status(self) -> int | None:
        """Exit status, negative for a signal; None while it lives."""
        return self.process.poll()

    @property
    def end(self) -> str:
        """How it ended, for people."""
        status = self.status
        if status is None:
            return "still runs"
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError as error:
            return f"(no log: {error})"
        return "\n".join(lines[-TAIL_LINES:])


class Supervisor:
    """All child processes of one run, as a context manager that leaves none behind."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._children: dict[str, Child] = {}
        self._watchdog: subprocess.Popen[bytes] | None = None

    def spawn(self, name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Child:
        """Start a Python module with arguments, its output in a log file of its own.

        It runs in the demo's directory, so that a `.env` of the project does not mix with the demo's settings.
        """
        log = self._directory / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=self._directory,
                env={**environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.adopt(name, process, log)

    def adopt(self, name: str, process: subprocess.Popen[bytes], log: Path) -> Child:
        """Watch over a process that someone else started in a session of its own."""
        child = Child(name, process, log)
        self._children[name] = child
        self._tell_watchdog(f"+{process.pid}")
        return child

    def child(self, name: str) -> Child | None:
        """Return a child by its name; None when there is none of this name (any more)."""
        return self._children.get(name)

    def fallen(self) -> Child | None:
        """Return a child that ended without being asked to; None while all live."""
        return next((child for child in self._children.values() if child.status is not None), None)

    def stop(self, names: Iterable[str], wait_s: float) -> list[Child]:
        """Ask children to end, wait for them, kill those that still live after `wait_s`; return the killed ones."""
        children = [self._children.pop(name) for name in names if name in self._children]
        for child in children:
            _signal_group(child, signal.SIGTERM)
        _wait_until(lambda: all(child.status is not None for child in children), wait_s)
        late = [child for child in children if child.status is None]
        for child in late:
            _signal_group(child, signal.SIGKILL)
        for child in children:
            child.process.wait()
            # What a child itself started is of its group; an orderly child leaves none.
            _signal_group(child, signal.SIGKILL)
            self._tell_watchdog(f"-{child.process.pid}")
        return late

    def hurry(self) -> None:
        """Let everything be killed at once should this process die from now on: it was about to end them anyway."""
        self._tell_watchdog("!")

    def __enter__(self) -> Self:
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("watchdog.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(list(self._children), wait_s=1.0)
        if self._watchdog is not None and self._watchdog.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.close()
            self._watchdog.wait()

    def _tell_watchdog(self, line: str) -> None:
        if self._watchdog is not None and self._watchdog.stdin is not None:
            # Without a watchdog (someone killed it) the runner itself still ends everything.
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.write(f"{line}\n".encode())
                self._watchdog.stdin.flush()


def _signal_group(child: Child, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, signum)


def _wait_until(condition: Callable[[], bool], wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
