"""The processes of a demo run: started in order, ready one after the other, and ended in order."""

import http.client
import os
import secrets
import shlex
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.harness.guard import GUARD
from sandbox.harness.oracle import ROOT
from sandbox.harness.redis import free_port
from sandbox.harness.services import READY_S, callers_settings
from sandbox.harness.stack import Stack
from sandbox.harness.supervisor import ChildDiedError
from sandbox.node_opcua import command as node_command
from sandbox.plan import Plan, PlanError, poller_toml
from sandbox.recording import NO_VALUE_TEXT
from shared.errors import RedisUnavailableError
from shared.lifecycle import StopFlag
from shared.queues.snapshot import Snapshot
from shared.redis.link import RedisLink

#: Where the dashboard is if that port is free: the one that the documentation names.
USUAL_MONITOR_PORT = 8000

#: Where the file is that is made of a recorded one of another form, below the demo's directory.
RECORDING_DIRECTORY = "recording"

#: The script that runs a command of a service, below the demo's directory.
COMMAND = "command"

#: A stop takes 5 s at most. Seconds that poller and consumer may take of it and the emptying of the DataQueue between
#: them, seconds after which the services are gone, and what Oracle and Redis may take then.
POLLER_S, QUEUE_S, CONSUMER_S, SERVICES_S, EDGES_S = 0.8, 0.6, 0.5, 3.8, 0.4

#: Seconds between two looks at something that is waited for.
_LOOK_S = 0.05


class StoppedEarly(Exception):  # noqa: N818 - a person's wish, not an error
    """Ctrl+C or SIGTERM came while the pipeline was being started."""


class Pipeline:
    """Redis, Oracle and the four services of one run; an OPC UA server, where a node-opcua is given.

    A context manager that leaves no process behind.
    """

    def __init__(self, plan: Plan, stop: StopFlag, node_opcua: Path | None = None) -> None:
        self._plan = plan
        self._stop = stop
        ports = dict(_chosen_ports(plan.ports))
        self._monitor_port = ports["monitor"]
        self.monitor_url = f"http://127.0.0.1:{self._monitor_port}"
        self._operator_token = secrets.token_urlsafe(12)
        self._node_opcua, self._opcua_port = node_opcua, free_port()
        self._config = plan.directory / "poller.toml"
        self._command = plan.directory / COMMAND
        self.stack = Stack(
            plan.directory,
            base=callers_settings(),
            settings={
                "MONITOR_HOST": "127.0.0.1",
                "MONITOR_PORT": self._monitor_port,
                "MONITOR_OPERATOR_TOKEN": self._operator_token,
                "MONITOR_COMMAND": f"{shlex.quote(str(self._command))} {{service}}",
                "MONITOR_START_COMMAND": f"{shlex.quote(str(self._command))} {{service}}",
                "POLLER_CONFIG": self._config,
                "INSTANCE_NAME": "demo",
                "NO_VALUE_TEXT": NO_VALUE_TEXT,
            },
            ports=ports,
            # A Redis that hangs must not hold up Ctrl+C.
            link=RedisLink(f"redis://127.0.0.1:{ports['redis']}/0?socket_timeout=0.5", client_name="demo"),
        )
        self.stack.pause = self._pause
        self._supervisor = self.stack.supervisor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supervisor.__exit__(kind, error, trace)

    def addresses(self) -> dict[str, str]:
        """Return what runs where, for people."""
        opcua = {"OPC UA": f"opc.tcp://127.0.0.1:{self._opcua_port}"} if self._node_opcua is not None else {}
        oracle, directory = self.stack.oracle, self._plan.directory
        return {
            "dashboard": f"{self.monitor_url}/",
            "to act there": f"log in with {self._operator_token}",
            "API": f"{self.monitor_url}/api/ledger",
            "Redis": f"127.0.0.1:{self.stack.redis.port}",
            "Oracle": f"{oracle.user}/{oracle.password}@{oracle.dsn} (a stand-in)",
            **opcua,
            "faults": f"curl http://127.0.0.1:{self.stack.stand_in.control_port}/ lists those that Oracle can be given",
            "commands": f"{self._command} writer check, and the others, with the settings of this run",
            "logs": str(directory / "*.log"),
            "backup files": str(self.stack.backup_dir),
        }

    def start(self) -> None:
        """Start everything but the poller, each when what it needs is there.

        Raises: ChildDiedError, StoppedEarly; RuntimeError: one does not get ready.
        """
        self._pause(0)
        self._write_command()
        self.stack.start_redis()
        if self._node_opcua is not None:
            self._start_opcua(self._node_opcua)
        self._pause(0)
        self.stack.start_oracle()
        for name in ("monitor", "writer", "consumer"):
            self._pause(0)
            self.stack.start(name)
        self._until_ready("monitor", self._monitor_answers)
        self._until_ready("writer and consumer", lambda: {"writer:demo", "consumer:demo"} <= set(self._living()))

    def _write_command(self) -> None:
        """Leave a script that runs a service's command with the settings of this run: remedies name it."""
        settings = {name: value for name, value in self.stack.environment.items() if value != os.environ.get(name)} | {
            "PYTHONPATH": str(ROOT)
        }
        lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
        run = (
            'case "$1" in consumer|writer|monitor|poller) service=$1; shift ;; '
            '*) echo "usage: $0 consumer|writer|monitor|poller [COMMAND] [--help]" >&2; exit 2 ;; esac\n'
            f'exec {shlex.quote(sys.executable)} -m "services.$service" "$@"'
        )
        self._command.write_text("\n".join(["#!/bin/sh", *lines, run, ""]), "utf-8")
        self._command.chmod(0o700)

    def start_poller(self) -> None:
        """Let the values come: return when it polls, or has nothing more to poll.

        Raises: ChildDiedError, StoppedEarly; RuntimeError: it does not get ready.
        """
        self._config.write_text(poller_toml(self._plan, f"opc.tcp://127.0.0.1:{self._opcua_port}"), "utf-8")
        self._pause(0)
        self.stack.start("poller")
        # A run's seconds are those in which values come, however long a busy machine takes to start a process.
        self._until_ready("poller", lambda: self.poller_is_done or "poller:demo" in self._living())

    def check(self) -> None:
        """See that everything lives.

        Raises: ChildDiedError: something does not; a poller that is done is none of these.
        """
        fallen = self._supervisor.fallen()
        if fallen is not None and not (fallen.name == "poller" and fallen.status == 0):
            raise ChildDiedError(fallen)

    @property
    def poller_is_done(self) -> bool:
        """Tell whether the poller has nothing more to poll."""
        poller = self._supervisor.child("poller")
        return poller is None or poller.status == 0

    def ledger(self) -> Snapshot | None:
        """Return the figures of this moment; None while Redis does not answer."""
        try:
            return self.stack.snapshot()
        except RedisUnavailableError:
            return None

    def events(self, role: str) -> list[str]:
        """Return what a role's events say, the newest first.

        Raises: RedisUnavailableError.
        """
        entries = self.stack.link.command("XREVRANGE", self.stack.keys.events, "+", "-", "COUNT", 1000)
        return [_text(fields, b"message") for _, fields in entries if _text(fields, b"role") == role]

    def stop_poller(self, wait_s: float = POLLER_S) -> None:
        """Let no more values come."""
        self._supervisor.stop(["poller"], wait_s)

    def stop(self) -> Snapshot | None:
        """End everything, from the source to the edges, within 5 s; return the ledger as it was left.

        The DataQueue is emptied before the consumer goes, and the writer drains the buffer before it goes: what they
        don't manage in time is lost with the demo's Redis, as only a demo's may be.
        """
        services_end = time.monotonic() + SERVICES_S
        GUARD.hurry()
        self.stop_poller()
        queue_end = time.monotonic() + QUEUE_S
        while (ledger := self.ledger()) is not None and _has_messages(ledger) and time.monotonic() < queue_end:
            if self._supervisor.child("consumer") is None:
                break
            time.sleep(_LOOK_S)
        self._supervisor.stop(["consumer"], CONSUMER_S)
        self._supervisor.stop(["writer", "monitor"], services_end - time.monotonic())
        # One that did not answer before is not asked again: that would take time that the stop does not have.
        ledger = self.ledger() if ledger is not None else None
        self.stack.link.close()
        self._supervisor.stop(["opcua", "oracle", "redis"], EDGES_S)
        return ledger

    def _start_opcua(self, installed: Path) -> None:
        directory, tags = self._plan.directory, str(self._plan.rate.tags)
        command, more = node_command(installed, self._opcua_port, directory / "opcua", "--tags", tags)
        opcua = self._supervisor.spawn("opcua", command, {**os.environ, **more})
        self._until_ready("opcua", lambda: '"ready":true' in opcua.log_tail())

    def _until_ready(self, name: str, is_ready: Callable[[], bool]) -> None:
        self.stack.until(is_ready, f"{name} to be ready: see the logs in {self._plan.directory}", READY_S)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StoppedEarly
        self.check()

    def _monitor_answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._monitor_port, timeout=2)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _living(self) -> list[str]:
        try:
            return self.stack.living()
        except RedisUnavailableError:
            return []


