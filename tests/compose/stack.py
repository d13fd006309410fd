"""The lite stack as an operator runs it: by `make` and `docker compose`, seen through the API, Redis and the table."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import httpx

from shared.keys import Keys
from shared.queues.data_queue import DataQueue
from shared.redis.link import RedisLink
from tests.oracle_target import OracleTarget

ROOT = Path(__file__).parents[2]

#: Who has a loop of its own, and therefore a heartbeat.
SERVICES = ("consumer", "writer", "monitor", "poller")

_FILES = ("docker-compose.yml", "docker-compose.lite.yml", "tests/compose/published.yml")
_PASSWORD = "a-password-of-the-test"


class Stack:
    """A project of its own: other stacks on this engine are not touched."""

    def __init__(self, secrets_dir: Path) -> None:
        self.project = f"tagpipe-test-{secrets.token_hex(3)}"
        redis_port, oracle_port, monitor_port = _free_ports(3)
        self._environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": os.pathsep.join(_FILES),
            "COMPOSE_ENV_FILES": os.devnull,
            "COMPOSE_ANSI": "never",
            "SECRETS_DIR": str(secrets_dir),
            "TAGPIPE_IMAGE": "tagpipe:test",
            "ORACLE_STAND_IN_IMAGE": "tagpipe-oracle-stand-in:test",
            "ORACLE_PASSWORD": _PASSWORD,
            "TEST_REDIS_PORT": str(redis_port),
            "TEST_ORACLE_PORT": str(oracle_port),
            "MONITOR_PORT": str(monitor_port),
        }
        self.link = RedisLink(f"redis://tagpipe-admin:tagpipe@127.0.0.1:{redis_port}/0")
        self.keys = Keys("tagpipe")
        self.queue = DataQueue(self.link, self.keys)
        self.oracle = OracleTarget(f"127.0.0.1:{oracle_port}/FREEPDB1", "tagpipe_writer", _PASSWORD, None)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{monitor_port}", timeout=10, trust_env=False)

    def make(self, target: str, *variables: str, timeout_s: float = 600) -> str:
        """Run a make target; return what it printed. It must succeed."""
        return self.run(["make", "--no-print-directory", target, *variables], timeout_s)

    def compose(self, *arguments: str, timeout_s: float = 120) -> str:
        """Run a `docker compose` command; return what it printed. It must succeed."""
        return self.run(["docker", "compose", *arguments], timeout_s)

    def staging(self, *arguments: str) -> str:
        """Run a `docker compose` command on the staging stack beside this one; return what it printed."""
        secrets_dir = Path(self._environment["SECRETS_DIR"])
        for name, secret in (
            ("redis_url", "redis://tagpipe-admin:tagpipe@redis:6379/0"),
            ("oracle_password", _PASSWORD),
        ):
            (secrets_dir / name).write_text(secret)
            (secrets_dir / name).chmod(0o444)
        files = ("docker-compose.yml", "docker-compose.staging.yml", "tests/compose/staging_network.yml")
        changes = {
            "COMPOSE_PROJECT_NAME": f"{self.project}-staging",
            "COMPOSE_FILE": os.pathsep.join(files),
            "TEST_PROJECT": self.project,
            "ORACLE_DSN": "oracle:1521/FREEPDB1",
            "ORACLE_USER": "tagpipe_writer",
            # Given as files: these must not matter.
            "ORACLE_PASSWORD": "wrong",
            "MONITOR_PORT": str(_free_ports(1)[0]),
        }
        return self.run(["docker", "compose", *arguments], 120, changes)

    def exec(self, service: str, command: str, index: int = 1) -> str:
        """Run a shell command in a container of a service; return what it printed, whatever its status."""
        arguments = ["docker", "compose", "exec", "--no-TTY", "--index", str(index), service, "sh", "-c", command]
        return self._started(arguments, 60).stdout

    def run(self, arguments: Sequence[str], timeout_s: float = 60, environment: Mapping[str, str] | None = None) -> str:
        """Run a command in the project's directory; return what it printed. It must succeed."""
        ended = self._started(arguments, timeout_s, environment or {})
        assert ended.returncode == 0, f"{' '.join(arguments)}: status {ended.returncode}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def _started(
        self, arguments: Sequence[str], timeout_s: float, environment: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments,
            cwd=ROOT,
            env={**self._environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def containers(self, service: str) -> list[dict[str, Any]]:
        """Return what the engine knows of a service's containers."""
        ids = self.compose("ps", "--all", "--quiet", service).split()
        return list(json.loads(self.run(["docker", "inspect", *ids]))) if ids else []

    def health(self, service: str) -> set[str]:
        """Return the health of a service's containers: healthy, unhealthy, starting."""
        return {container["State"]["Health"]["Status"] for container in self.containers(service)}

    def left(self) -> str:
        """Return the containers and networks of this project that there are, running or not."""
        label = f"label=com.docker.compose.project={self.project}"
        return self.run(["docker", "ps", "--all", "--quiet", "--filter", label]) + self.run(
            ["docker", "network", "ls", "--quiet", "--filter", label]
        )

    def exits_since(self, began_at: float) -> dict[str, int]:
        """Return the exit status of each container of this project that ended since then: by its service."""
        label = f"label=com.docker.compose.project={self.project}"
        # Rounded down: what ended in the first half second would be left out.
        window = ["--since", str(int(began_at)), "--until", f"{time.time() + 1:.0f}"]
        lines = self.run(
            ["docker", "events", *window, "--filter", label, "--filter", "event=die", "--format", "{{json .}}"]
        )
        attributes = [json.loads(line)["Actor"]["Attributes"] for line in lines.splitlines()]
        return {each["com.docker.compose.service"]: int(each["exitCode"]) for each in attributes}

    def get(self, path: str) -> httpx.Response:
        """Ask the monitor."""
        return self._http.get(path)

    def ledger(self) -> dict[str, Any]:
        """Return the ledger, which must balance at every moment."""
        answer: dict[str, Any] = self.get("/api/ledger").raise_for_status().json()
        assert answer["balances"], answer
        return answer

    def alive(self, role: str) -> list[str]:
        """Return the hosts of the living processes of a role, as the monitor lists them."""
        listed = self.get("/api/services").raise_for_status().json()["services"]
        return [each["host"] for each in listed if each["role"] == role and each["alive"]]

    def backup_files(self) -> list[str]:
        """Return the names of the files on the backup volume that wait for recovery."""
        names = self.exec("writer", "ls /var/lib/tagpipe/backup").split()
        return [name for name in names if name.endswith(".csv")]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as at_last:
            at_last.callback(self._http.close)
            at_last.callback(self.link.close)
            at_last.callback(self.queue.close)
            at_last.callback(self.compose, "down", "--volumes", "--remove-orphans", "--timeout", "10")
            # pytest shows it when a test failed.
            sys.stdout.write(self._started(["docker", "compose", "logs", "--tail=80"], 60).stdout)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
