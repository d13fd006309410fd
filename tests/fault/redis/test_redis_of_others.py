"""A Redis that others run: commands are missing, keys are evicted, the dead leave names. Values move all the same."""

from collections.abc import Iterator
from pathlib import Path
from time import time

import httpx
import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.errors import RedisFullError
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

#: Names that a container which ends at once leaves in five hours, when it is started anew each second.
NAMES = 20_000


def monitor_of(pipeline: Pipeline) -> str:
    pipeline.start_and_wait("monitor", MONITOR_PORT="0")
    wait_until(lambda: "Monitor at " in pipeline.log("monitor"), what="its address")
    return pipeline.log("monitor").split("Monitor at ", 1)[1].split()[0]


def alerts(monitor: str) -> dict[str, str]:
    return {alert["code"]: alert["message"] for alert in httpx.get(f"{monitor}/api/alerts").json()["alerts"]}


@pytest.fixture
def own(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Pipeline]:
    """A pipeline on a Redis of its own, with options."""
    with (
        EmbeddedRedis(options=request.param) as redis,
        Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline,
    ):
        yield pipeline


@pytest.mark.parametrize("own", [["--rename-command", "INFO", ""]], indirect=True)
def test_without_info_all_is_done_and_told_as_with_it(own: Pipeline) -> None:
    """Kind: a question of a side path, refused, stands in the way of all that comes after it."""
    own.start_and_wait("consumer")
    own.put(polls=2, tags=10)
    wait_until(lambda: own.snapshot()[Counter.INSERTED] == 20, what="the values")
    wait_until(lambda: own.link.command("HLEN", own.keys.polling), what="what is told beside them")
    assert "has not this command: docs/redis.md" in own.log("consumer")
    assert "takes no more" not in own.log("consumer")
    assert "trying again" not in own.log("consumer")


@pytest.mark.parametrize("own", [["--maxmemory", "12mb", "--maxmemory-policy", "volatile-ttl"]], indirect=True)
def test_a_redis_that_throws_away_heartbeats_is_told_before_it_does(own: Pipeline) -> None:
    """Kind: what expires counts as what may go. Managed servers are delivered so."""
    monitor = monitor_of(own)
    own.start_and_wait("consumer")
    wait_until(lambda: "volatile-ttl" in alerts(monitor).get("redis_may_lose", ""), what="the alert")
    expected = own.put(polls=2, tags=10)

    def is_full() -> bool:
        try:
            own.link.command("RPUSH", "of-another-program", b"x" * 100_000)
        except RedisFullError:
            return True
        return False

    wait_until(is_full, what="Redis to be full")
    assert own.link.command("INFO", "stats")["evicted_keys"] > 0
    # The beats come again each second; what was queued moves on, and nothing is lost or taken for deadly.
    wait_until(lambda: own.snapshot()[Counter.INSERTED] == len(expected), what="the values")
    own.link.command("DEL", "of-another-program")
    wait_until(lambda: any(name.startswith("consumer:") for name in own.living()), what="the consumer's heartbeat")
    assert own.snapshot()[Counter.MESSAGES_REJECTED] == 0


def test_values_stay_although_somebody_gives_every_key_an_expiry(pipeline: Pipeline) -> None:
    """Kind: what others may end. A program that tidies up gives one to each key without: what waited in the DataQueue
    and in the buffer vanished with them.
    """
    pipeline.start_and_wait("consumer")
    expected = pipeline.put(polls=2, tags=10)
    wait_until(lambda: pipeline.snapshot()[Counter.INSERTED] == len(expected), what="the values")
    for key in pipeline.link.command("KEYS", f"{pipeline.keys.data_queue.partition(':')[0]}:*"):
        pipeline.link.command("PEXPIRE", key, 2500)
    pipeline.link.command("SET", f"{pipeline.keys.namespace}-expires", 1, "PX", 2500)
    wait_until(lambda: f"Somebody gave {pipeline.keys.buffer} an expiry" in pipeline.log("consumer"), what="the word")
    wait_until(lambda: not pipeline.link.command("EXISTS", f"{pipeline.keys.namespace}-expires"), what="the expiry")
    pipeline.start_and_wait("writer")
    wait_until(lambda: pipeline.table_rows() == expected, 30, "all in the table")
    assert pipeline.snapshot().difference == 0
    assert pipeline.snapshot()[Counter.INSERTED] == len(expected)


