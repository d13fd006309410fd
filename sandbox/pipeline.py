"""The processes of a demo run: started in order, ready one after the other, and ended in order."""

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox.harness.redis import EmbeddedRedis, free_port
from sandbox.harness.supervisor import Child, Supervisor
from sandbox.node_opcua import command as node_command
from sandbox.plan import Plan, PlanError, poller_toml
from sandbox.recording import NO_VALUE_TEXT
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.lifecycle import StopFlag
from shared.redis_link import RedisLink
from shared.snapshot import Snapshot, take_snapshot

#: Where the dashboard is if that port is free: the one that the documentation names.
USUAL_MONITOR_PORT = 8000

#: Seconds that the services may take to get ready: a cold machine reads many Python modules from its disk.
READY_TIMEOUT_S = 60.0

#: A stop takes 5 s at most. Seconds that poller and consumer may take of it and the emptying of the DataQueue between
#: them, seconds after which the services are gone, and what Oracle and Redis may take then.
POLLER_S, QUEUE_S, CONSUMER_S, SERVICES_S, EDGES_S = 0.8, 0.6, 0.5, 3.8, 0.4

#: Seconds between two looks at something that is waited for.
_LOOK_S = 0.05

#: Settings of ours in the caller's environment that the demo must not take over: it has its own edges.
_OWN = (
    "DEMO_", "REDIS_", "MONITOR_", "POLLER_CONFIG", "BACKUP_DIR", "INSTANCE_NAME", "NO_VALUE_TEXT",
    "ORACLE_HOST", "ORACLE_PORT", "ORACLE_SERVICE_NAME", "ORACLE_DSN", "ORACLE_USER", "ORACLE_PASSWORD", "ORACLE_TABLE",
)  # fmt: skip

_SERVICE = "FREEPDB1"

#: What the Oracle stand-in says when it takes connections and has its table.
_ORACLE_READY = "oracle stand-in ready"

_TABLE_SQL = Path(__file__).resolve().parent.parent / "deploy" / "oracle" / "02_tag_data.sql"


@dataclass(frozen=True)
class OracleLogin:
    """Where the demo's Oracle is, and who may enter: it listens on this machine alone and keeps no secrets."""

    dsn: str
    user: str = "tagpipe"
    password: str = "tagpipe"  # noqa: S105 - see above


class ChildDiedError(Exception):
    """A process ended without being asked to."""

    def __init__(self, child: Child) -> None:
        super().__init__(f"{child.name} {child.end}")
        self.child = child


class StoppedEarly(Exception):  # noqa: N818 - a person's wish, not an error
    """Ctrl+C or SIGTERM came while the pipeline was being started."""


