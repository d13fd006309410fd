"""What a script may touch: the keys that it was given. Kind: worked here, refused there.

A server that others run refuses a script that touches a key it was not told of; in a cluster the key may have moved.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.keys import Keys
from shared.queues.data_queue import drop_rejected
from shared.queues.snapshot import take_snapshot
from shared.redis.link import RedisLink
from tests.oracle_target import OracleTarget
from tests.pipeline import QUIET_GROUP, Pipeline


class Watch:
    """All that scripts do on a server, as MONITOR tells it."""

    def __init__(self, port: int) -> None:
        self._client = redis.Redis(port=port, decode_responses=True, protocol=2)
        self.scripts: set[str] = set()
        self.undeclared: set[str] = set()
        self._declared: set[str] = set()
        self._monitor: Any = self._client.monitor()  # type: ignore[no-untyped-call]
        self._monitor.__enter__()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            for line in self._monitor.listen():
                self._take(line)
        except (redis.exceptions.RedisError, OSError, ValueError):
            return

    def _take(self, line: dict[str, Any]) -> None:
        words = line["command"].split(" ")
        if line["client_type"] != "lua":
            if words[0].upper().startswith("EVAL") and len(words[1]) == 40:
                self.scripts.add(words[1])
                self._declared = set(words[3 : 3 + int(words[2])])
            elif words[0].upper().startswith("EVAL"):
                # The whole text; its keys come after the blanks of the text.
                self._declared = {word for word in words if word.startswith("{")}
            return
        for key in self._keys(words[:4]):
            if key not in self._declared:
                self.undeclared.add(" ".join(words)[:100])

    def _keys(self, words: list[str]) -> list[str]:
        if words[0].upper() in {"DEL", "EXISTS", "COPY", "LMOVE", "RENAMENX"}:
            return [word for word in words[1:] if word.startswith("{")]
        return words[1:2]

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


def test_scripts_touch_no_key_that_they_were_not_given(
    server: EmbeddedRedis, oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "groups.toml").write_text(QUIET_GROUP)
    settings = {"POLLER_CONFIG": str(tmp_path / "groups.toml"), "MONITOR_PORT": "0"}
    watch = Watch(server.port)
    with Pipeline(server.url, oracle, table, namespace, tmp_path) as pipeline:
        processes = [
            pipeline.start_and_wait(service, **settings) for service in ("poller", "consumer", "writer", "monitor")
        ]
        pipeline.queue.put_encoded([b"no message"])
        pipeline.put(polls=20, tags=700)
        # And: a writer that dies with what it holds
        pipeline.kill(processes[2])
        pipeline.put(polls=2, tags=700)
        pipeline.start_and_wait("writer")
        pipeline.wait_until_idle()
        assert drop_rejected(pipeline.link, pipeline.keys) == 1
    wait_until(lambda: len(watch.scripts) >= 10, what="scripts of all kinds")
    watch.close()
    assert watch.undeclared == set()


def test_a_list_that_a_script_was_not_given_is_asked_for(link: RedisLink, keys: Keys) -> None:
    lists = [keys.inflight_list("w", str(number)) for number in range(30)]
    for number, list_key in enumerate(lists):
        link.command("RPUSH", list_key, *range(number + 1))
        link.command("SADD", keys.inflight, list_key)
    link.command("SADD", keys.claimed, keys.claimed_list("c", "1"), "a stranger's", f"{keys.claimed}-not")
    snapshot = take_snapshot(link, keys)
    assert (snapshot.in_flight, snapshot.batches_in_flight, snapshot.claimed_messages) == (sum(range(31)), 30, 0)


def test_a_moment_is_found_while_batches_come_and_go(link: RedisLink, keys: Keys) -> None:
    """The ledger balances at every look, though lists are claimed and settled between the questions."""
    stop = threading.Event()

    def claim_and_settle(number: int) -> None:
        batch = 0
        while not stop.is_set():
            list_key = keys.inflight_list("w", f"{number}-{batch}")
            batch += 1
            link.commands(
                ("RPUSH", list_key, 1), ("SADD", keys.inflight, list_key), ("HINCRBY", keys.counters, "inserted", 1)
            )
            link.commands(
                ("DEL", list_key), ("SREM", keys.inflight, list_key), ("HINCRBY", keys.counters, "written", 1)
            )

    threads = [threading.Thread(target=claim_and_settle, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        seen = [take_snapshot(link, keys) for _ in range(200)]
    finally:
        stop.set()
        for thread in threads:
            thread.join(5)
    assert all(snapshot.balances for snapshot in seen)
    assert any(snapshot.in_flight for snapshot in seen)
