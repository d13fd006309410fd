"""A poller of a pipeline with partitions: each group's messages in its own, and none held up by another's Redis."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.poller.outbox.spool import file_name
from shared.keys import Keys
from shared.partitions import namespace_of, partition_of
from shared.redis.link import RedisLink
from tests.integration.poller.groups import group, group_on_request
from tests.integration.poller.pollers import PollerProcess, command, queued, start

PARTITIONS = 2


@pytest.fixture
def servers() -> Iterator[list[EmbeddedRedis]]:
    with ExitStack() as stack:
        yield [stack.enter_context(EmbeddedRedis()) for _ in range(PARTITIONS)]


class Parts:
    """What came into each partition."""

    def __init__(self, servers: list[EmbeddedRedis], namespace: str) -> None:
        self.links = [RedisLink(server.url) for server in servers]
        self.keys = [Keys(namespace_of(namespace, p, PARTITIONS)) for p in range(PARTITIONS)]

    def groups(self, partition: int) -> set[str]:
        return {message.group_name for message in queued(self.links[partition], self.keys[partition])}

    def count(self, partition: int) -> int:
        return len(queued(self.links[partition], self.keys[partition]))


def test_each_group_goes_to_its_partition_and_a_dead_redis_holds_up_no_other(
    pollers: list[PollerProcess], servers: list[EmbeddedRedis], namespace: str, tmp_path: Path
) -> None:
    names = ["1", "2", "3", "4", "5", "6"]
    pinned = group("pinned").replace("interval_ms", f"partition = {1 - partition_of('Ppinned', 2)}\ninterval_ms")
    urls = ",".join(server.url for server in servers)
    on_request = next(name for name in "abcdef" if partition_of(f"P-{name}", 2) == 1)
    poller = start(
        pollers, "".join(map(group, names)) + pinned + group_on_request(on_request), urls, namespace, tmp_path,
        PARTITIONS=str(PARTITIONS), POLLER_OUTBOX_DIR=str(tmp_path / "outbox"),
    )  # fmt: skip
    expected = [{name for name in names if partition_of(f"P{name}", 2) == p} for p in range(PARTITIONS)]
    expected[1 - partition_of("Ppinned", 2)].add("pinned")
    assert all(expected)
    parts = Parts(servers, namespace)
    wait_until(lambda: [parts.groups(p) for p in range(PARTITIONS)] == expected, what="readings of all groups")
    servers[0].kill()
    poller.wait_for_log("is not usable, trying again")
    before = parts.count(1)
    wait_until(lambda: parts.count(1) > before + 20, what="the other partition's readings to go on")
    # A request to poll finds the partition in which its group is polled.
    asked = command("trigger", on_request, "--wait", PARTITIONS="2", REDIS_URL=urls, REDIS_NAMESPACE=namespace)
    assert json.loads(asked.stdout)["state"] == "read"
    servers[0].start()
    wait_until(lambda: parts.count(0) > 20, what="the first one's readings to come after all")
    assert poller.stop() < 5
    assert {path.name for path in (tmp_path / "outbox").glob("*.sqlite3")} == {file_name(0), file_name(1)}


def test_readings_of_a_partition_that_there_is_no_more_are_told_of(
    pollers: list[PollerProcess], servers: list[EmbeddedRedis], namespace: str, tmp_path: Path
) -> None:
    """Kind: a file that nobody reads any more."""
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / file_name(3)).touch()
    poller = start(
        pollers, group("1"), servers[0].url, namespace, tmp_path, POLLER_OUTBOX_DIR=str(tmp_path / "outbox")
    )  # fmt: skip
    poller.wait_for_log("outbox-3.sqlite3 holds readings of a partition that PARTITIONS=1 does not have")


def test_a_partition_that_there_is_not_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "groups.toml").write_text(group("1").replace("interval_ms", "partition = 2\ninterval_ms"))
    ended = command(POLLER_CONFIG=str(tmp_path / "groups.toml"), PARTITIONS="2", REDIS_URL="redis://127.0.0.1:1/0")
    assert ended.returncode == 2
    assert "group '1': partition = 2: the last one is 1, as PARTITIONS says" in ended.stdout + ended.stderr
