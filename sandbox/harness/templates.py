"""Processes of a module that need not import it again: forks of one that has. For whoever starts hundreds of them.

Half a second of a core goes into the imports of a service before it does anything. The first process of a kind is
started from nothing all the same, so that what a person starts is always among what is tried.
"""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_ROOT = Path(__file__).resolve().parents[2]

#: What Python, the C library and imported modules read of the environment as they begin: all of a kind have the same.
_READ_AT_THE_START = (
    "PYTHON", "LC_", "LANG", "TZ", "MALLOC_", "TNS_ADMIN",
    "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "TYPER_", "_TYPER_", "TERMINAL_WIDTH", "GITHUB_ACTIONS",
)  # fmt: skip

#: What libraries that are loaded before all others, and what counts lines, do at a process's start, no fork does again.
_FROM_NOTHING = ("LD_", "COVERAGE_")


class Templates:
    """A context manager that holds the templates of some modules; they end with it."""

    def __init__(self, modules: Collection[str]) -> None:
        self._modules = modules
        self._lock = threading.Lock()
        #: Kind -> its template; None where there was but one process of it.
        self._of: dict[object, Template | None] = {}

    def of(self, command: Sequence[str], environ: Mapping[str, str]) -> "Template | None":
        """Return what to start a command by; None: from nothing."""
        match command:
            case [sys.executable, "-m", module, *_] if module in self._modules:
                pass
            case _:
                return None
        if any(name.startswith(_FROM_NOTHING) for name in environ):
            return None
        kind = (module, frozenset(item for item in environ.items() if item[0].startswith(_READ_AT_THE_START)))
        with self._lock:
            if kind not in self._of:
                self._of[kind] = None
                return None
            template = self._of[kind] = self._of[kind] or Template(module, environ)
            return template

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for template in self._of.values():
            if template is not None:
                template.close()


class Template:
    """A process that has imported a module, and whose forks run it."""

    def __init__(self, module: str, environ: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.harness.template", module, str(theirs.fileno())],
                cwd=_ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(
        self, arguments: Sequence[str], directory: Path | None, environ: Mapping[str, str], streams: Sequence[int]
    ) -> int:
        """Return the number of a new process that waits for the word; `streams`: its standard ones, by descriptor."""
        start = {"arguments": arguments, "cwd": str(directory or Path.cwd()), "environ": dict(environ)}
        return int(self._ask(start, streams))

    def has_ended(self, pid: int) -> bool:
        """Tell whether a process has ended; it keeps its number until it is reaped."""
        return bool(self._ask({"has_ended": pid}))

    def reap(self, pid: int) -> int:
        """Return the exit status of a process that has ended, negative for a signal; its number is free then."""
        return int(self._ask({"reap": pid}))

    def close(self) -> None:
        """End the template; processes that it started go on."""
        self._requests.close()
        self._process.wait()

    def _ask(self, question: Mapping[str, Any], streams: Sequence[int] = ()) -> Any:
        with self._lock:
            socket.send_fds(self._requests, [json.dumps(question).encode()], streams)
            answer = self._requests.recv(1024)
        if not answer:
            raise RuntimeError(f"the template ended with status {self._process.wait()}")
        return json.loads(answer)