def test_what_a_process_holds_stays_although_somebody_gives_it_an_expiry(pipeline: Pipeline) -> None:
    """Kind: the same, of the lists in which a consumer or a writer has what it works on. A consumer that waits for room
    may hold its own for hours: messages vanished with it, and no ledger knew of them.
    """
    pipeline.start_and_wait("consumer", BUFFER_MAX_SIZE="100", BUFFER_BATCH_THRESHOLD="10")
    expected = pipeline.put(polls=12, tags=10)
    wait_until(lambda: pipeline.snapshot().claimed_messages, what="messages that wait for room")
    for key in pipeline.link.command("KEYS", f"{pipeline.keys.claimed}:*"):
        pipeline.link.command("PEXPIRE", key, 5000)
    pipeline.link.command("SET", f"{pipeline.keys.namespace}-expires", 1, "PX", 5000)
    wait_until(lambda: not pipeline.link.command("EXISTS", f"{pipeline.keys.namespace}-expires"), what="the expiry")
    pipeline.start_and_wait("writer", BUFFER_MAX_SIZE="100", BUFFER_BATCH_THRESHOLD="10")
    wait_until(lambda: pipeline.table_rows() == expected, 30, "all in the table")
    # And what else a writer has there.
    paused = pipeline.keys.paused
    pipeline.link.command("HSET", paused, "writer:of-another-host", "{}")
    pipeline.link.command("PEXPIRE", paused, 60_000)
    wait_until(lambda: f"gave {paused} an expiry" in pipeline.log("writer"), what="the word of the writer")
    assert pipeline.link.command("PTTL", paused) == -1


def test_messages_whose_list_somebody_deletes_are_put_again(pipeline: Pipeline) -> None:
    """Kind: no answer taken for one. A list that was gone meant that its push had been carried out before; deleted, or
    evicted, while its consumer waited for room, its messages were nowhere, and no ledger knew of them.
    """
    pipeline.start_and_wait("consumer", BUFFER_MAX_SIZE="100", BUFFER_BATCH_THRESHOLD="10")
    expected = pipeline.put(polls=12, tags=10)
    wait_until(lambda: pipeline.snapshot().claimed_messages, what="messages that wait for room")
    pipeline.link.command("DEL", *pipeline.link.command("KEYS", f"{pipeline.keys.claimed}:*"))
    pipeline.start_and_wait("writer", BUFFER_MAX_SIZE="100", BUFFER_BATCH_THRESHOLD="10")
    wait_until(lambda: pipeline.table_rows() == expected, 30, "all in the table")
    assert "is gone from Redis" in pipeline.log("consumer")


def test_names_of_the_dead_hide_nobody_who_lives(pipeline: Pipeline) -> None:
    """Kind: what the dead leave has no bound, and who reads it has one."""
    now = time()
    for first in range(0, NAMES, 1000):
        names = [part for n in range(first, first + 1000) for part in (now - 18_000 + n / 2, f"writer:{n:012x}")]
        pipeline.link.command("ZADD", pipeline.keys.services, *names)
    monitor = monitor_of(pipeline)
    pipeline.start_and_wait("consumer")
    wait_until(lambda: "not_all_shown" not in alerts(monitor), what="names within the bounds")
    assert "no_consumer" not in alerts(monitor)
    assert pipeline.link.command("ZCARD", pipeline.keys.services) <= 500


@pytest.mark.parametrize("own", [["--client-output-buffer-limit", "normal 256kb 0 0"]], indirect=True)
def test_a_message_at_which_redis_hangs_up_holds_up_no_other_and_is_told(own: Pipeline) -> None:
    """Kind: what is tried again for ever, beside all that goes on: the ledger balances, health says healthy."""
    monitor = monitor_of(own)
    own.start_and_wait("consumer")
    stuck = own.put(polls=1, tags=20_000)
    expected = own.put(polls=2, tags=10)
    wait_until(lambda: own.snapshot()[Counter.INSERTED] == len(expected), what="the others")
    wait_until(lambda: "consumer " in alerts(monitor).get("batch_stuck", ""), 40, "the alert")
    assert "client-output-buffer-limit" in own.log("consumer")
    assert own.snapshot().claimed_messages == 1
    # As the remedy says.
    own.link.command("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")
    # It is more than the buffer holds beside the others: it waits for room, which a writer makes.
    own.start_and_wait("writer")
    wait_until(lambda: own.table_rows() == stuck | expected, 60, "all in the table", every_s=1)
    assert own.snapshot().claimed_messages == 0