class Pipeline:
    """Redis, Oracle and the four services of one run; an OPC UA server, where a node-opcua is given."""

    def __init__(self, plan: Plan, supervisor: Supervisor, stop: StopFlag, node_opcua: Path | None = None) -> None:
        self._plan = plan
        self._supervisor = supervisor
        self._stop = stop
        ports = dict(_chosen_ports(plan.ports))
        self.monitor_url = f"http://127.0.0.1:{ports['monitor']}"
        self._monitor_port = ports["monitor"]
        self.redis = EmbeddedRedis(port=ports["redis"], directory=plan.directory / "redis")
        self._oracle_port = ports["oracle"]
        self._faults_port = free_port()
        self._node_opcua, self._opcua_port = node_opcua, free_port()
        self.oracle = OracleLogin(f"127.0.0.1:{self._oracle_port}/{_SERVICE}")
        self.keys = Keys("tagpipe")
        # A Redis that hangs must not hold up Ctrl+C.
        self.link = RedisLink(f"{self.redis.url}?socket_timeout=0.5", client_name="demo")

    def addresses(self) -> dict[str, str]:
        """Return what runs where, for people."""
        opcua = {"OPC UA": f"opc.tcp://127.0.0.1:{self._opcua_port}"} if self._node_opcua is not None else {}
        return {
            "dashboard": f"{self.monitor_url}/",
            "API": f"{self.monitor_url}/api/ledger",
            "Redis": f"127.0.0.1:{self.redis.port}",
            "Oracle": f"{self.oracle.user}/{self.oracle.password}@{self.oracle.dsn} (a stand-in)",
            **opcua,
            "faults": f"curl http://127.0.0.1:{self._faults_port}/ lists those that Oracle can be given",
            "logs": str(self._plan.directory / "*.log"),
            "backup files": str(self._plan.directory / "backup"),
        }

    def start(self) -> None:
        """Start everything but the poller, each when what it needs is there.

        Raises: ChildDiedError, StoppedEarly; RuntimeError: one does not get ready.
        """
        self._start_redis()
        if self._node_opcua is not None:
            self._start_opcua(self._node_opcua)
        oracle = self._start_oracle()
        self._until_ready("oracle", lambda: _ORACLE_READY in oracle.log_tail())
        for name in ("monitor", "writer", "consumer"):
            self._start_service(name)
        self._until_ready("monitor", self._monitor_answers)
        for name in ("writer", "consumer"):
            self._until_ready(name, partial(self._beats, name))

    def start_poller(self) -> None:
        """Let the values come."""
        config = self._plan.directory / "poller.toml"
        config.write_text(poller_toml(self._plan, f"opc.tcp://127.0.0.1:{self._opcua_port}"), "utf-8")
        self._start_service("poller")

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
            return take_snapshot(self.link, self.keys)
        except RedisUnavailableError:
            return None

    def events(self, role: str) -> list[str]:
        """Return what a role's events say, the newest first.

        Raises: RedisUnavailableError.
        """
        entries = self.link.command("XREVRANGE", self.keys.events, "+", "-", "COUNT", 1000)
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
        self._supervisor.hurry()
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
        self.link.close()
        self._supervisor.stop(["opcua", "oracle", "redis"], EDGES_S)
        return ledger

    def _start_redis(self) -> None:
        self._go_on()
        try:
            self.redis.start()
        finally:
            # One that started and never answered must be ended, too.
            if self.redis.process is not None:
                self._supervisor.adopt("redis", self.redis.process, self._plan.directory / "redis" / "server.log")

    def _start_opcua(self, installed: Path) -> None:
        self._go_on()
        directory, tags = self._plan.directory, str(self._plan.rate.tags)
        arguments, more = node_command(installed, self._opcua_port, directory / "opcua", "--tags", tags)
        with (log := directory / "opcua.log").open("wb") as output:
            process = subprocess.Popen(
                arguments, env={**os.environ, **more}, stdout=output, stderr=output, start_new_session=True
            )
        opcua = self._supervisor.adopt("opcua", process, log)
        self._until_ready("opcua", lambda: '"ready":true' in opcua.log_tail())

    def _start_oracle(self) -> Child:
        self._go_on()
        ports = ["--port", str(self._oracle_port), "--control-port", str(self._faults_port)]
        script = ["--service", _SERVICE, "--init-sql", str(_TABLE_SQL)]
        return self._supervisor.spawn("oracle", ["oracle_stand_in", *ports, *script], self._environ())

    def _start_service(self, name: str) -> None:
        self._go_on()
        self._supervisor.spawn(name, [f"services.{name}"], self._environ())

    def _environ(self) -> Mapping[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        return own | {
            "REDIS_URL": self.redis.url,
            "REDIS_NAMESPACE": self.keys.namespace,
            "ORACLE_DSN": self.oracle.dsn,
            "ORACLE_USER": self.oracle.user,
            "ORACLE_PASSWORD": self.oracle.password,
            "BACKUP_DIR": str(self._plan.directory / "backup"),
            "MONITOR_HOST": "127.0.0.1",
            "MONITOR_PORT": str(self._monitor_port),
            "POLLER_CONFIG": str(self._plan.directory / "poller.toml"),
            "INSTANCE_NAME": "demo",
            "NO_VALUE_TEXT": NO_VALUE_TEXT,
        }

    def _until_ready(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not is_ready():
            self._go_on()
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} is not ready after {READY_TIMEOUT_S:.0f} s: see {name}.log")
            self._stop.wait(_LOOK_S)

    def _go_on(self) -> None:
        if self._stop.is_set():
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

    def _beats(self, role: str) -> bool:
        try:
            names = self.link.command("ZRANGE", self.keys.services, 0, -1)
        except RedisUnavailableError:
            return False
        return any(name.startswith(f"{role}:".encode()) for name in names)


def clear(directory: Path) -> None:
    """Remove what an earlier run left, but not its backup files: those may hold what is nowhere else."""
    shutil.rmtree(directory / "redis", ignore_errors=True)
    for name in ("opcua", "oracle", "monitor", "writer", "consumer", "poller"):
        (directory / f"{name}.log").unlink(missing_ok=True)
    (directory / "poller.toml").unlink(missing_ok=True)


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
