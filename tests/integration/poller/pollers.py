"""Pollers as processes of their own, and what they left in Redis."""

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from sandbox.harness.command import run_command
from sandbox.harness.oracle import ROOT
from sandbox.harness.process import Process
from sandbox.harness.supervisor import python
from sandbox.harness.waiting import wait_until
from shared.keys import Keys
from shared.messages import read_message
from shared.models import PollingData
from shared.redis.link import RedisLink


@dataclass
class PollerProcess:
    """A poller, its log, and what it left in Redis."""

    config: str
    redis_url: str
    namespace: str
    directory: Path
    settings: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        path = self.directory / "groups.toml"
        path.write_text(self.config, "utf-8")
        environment = {
            **os.environ, "POLLER_CONFIG": str(path), "REDIS_URL": self.redis_url,
            "REDIS_NAMESPACE": self.namespace, "INSTANCE_NAME": "poller-1", **self.settings,
        }  # fmt: skip
        with (self.directory / "poller.log").open("wb") as log:
            self.process = Process(python("services.poller"), log, environment, directory=ROOT)

    @property
    def log(self) -> str:
        return (self.directory / "poller.log").read_text()

    def wait_for_log(self, text: str) -> None:
        wait_until(lambda: text in self.log or self.process.poll() is not None, what=f"{text!r} in the log")
        assert text in self.log

    def stop(self) -> float:
        """Send SIGTERM; return the seconds until the process was gone."""
        began = monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        return monotonic() - began

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def start(
    pollers: list[PollerProcess], config: str, url: str, namespace: str, directory: Path, **settings: str
) -> PollerProcess:
    poller = PollerProcess(config, url, namespace, directory, settings)
    pollers.append(poller)
    poller.start()
    return poller


def queued(link: RedisLink, keys: Keys) -> list[PollingData]:
    length = link.command("LLEN", keys.data_queue)
    # A few at once: what an answer may have is bounded.
    pieces = (link.command("LRANGE", keys.data_queue, first, first + 9) for first in range(0, length, 10))
    return [read_message(raw)[0] for piece in pieces for raw in piece]


def events(link: RedisLink, keys: Keys, kind: str) -> list[dict[bytes, bytes]]:
    entries = [dict(zip(*[iter(fields)] * 2, strict=True)) if isinstance(fields, list) else dict(fields)
               for _, fields in link.command("XRANGE", keys.events, "-", "+")]  # fmt: skip
    return [entry for entry in entries if entry[b"kind"].decode() == kind]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_command("services.poller", *arguments, environ={**os.environ, **environment})
