"""A process that does not outlive this program, however this program ends.

It is started as a shell that waits for a word: the watchdog is told of it, then it gets the word and becomes what it
is meant to be. Should this program be killed in between, no word comes and the shell ends. So there is no moment at
which a process runs that nobody would end. (A signal at the parent's death, PR_SET_PDEATHSIG, would do without a
watchdog, but is Linux's alone, comes at the end of the parent's *thread*, and knows no time to end in order.)
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar

from sandbox.harness.guard import GUARD
from sandbox.harness.templates import Templates

#: Seconds between two looks at whether it has ended.
_LOOK_S = 0.005

_WHEN_TOLD = ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")


class Process(subprocess.Popen[bytes]):
    """A guarded process, in a session of its own: the terminal's Ctrl+C reaches this program alone."""

    #: What spares processes their imports; None: each is started from nothing.
    templates: ClassVar[Templates | None] = None

    def __init__(
        self,
        command: Sequence[str],
        output: IO[bytes] | int,
        environ: Mapping[str, str],
        *,
        directory: Path | None = None,
        errors: IO[bytes] | int = subprocess.STDOUT,
    ) -> None:
        self._template = self.templates.of(command, environ) if self.templates else None
        super().__init__(
            [*_WHEN_TOLD, *command],
            cwd=directory,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        GUARD.add(self.pid)
        if self.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self.stdin as word:
                word.write(b"\n")
            self.stdin = None

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal; None while it lives."""
        if self.returncode is None and self._waits_to_be_reaped():
            self._leave_group()
            if self._template is not None:
                self.returncode = self._template.reap(self.pid)
        return self.returncode if self._template is not None else super().poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit status. Raises: TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            time.sleep(_LOOK_S)
        return self.returncode

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, if it has not ended yet."""
        if self.poll() is None:
            self.signal_group(signal.SIGKILL)
        super().__exit__(kind, error, trace)

    def signal_group(self, signum: int) -> None:
        """Send a signal to it and to what it started itself."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signum)

    def _execute_child(self, *how: Any) -> None:
        """Do what Popen does, or have a template do it; `how`: Popen's own words."""
        if self._template is None:
            super()._execute_child(*how)  # type: ignore[misc]
            return
        command, directory, environ = how[0][len(_WHEN_TOLD) :], how[5], how[6]
        edges = how[10:16]
        streams = (edges[0], edges[3], edges[5])
        self.pid = self._template.start(command[3:], directory, environ, streams)
        self._child_created = True
        self._close_pipe_fds(*edges)  # type: ignore[attr-defined]

    def _waits_to_be_reaped(self) -> bool:
        if self._template is not None:
            return self._template.has_ended(self.pid)
        with contextlib.suppress(ChildProcessError):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return False

    def _leave_group(self) -> None:
        """End what it started itself, an orderly process nothing, and have its number forgotten.

        Before it is reaped: from then on the number may be another's.
        """
        self.signal_group(signal.SIGKILL)
        GUARD.forget(self.pid)
