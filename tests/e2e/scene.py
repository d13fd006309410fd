"""The pipeline under a dashboard, and ways to make its life hard."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.redis import EmbeddedRedis, free_port
from sandbox.harness.waiting import wait_until
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

#: Who has it may act on the scene's own monitor; anybody may read there.
OPERATOR_TOKEN = "operator-token-of-the-tests"

#: 5,000 values a second from two PLCs.
_GROUPS = """
[[group]]
name = "line 1"
plc_code = "PLC01"
interval_ms = 200
[group.source]
type = "simulator"
tags = 900
bad_ratio = 0.0
[[group]]
name = "line 2"
plc_code = "PLC02"
interval_ms = 200
[group.source]
type = "simulator"
tags = 100
bad_ratio = 0.0
"""


class Scene:
    """The pipeline under a dashboard, and ways to make its life hard."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.redis = stack.enter_context(EmbeddedRedis())
        self.oracle = stack.enter_context(OracleStandIn())
        target = OracleTarget(self.oracle.dsn, self.oracle.user, self.oracle.password, self.oracle)
        table = stack.enter_context(target.table())
        self.pipeline = stack.enter_context(Pipeline(self.redis.url, target, table, "dashboard", directory))
        self.pipeline.environment["INSTANCE_NAME"] = "plant-1"
        # As operators give it, and not where this test happens to run: events name it.
        self.pipeline.environment["BACKUP_DIR"] = "backup"
        config = directory / "groups.toml"
        config.write_text(_GROUPS)
        self.pipeline.environment["POLLER_CONFIG"] = str(config)
        # Values overflow when five messages wait: what fills first is the DataQueue.
        self.pipeline.environment["CONSUMER_HOLD_MESSAGES"] = "1"
        self.url = self.monitor(MONITOR_OPERATOR_TOKEN=OPERATOR_TOKEN)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def monitor(self, port: int = 0, **settings: str) -> str:
        """Start a monitor; return its address once it answers."""
        port = port or free_port()
        self.last_monitor = self.pipeline.start("monitor", MONITOR_PORT=str(port), **settings)
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(f"{url}/livez"), what="the monitor")
        return url

    def make_well(self) -> None:
        """Start whatever does not run and end every fault."""
        self.oracle.control.reset()
        for service in ("consumer", "writer", "poller"):
            if service not in self._running:
                self._running[service] = self.pipeline.start_and_wait(service)

    def kill(self, service: str) -> None:
        """End a service at once."""
        process = self._running.pop(service)
        process.kill()
        process.wait()

    def stop(self, service: str) -> None:
        """End a service in order."""
        self.pipeline.stop(self._running.pop(service))

    def recover(self) -> None:
        """Put the backup files into the table."""
        self.run("services.writer", "recover")

    def run(self, *command: str) -> None:
        """Run one of the services' commands."""
        subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.pipeline.directory,
            env=self.pipeline.environment,
            check=True,
            capture_output=True,
            timeout=60,
        )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
