"""A group of half a million tags, or its file, holds up no other group and not the heartbeat."""

import signal
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.poller.sources.opcua.tags import MAX_TAGS
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.poller.groups import group
from tests.integration.poller.pollers import PollerProcess, queued, start

TAGS = 300_000

#: Seconds that the small group, of ten polls a second, may once be late. It was held up for 6 s and more; what other
#: programs of the machine take from it is not meant.
HELD_UP_S = 3.0


def large(source: str) -> str:
    return f'[[group]]\nname = "large"\nplc_code = "L"\ninterval_ms = 10000\n[group.source]\n{source}\n'


def node_ids(count: int = TAGS) -> list[str]:
    return [f"ns=2;s=Plant.Line{number // 1000}.Machine{number % 1000}.Temperature" for number in range(count)]


def source_of(kind: str, directory: Path) -> str:
    opcua = 'type = "opcua"\nurl = "opc.tcp://127.0.0.1:1"\n'
    if kind == "simulator":
        return f'type = "simulator"\ntags = {TAGS}'
    if kind == "list of tags":
        return f"{opcua}tags = {node_ids()!r}"
    (directory / "tags.csv").write_text("address\n" + "\n".join(node_ids()) + "\n")
    return f'{opcua}tags = {{file = "tags.csv"}}'


@pytest.mark.parametrize(
    "kind",
    [
        "list of tags",
        pytest.param("simulator", marks=pytest.mark.slow),
        pytest.param("file of tags", marks=pytest.mark.slow),
    ],
)
def test_a_large_group_that_is_added_holds_up_neither_a_small_one_nor_the_heartbeat(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path, kind: str
) -> None:  # fmt: skip
    """Kind: work without a bound where everybody waits for it."""
    poller = start(
        pollers, group("small"), redis_server.url, keys.namespace, tmp_path, DATA_QUEUE_MAX_MESSAGES="100000"
    )
    heartbeat = keys.service("poller", "poller-1")
    wait_until(lambda: link.hash(heartbeat).get("groups"), what="the heartbeat")
    (tmp_path / "groups.toml").write_text(group("small") + large(source_of(kind, tmp_path)))
    left_ms: list[int] = []
    began = monotonic()

    def all_are_polled() -> bool:
        left_ms.append(link.command("PTTL", heartbeat))
        large_ones = sum(message.group_name == "large" for message in queued(link, keys)[-200:])
        return large_ones >= TAGS / 5000 and monotonic() - began > 5

    wait_until(all_are_polled, 90, "a poll of the large group")
    assert min(left_ms) > 5000, "the heartbeat was held up"
    times = [message.timestamp for message in queued(link, keys) if message.group_name == "small"]
    gaps_s = [(after - before).total_seconds() for before, after in pairwise(times)]
    assert max(gaps_s) < HELD_UP_S
    assert poller.stop() < 5


def test_a_stop_does_not_wait_for_a_large_file_that_is_being_read(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:  # fmt: skip
    """Kind: a thread that is at work holds up the end of the process."""
    poller = start(pollers, group("small"), redis_server.url, keys.namespace, tmp_path)
    wait_until(lambda: queued(link, keys), what="a poll")
    # Given a file of 44 MB, which takes many seconds to read.
    source = f'type = "opcua"\nurl = "opc.tcp://127.0.0.1:1"\ntags = {node_ids(900_000)!r}'
    (tmp_path / "groups.toml").write_text(group("small") + large(source))
    poller.process.send_signal(signal.SIGHUP)
    before = len(queued(link, keys))
    wait_until(lambda: len(queued(link, keys)) > before + 5, what="further polls")
    assert "the file has changed" not in poller.log, "it is still being read"
    assert poller.stop() < 5
    assert "Shutdown complete" in poller.log


def test_a_group_of_too_many_tags_is_refused_with_the_reason_and_the_others_go_on(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:  # fmt: skip
    poller = start(pollers, group("small"), redis_server.url, keys.namespace, tmp_path)
    wait_until(lambda: queued(link, keys), what="a poll")
    with (tmp_path / "tags.csv").open("w") as file:
        file.write("address\n")
        file.writelines(f"i={number}\n" for number in range(MAX_TAGS + 1))
    source = 'type = "opcua"\nurl = "opc.tcp://127.0.0.1:1"\ntags = {file = "tags.csv"}'
    (tmp_path / "groups.toml").write_text(group("small") + large(source))
    wait_until(lambda: "make several groups of them" in poller.log, 60, "the reason in the log")
    before = len(queued(link, keys))
    wait_until(lambda: len(queued(link, keys)) > before, what="a poll of the small group")
