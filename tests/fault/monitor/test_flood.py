"""Everything that strangers can do to a monitor, for a minute, while the pipeline works and who may asks."""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sandbox.harness.feed import Load
from sandbox.harness.oracle import ROOT
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.fault.ledger import assert_nothing_lost_nothing_twice, drain
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

TOKEN = "the-token-of-the-flooded"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}

#: Seconds that is looked at before, and that it is flooded.
BEFORE_S, FLOOD_S = 15.0, 60.0

#: What is asserted of what is measured is generous: the machine may be busy with other things.
MOST_S, LEAST_RATIO, MOST_MB = 5.0, 0.9, 200.0


@dataclass
class Seen:
    """What an authorised client saw for a time, and what it cost the monitor."""

    took_s: list[float]
    memory_mb: float
    values_per_s: float
    cpu: float  #: of one processor
    behind: int  #: answers that the monitor's newest reading is too old

    def __str__(self) -> str:
        slow = statistics.quantiles(self.took_s, n=100)[98]
        return (
            f"{len(self.took_s)} answers, median {1000 * statistics.median(self.took_s):.0f} ms, "
            f"99 % {1000 * slow:.0f} ms, slowest {1000 * max(self.took_s):.0f} ms; {self.values_per_s:.0f} values/s; "
            f"the monitor: {self.memory_mb:.0f} MB at most, {100 * self.cpu:.0f} % of a processor, "
            f"{self.behind} times behind"
        )


def watch(address: str, pid: int, pipeline: Pipeline, seconds: float) -> Seen:
    """Ask five times a second."""
    began, written, cpu_s = time.monotonic(), _written(pipeline), _cpu_s(pid)
    took_s: list[float] = []
    memory_mb, behind = 0.0, 0
    with httpx.Client(headers=RIGHT, timeout=10) as client:
        while (now := time.monotonic()) < began + seconds:
            answer = client.get(f"{address}/api/ledger")
            # Where the machine has no processor for it, its reading may be old; nobody is refused for who asks beside.
            behind += answer.status_code != 200
            assert answer.status_code == 200 or "MONITOR_BEHIND" in answer.text, answer.text
            took_s.append(time.monotonic() - now)
            memory_mb = max(memory_mb, _resident_mb(pid))
            time.sleep(max(0.0, now + 0.2 - time.monotonic()))
    elapsed_s = time.monotonic() - began
    return Seen(
        took_s, memory_mb, (_written(pipeline) - written) / elapsed_s, (_cpu_s(pid) - cpu_s) / elapsed_s, behind
    )


def _written(pipeline: Pipeline) -> int:
    return pipeline.snapshot().counters[Counter.WRITTEN]


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def _cpu_s(pid: int) -> float:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_minute_of_everything_at_once_is_felt_by_nobody_who_may_ask(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> None:
    """Kind: each limit holds alone, and together they leave no room; what is measured is printed."""
    with EmbeddedRedis() as redis, Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline:
        settings = {"MONITOR_PORT": "0", "MONITOR_API_TOKEN": TOKEN}
        processes = {name: pipeline.start_and_wait(name, **settings) for name in ("consumer", "writer", "monitor")}
        wait_until(lambda: "Monitor at http" in pipeline.log("monitor"), what="the monitor")
        address = pipeline.log("monitor").split("Monitor at ", 1)[1].split()[0]
        pid = processes["monitor"].pid
        wait_until(lambda: httpx.get(f"{address}/readyz", headers=RIGHT).status_code == 200, what="the first reading")
        with Load(pipeline.queue, 3491) as load:
            before = watch(address, pid, pipeline, BEFORE_S)
            flood = subprocess.Popen(
                [sys.executable, "-m", "tests.fault.monitor.flood", address.rpartition(":")[2], str(FLOOD_S), TOKEN],
                cwd=ROOT, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            try:
                flooded = watch(address, pid, pipeline, FLOOD_S)
                sent = flood.communicate(timeout=30)[0]
            finally:
                flood.kill()
                flood.wait()
        drain(pipeline)
        assert_nothing_lost_nothing_twice(pipeline, load.rows)
        ratio = flooded.values_per_s / before.values_per_s
        print(f"before: {before}\nflooded: {flooded}\nrate {ratio:.3f} of before; sent {sent}")
        assert [process.poll() for process in processes.values()] == [None] * 3
        assert max(flooded.took_s) < MOST_S
        assert flooded.behind < len(flooded.took_s) / 10
        assert flooded.memory_mb < MOST_MB
        assert ratio > LEAST_RATIO
        assert "Traceback" not in pipeline.log("monitor")
        assert len(pipeline.log("monitor")) < 100_000
