"""3,491 tags of a server that nobody here wrote, once a second into the table; the server is killed and comes back.

A minute long; OPCUA_RUN_SECONDS=600 is the run of the closing note. It prints CPU and memory of every service.
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from sandbox.harness.waiting import wait_until
from sandbox.node_opcua import install
from sandbox.npm import NodeUnavailableError
from shared.counters import Counter as Total
from tests.integration.poller.sources.opcua.servers import OpcuaServer
from tests.pipeline import Pipeline

TAGS = 3491
SECONDS = float(os.environ.get("OPCUA_RUN_SECONDS", "60"))
AWAY_S = 4.0


@pytest.fixture
def node_server(tmp_path: Path) -> Iterator[OpcuaServer]:
    try:
        installed = install()
    except NodeUnavailableError as error:
        pytest.skip(str(error))
    with OpcuaServer.node(installed, tmp_path, "--tags", str(TAGS)) as server:
        yield server


def config(url: str) -> str:
    return f"""
[[group]]
name = "plant"
plc_code = "PLC01"
interval_ms = 1000
[group.source]
type = "opcua"
url = "{url}"
tags = {{ glob = "Plant/**" }}
reconnect_max_ms = 1000
"""


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def say_costs(name: str, pid: int, early: tuple[float, float], memory_mb: float) -> None:
    """Print what a process has taken since `early`: its CPU seconds at a time of the monotonic clock."""
    cpu, since = early
    share = (cpu_s(pid) - cpu) / (time.monotonic() - since)
    print(f"{name}: {share:.1%} of a core, {memory_mb:.0f} MB at 40 %, {resident_mb(pid):.0f} MB at the end")


def rows_by_tag(rows: Iterable[Sequence[object]]) -> dict[str, list[tuple[object, str]]]:
    """Return times and qualities of each tag's rows, by their times."""
    by_tag: dict[str, list[tuple[object, str]]] = {}
    for tag, timestamp, quality in sorted(rows, key=lambda row: str(row[1])):
        by_tag.setdefault(str(tag), []).append((timestamp, str(quality)))
    return by_tag


def qualities_of_polls(tags: Collection[list[tuple[object, str]]], polls: int) -> Counter[tuple[tuple[str, int], ...]]:
    """Return how many polls had so many tags of each quality."""
    return Counter(tuple(sorted(Counter(rows[poll][1] for rows in tags).items())) for poll in range(polls))


@pytest.mark.slow
@pytest.mark.timeout(int(SECONDS) + 400)
@pytest.mark.req("SC-001", "SC-005", "FR-014", "FR-017", "FR-018")
def test_a_plant_of_3491_tags_arrives_once_a_second_with_its_qualities(
    node_server: OpcuaServer, pipeline: Pipeline, tmp_path: Path
) -> None:
    path = tmp_path / "groups.toml"
    path.write_text(config(node_server.url))
    usual = {"BUFFER_WRITE_INTERVAL_SEC": "0.5"}
    services = {name: pipeline.start_and_wait(name, **usual) for name in ("writer", "consumer")}
    services["poller"] = pipeline.start_and_wait("poller", POLLER_CONFIG=str(path), INSTANCE_NAME="run")
    wait_until(lambda: pipeline.snapshot()[Total.WRITTEN], 30, "the first values")
    began = time.monotonic()
    early = {name: (cpu_s(process.pid), time.monotonic()) for name, process in services.items()}
    killed_at = began + SECONDS * 0.4
    wait_until(lambda: time.monotonic() >= killed_at, SECONDS + 10, "the time to kill the server")
    memory = {name: resident_mb(process.pid) for name, process in services.items()}
    node_server.kill()
    away_since = time.monotonic()
    wait_until(lambda: time.monotonic() >= away_since + AWAY_S, AWAY_S + 5, "the time to start it again")
    node_server.start()
    away_s = time.monotonic() - away_since
    wait_until(lambda: time.monotonic() >= began + SECONDS, SECONDS + 10, "the end of the run")
    ran_s = time.monotonic() - began
    beat = pipeline.link.hash(pipeline.keys.service("poller", "run"))
    (group,) = json.loads(beat["groups"])
    for name, process in services.items():
        say_costs(name, process.pid, early[name], memory[name])
    services["poller"].send_signal(signal.SIGTERM)
    assert services["poller"].wait(10) == 0
    ledger = pipeline.wait_until_idle(120)

    # Expect: every poll that was made is in the table, one row a tag, each at a time of its own, and nothing else.
    rows = pipeline.oracle.query(f"SELECT tag_name, timestamp, quality FROM {pipeline.table}")
    assert ledger.balances
    said = [line for line in pipeline.log("poller").splitlines() if "Emitted" in line][-1]
    assert f"with {len(rows)} values" in said
    by_tag = rows_by_tag(rows)
    assert len(by_tag) == TAGS
    polls = {len(values) for values in by_tag.values()}
    print(f"{len(rows)} rows, {polls} of every tag in {ran_s:.0f} s, the server away for {away_s:.1f} s")
    (each,) = polls
    assert ran_s - 3 - group["skipped"] <= each <= ran_s + 5
    assert all(len({timestamp for timestamp, _ in values}) == each for values in by_tag.values())

    # Expect: the server's own qualities at every poll, but for those while it was away: all BAD.
    per_poll = qualities_of_polls(by_tag.values(), each)
    print(f"qualities of polls: {per_poll}")
    wanted = sorted((quality, node_server.said[quality]) for quality in ("GOOD", "BAD", "UNCERTAIN"))
    lost = per_poll.pop((("BAD", TAGS),), 0)
    assert per_poll.keys() == {tuple(wanted)}
    # Coming back takes a second's pause, and finding thousands of nodes of a server that has just started.
    assert away_s - 2 <= lost <= away_s + 10