def clear(directory: Path) -> Path | None:
    """Remove what an earlier run left, but not its backup files: those may hold what is nowhere else.

    Their table ended with that run, so that `recover` would refuse them in this one: they are put aside.

    Returns: where they are now; None where there were none.
    """
    for name in ("redis", RECORDING_DIRECTORY):
        shutil.rmtree(directory / name, ignore_errors=True)
    for name in ("opcua", "oracle", "monitor", "writer", "consumer", "poller"):
        (directory / f"{name}.log").unlink(missing_ok=True)
    for path in (directory / "poller.toml", directory / COMMAND, *directory.glob("*.alive")):
        path.unlink(missing_ok=True)
    backup = directory / "backup"
    if not any(backup.glob("*.csv")):
        return None
    aside = Path(tempfile.mkdtemp(prefix="backup-earlier-", dir=directory))
    backup.replace(aside)  # a directory may take the place of an empty one
    backup.mkdir()
    return aside


def _chosen_ports(given: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Return a port for each edge.

    Raises: PlanError: one that was asked for is taken.
    """
    for name, port in given.items():
        if not _is_free(port):
            raise PlanError(
                f"DEMO_{name.upper()}_PORT={port}: something else listens there; leave it out for a free one"
            )
    usual = USUAL_MONITOR_PORT if _is_free(USUAL_MONITOR_PORT) else 0
    for name, default in (("monitor", usual), ("redis", 0), ("oracle", 0)):
        yield name, given.get(name) or default or free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: what a closed connection leaves behind for a minute takes no port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _text(fields: Mapping[bytes, bytes], name: bytes) -> str:
    return fields.get(name, b"").decode(errors="replace")


def _has_messages(ledger: Snapshot) -> bool:
    return ledger.queued_messages + ledger.claimed_messages > 0
