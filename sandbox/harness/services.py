"""The services of one namespace as processes, told by their environment where everything is, as in any deployment."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sandbox.harness.oracle import ROOT, Oracle
from sandbox.harness.process import Process
from sandbox.harness.supervisor import Child, ChildDiedError, Supervisor, python
from sandbox.harness.waiting import wait_until
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.queues.snapshot import Snapshot, take_snapshot
from shared.records import heartbeats
from shared.records.reading import from_hash
from shared.redis.link import RedisLink

T = TypeVar("T")

#: Bytes of one answer of Redis at most: who compares reads whole lists at once.
_ANSWER_MAX_BYTES = 1_000_000_000

#: Seconds that a service may take to get ready: a cold machine reads many Python modules from its disk.
READY_S = 60.0

#: Settings in the caller's environment that a run must not take over: it has edges of its own.
_OF_THE_RUN = (
    "DEMO_", "REDIS_", "MONITOR_", "POLLER_CONFIG", "BACKUP_DIR", "RUN_DIR", "INSTANCE_NAME", "NO_VALUE_TEXT",
    "ORACLE_HOST", "ORACLE_PORT", "ORACLE_SERVICE", "ORACLE_DSN", "ORACLE_USER", "ORACLE_PASSWORD", "ORACLE_TABLE",
)  # fmt: skip


def callers_settings() -> dict[str, str]:
    """Return the caller's environment without what a run decides for itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_RUN)}


def _bare() -> dict[str, str]:
    """Return of the caller's environment what no setting is: where programs are, and who counts the lines they take."""
    return {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE_")}


class Services:
    """A context manager that ends every service it started.

    Args: directory: where logs and backup files go. base: the environment that the run's own is laid over.
    settings: further ones of all services.
    """

    def __init__(
        self,
        directory: Path,
        redis_url: str,
        oracle: Oracle,
        namespace: str,
        *,
        base: Mapping[str, str] | None = None,
        settings: Mapping[str, object],
        link: RedisLink | None = None,
        grace_s: float = 1.0,
    ) -> None:
        self.directory = directory
        self.backup_dir = directory / "backup"
        self.oracle = oracle
        self.keys = Keys(namespace)
        self.link = link or RedisLink(
            redis_url, client_name="harness", namespace=namespace, answer_max_bytes=_ANSWER_MAX_BYTES
        )
        self.supervisor = Supervisor(directory, grace_s)
        #: Lets seconds pass while something is waited for; may raise to say that it is over.
        self.pause: Callable[[float], object] = time.sleep
        #: A descriptor that services write their log to in place of their files.
        self.stderr: int | None = None
        self.environment = {
            **(_bare() if base is None else base),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": redis_url,
            "REDIS_NAMESPACE": namespace,
            "ORACLE_DSN": oracle.dsn,
            "ORACLE_USER": oracle.user,
            "ORACLE_PASSWORD": oracle.password,
            "BACKUP_DIR": str(self.backup_dir),
            "RUN_DIR": str(directory),
            **_texts(settings),
        }

    def spawn(self, name: str, *command: str, **settings: object) -> Child:
        """Start a program with the environment of the services and further settings."""
        return self.supervisor.spawn(name, command, self.environment | _texts(settings), self.stderr)

    def start(self, service: str, *arguments: str, **settings: object) -> subprocess.Popen[bytes]:
        """Start a service with further settings; its log is appended to `<service>.log`."""
        return self.spawn(service, *python(f"services.{service}", *arguments), **settings).process

    def start_and_wait(self, service: str, *arguments: str, **settings: object) -> subprocess.Popen[bytes]:
        """Start a service and wait until its loop turns. Raises: ChildDiedError, StuckError."""
        before = self._incarnations()
        process = self.start(service, *arguments, **settings)

        def turns() -> bool:
            self._check(service, process)
            return bool(self._incarnations() - before)

        self.until(turns, f"{service} to start", READY_S)
        return process

    def run(self, service: str, *arguments: str, **settings: object) -> tuple[int, str]:
        """Run one of a service's commands; return its exit status and what it said."""
        name = f"{service}-{arguments[0]}"
        with self.log_path(name).open("wb") as output:
            command = python(f"services.{service}", *arguments)
            process = Process(command, output, self.environment | _texts(settings), directory=self.directory)
        with process:
            self.until(lambda: process.poll() is not None, f"{name} to end")
        return process.returncode, self.log(name).strip()

    def stop(self, *processes: subprocess.Popen[bytes], timeout_s: float = 8.0) -> int:
        """Ask processes to stop, one after the other; return the last exit status. Raises: TimeoutExpired."""
        status = 0
        for process in processes:
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout_s)
        return status

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process without warning."""
        process.kill()
        process.wait(5)

    def log_path(self, service: str) -> Path:
        """Where a service's log goes."""
        return self.directory / f"{service}.log"

    def log(self, service: str) -> str:
        """Return what a service has logged so far."""
        path = self.log_path(service)
        return path.read_text(errors="replace") if path.exists() else ""

    def living(self) -> list[str]:
        """Return the names of the services whose heartbeat has not expired: `role:instance`."""
        names = [member.decode() for member in self.link.command("ZRANGE", self.keys.services, 0, -1)]
        return [name for name in names if self.beat(name)]

    def beat(self, name: str) -> dict[str, str]:
        """Return the heartbeat of `role:instance`; empty where there is none."""
        return self.link.hash(self.keys.service(*name.split(":", 1)))

    def snapshot(self) -> Snapshot:
        """Read the ledger."""
        return take_snapshot(self.link, self.keys)

    def wait_until_idle(self, timeout_s: float = 30.0) -> Snapshot:
        """Wait until nothing is queued, buffered or in flight; return the ledger then."""

        def idle() -> Snapshot | None:
            try:
                snapshot = self.snapshot()
            except RedisUnavailableError:
                # It was there a moment ago, or is there again: what it held is not known to have come to rest.
                return None
            return snapshot if is_idle(snapshot) else None

        return self.until(idle, "no value to be on its way", timeout_s)

    def until(self, condition: Callable[[], T | None], what: str, timeout_s: float = 120.0, every_s: float = 0.01) -> T:
        """Wait for a condition. Raises: StuckError, and whatever `pause` raises."""
        return wait_until(condition, timeout_s, what, pause=self.pause, every_s=every_s)

    def _incarnations(self) -> set[str]:
        return {
            process.incarnation for name in self.living() if (process := from_hash(heartbeats.Process, self.beat(name)))
        }

    def _check(self, name: str, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            raise ChildDiedError(Child(name, process, self.log_path(name)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.supervisor.__exit__(kind, error, trace)
        self.link.close()


def is_idle(ledger: Snapshot) -> bool:
    """Tell whether no value is on its way: nothing is queued, buffered or in flight."""
    return not (ledger.queued_messages or ledger.claimed_messages or ledger.in_buffer or ledger.in_flight)


def _texts(settings: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in settings.items()}
