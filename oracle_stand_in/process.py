"""The stand-in as a subprocess, for the demo and the tests."""

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.server.tls import TlsFiles

#: the directory that `python -m oracle_stand_in` must be run from
PROJECT = Path(__file__).resolve().parents[1]
READY = re.compile(r"oracle stand-in ready dsn=(\S+):(\d+)/(\S+) control=(\S+)")


class StartError(RuntimeError):
    """The stand-in did not come up; the message holds what it wrote."""


class OracleStandIn:
    """Starts and stops the stand-in; a context manager.

    Ports of 0 are chosen by the system at the first start and kept for later ones, so that a restart is found again
    by its clients. With `data`, committed rows survive a restart and even `kill`. The log (stderr) goes to the file
    `log`, by default to a temporary one.
    """

    def __init__(
        self,
        *,
        user: str = "tagpipe",
        password: str = "tagpipe",  # noqa: S107 - a stand-in on loopback keeps no secrets
        service: str = "FREEPDB1",
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int = 0,
        init_sql: Path | Sequence[Path] = (),
        data: Path | None = None,
        log: Path | None = None,
        field_version: str = "19c",
        patience_s: float = 60.0,
        tls: TlsFiles | None = None,
        minute_s: float = 60.0,
        start_timeout_s: float = 20.0,
    ) -> None:
        self.user = user
        self.password = password
        self.service = service
        self.host = host
        self.port = port
        self.control_port = control_port
        self.init_sql = [init_sql] if isinstance(init_sql, Path) else list(init_sql)
        self.data = data
        self.field_version = field_version
        self.patience_s = patience_s
        self.tls = tls
        self.minute_s = minute_s
        self.start_timeout_s = start_timeout_s
        self.process: subprocess.Popen[bytes] | None = None
        self._has_temporary_log = log is None
        self._log = log or Path(tempfile.gettempdir()) / f"oracle-stand-in-{secrets.token_hex(8)}.log"
        #: writing end of its stdin: the process ends when this pipe does, however this process ends
        self._lifeline: int | None = None

    @property
    def dsn(self) -> str:
        """The connect string for the driver."""
        return f"{'tcps://' if self.tls else ''}{self.host}:{self.port}/{self.service}"

    @property
    def control(self) -> OracleControl:
        """The client of the control API."""
        return OracleControl(f"http://127.0.0.1:{self.control_port}")

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it is ready. Raises: StartError: it is not within the timeout."""
        if self.is_running:
            return self
        self._close()
        reader, self._lifeline = os.pipe()
        # a file, not a pipe: nobody reads along, and a full pipe would stop the server
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(),
                cwd=PROJECT,
                env={**os.environ, "ORACLE_USER": self.user, "ORACLE_PASSWORD": self.password},
                stdin=reader,
                stdout=subprocess.PIPE,
                stderr=log,
                # a session of its own: Ctrl+C in the terminal must reach the services before their database
                start_new_session=True,
            )
        os.close(reader)
        line = self._first_line(self.process)
        ready = READY.match(line)
        if ready is None:
            self.kill()
            raise StartError(f"the Oracle stand-in did not start: {line} {self.log_text()}".strip())
        self.port = int(ready[2])
        self.control_port = int(ready[4].rpartition(":")[2])
        return self

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "oracle_stand_in", "--host", self.host, "--service", self.service]
        command += ["--port", str(self.port), "--control-port", str(self.control_port)]
        command += ["--field-version", self.field_version, "--while-stdin-open", "--patience-s", str(self.patience_s)]
        command += ["--minute-s", str(self.minute_s)]
        for script in self.init_sql:
            command += ["--init-sql", str(script)]
        if self.tls is not None:
            command += self.tls.arguments()
        if self.data is not None:
            command += ["--data", str(self.data)]
        return command

    def _first_line(self, process: "subprocess.Popen[bytes]") -> str:
        """Return the first line on its stdout; the timer ends a process that never writes one."""
        if process.stdout is None:
            raise ValueError("stdout is not a pipe")
        timer = threading.Timer(self.start_timeout_s, process.kill)
        timer.start()
        with process.stdout as stdout:
            line = stdout.readline().decode()
        timer.cancel()
        return line

    def stop(self, timeout_s: float = 5.0) -> int:
        """End it in order and return its exit status."""
        return self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> int:
        """Kill it, as a crash would, and return its exit status."""
        return self._end(signal.SIGKILL, 5.0)

    def _end(self, how: signal.Signals, timeout_s: float) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._close()
        return status

    def log_text(self) -> str:
        """Return what it has written to stderr since it was started last."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _close(self) -> None:
        """Let go of the pipe that keeps the process alive."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._has_temporary_log:
            self._log.unlink(missing_ok=True)
