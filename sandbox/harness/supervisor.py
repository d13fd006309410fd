"""The processes of one run: each with its log and its end, all ended with the run."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.harness.guard import GUARD
from sandbox.harness.process import Process
from sandbox.harness.waiting import StuckError, wait_until

#: Lines of a log that are shown of a child that died, and how far back they are looked for.
TAIL_LINES, _TAIL_BYTES = 15, 20_000


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


class ChildDiedError(Exception):
    """A process ended without being asked to."""

    def __init__(self, child: Child) -> None:
        super().__init__(f"{child.name} {child.end}:\n{child.log_tail()}")
        self.child = child


class Supervisor:
    """All processes of one run, as a context manager that leaves none behind. Several may have one name and one log."""

    def __init__(self, directory: Path, grace_s: float = 1.0) -> None:
        self.directory = directory
        self._grace_s = grace_s
        self._children: list[Child] = []

    def spawn(self, name: str, command: Sequence[str], environ: Mapping[str, str], stderr: int | None = None) -> Child:
        """Start a program, what it prints appended to `<name>.log`.

        It runs in the run's directory, so that a `.env` of the project does not mix with the run's settings.
        """
        log = self.directory / f"{name}.log"
        with log.open("ab") as output:
            process = Process(
                command,
                output,
                environ,
                directory=self.directory,
                errors=subprocess.STDOUT if stderr is None else stderr,
            )
        return self.adopt(name, process, log)

    def adopt(self, name: str, process: subprocess.Popen[bytes], log: Path) -> Child:
        """Watch over a process that someone else started in a session of its own."""
        child = Child(name, process, log)
        GUARD.add(process.pid)
        self._children.append(child)
        return child

    def child(self, name: str) -> Child | None:
        """Return the last child of a name; None when there is none of this name (any more)."""
        return next((child for child in reversed(self._children) if child.name == name), None)

    def fallen(self) -> Child | None:
        """Return a child that ended without being asked to; None while all live."""
        return next((child for child in self._children if child.status is not None), None)

    def stop(self, names: Iterable[str], wait_s: float) -> list[Child]:
        """Ask children to end, wait for them, kill those that still live after `wait_s`; return the killed ones."""
        wanted = set(names)
        children = [child for child in self._children if child.name in wanted]
        self._children = [child for child in self._children if child.name not in wanted]
        return _end(children, wait_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        children, self._children = self._children, []
        _end(children, self._grace_s)


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", module, *arguments]


def _end(children: Sequence[Child], wait_s: float) -> list[Child]:
    for child in children:
        _signal(child, signal.SIGTERM)
    with contextlib.suppress(StuckError):
        wait_until(lambda: all(child.status is not None for child in children), wait_s, every_s=0.01)
    late = [child for child in children if child.status is None]
    for child in late:
        _signal(child, signal.SIGKILL)
    for child in children:
        child.process.wait()
        GUARD.forget(child.process.pid)
    return late


def _signal(child: Child, signum: int) -> None:
    # One that has ended is not asked for its group: the number may be another's.
    if child.status is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signum)
