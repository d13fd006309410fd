"""OPC UA servers as processes that a test may kill, freeze and start again on the same port."""

import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox.harness.oracle import ROOT
from sandbox.harness.process import Process
from sandbox.harness.redis import free_port
from sandbox.harness.supervisor import python
from sandbox.harness.waiting import wait_until
from sandbox.node_opcua import command

#: Modules that are servers: `python -m MODULE PORT`.
_PLANT, _ODD_PLANT = tuple(f"{__package__}.{name}" for name in ("plant", "odd_plant"))


class OpcuaServer:
    """One server, as a context manager."""

    def __init__(self, port: int, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.port = port
        self.url = f"opc.tcp://127.0.0.1:{port}"
        self._arguments = arguments
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: Process | None = None
        #: What it said when it was ready.
        self.said: dict[str, Any] = {}

    @classmethod
    def quick(cls, directory: Path) -> Self:
        """Return the small server of this project's own."""
        port = free_port()
        return cls(port, python(_PLANT, str(port)), {"PYTHONPATH": str(ROOT)}, directory / "plant.log")

    @classmethod
    def odd(cls, directory: Path, **settings: str) -> Self:
        """Return the one that says odd things of some nodes."""
        port = free_port()
        environment = {"PYTHONPATH": str(ROOT), **settings}
        return cls(port, python(_ODD_PLANT, str(port)), environment, directory / "odd_plant.log")

    @classmethod
    def node(cls, installed: Path, directory: Path, *options: str) -> Self:
        """Return the one that nobody here wrote."""
        port = free_port()
        arguments, environment = command(installed, port, directory / "pki", *options)
        return cls(port, arguments, environment, directory / "node-opcua.log")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, **settings: str) -> None:
        """Start it, with settings that are its environment; return when it takes connections."""
        with self._log.open("wb") as log:
            self._process = Process(self._arguments, log, {**self._environment, **settings})
        process = self._process
        wait_until(
            lambda: "ready" in self._log.read_text(errors="replace") or process.poll() is not None,
            60,
            "the OPC UA server",
        )
        text = self._log.read_text(errors="replace")
        assert process.poll() is None, text[-3000:]
        self.said = next((json.loads(line) for line in text.splitlines() if line.startswith("{")), {})

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def pause(self) -> None:
        """Freeze it: its port stays open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
