"""Messages that would end a consumer, and waste that would take the memory of data."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.harness.feed import poll
from sandbox.harness.oracle import Cells
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.errors import RedisFullError
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

#: Address space of a consumer: what a container of 256 MB gives it, and what its threads reserve without using it.
ADDRESS_SPACE = 420_000_000

#: Bytes of memory that a consumer's container has.
CONTAINER = 256_000_000


@pytest.fixture
def own(oracle: OracleTarget, table: str, namespace: str, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline on a Redis of its own, whose settings may be changed."""
    with EmbeddedRedis() as redis, Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline:
        yield pipeline


def entries(pipeline: Pipeline) -> list[dict[str, object]]:
    return [json.loads(raw) for raw in pipeline.link.command("LRANGE", pipeline.keys.rejected_messages, 0, -1)]


def heartbeat(pipeline: Pipeline) -> dict[str, str]:
    names = [name for name in pipeline.living() if name.startswith("consumer:")]
    return pipeline.link.hash(pipeline.keys.service(*names[0].split(":", 1))) if names else {}


def test_a_message_of_40_mb_is_set_aside_unread_and_good_ones_go_on(own: Pipeline) -> None:
    """Kind: a poison message: the consumer ends, takes the same list over, and ends, for ever."""
    expected = own.put(polls=3, tags=10)
    own.link.command("RPUSH", own.keys.data_queue, b"x" * 40_000_000)
    expected |= own.put(polls=3, tags=10)
    consumer = own.start("consumer")
    resource.prlimit(consumer.pid, resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    wait_until(lambda: own.snapshot()[Counter.INSERTED] == len(expected), what="the good messages")
    # And one that comes while the consumer waits for it
    before = own.link.command("INFO", "stats")["total_net_output_bytes"]
    own.link.command("RPUSH", own.keys.data_queue, b"y" * 40_000_000)
    wait_until(lambda: own.snapshot()[Counter.MESSAGES_REJECTED] == 2, what="both set aside")
    assert own.link.command("INFO", "stats")["total_net_output_bytes"] - before < 1_000_000, "it is read by nobody"
    assert consumer.poll() is None
    first, second = entries(own)
    assert first["reason"] == second["reason"] == "larger than MESSAGE_MAX_BYTES=8000000"
    assert (first["size_bytes"], first["head"], second["head"]) == (40_000_000, "x" * 1024, "y" * 1024)
    assert own.link.command("MEMORY", "USAGE", own.keys.rejected_messages) < 10_000


def test_the_limit_is_a_setting(own: Pipeline) -> None:
    own.start_and_wait("consumer", MESSAGE_MAX_BYTES="2000")
    own.put(polls=1, tags=500)
    wait_until(lambda: own.snapshot()[Counter.MESSAGES_REJECTED] == 1, what="it is set aside")


@pytest.mark.timeout(120)
def test_a_message_that_consumers_die_of_is_set_aside_after_three_and_its_neighbours_go_on(own: Pipeline) -> None:
    """Kind: a poison message: what is taken over again and again."""
    # Given: a consumer that is killed whenever it reads one message, and a supervisor that starts it again
    poison = json.dumps({"timestamp": "2026-01-01", "plc_code": "P", "tag_values": {"poison": 1}}).encode()
    before = own.put(polls=4, tags=10)
    own.link.command("RPUSH", own.keys.data_queue, poison)
    after = own.put(polls=4, tags=10)
    deaths = 0
    while deaths < 20:
        consumer = mortal_consumer(own)
        wait_until(lambda c=consumer: c.poll() is not None or is_done(own, len(before | after)), what="it")  # type: ignore[misc]
        if consumer.poll() is None:
            break
        deaths += 1
    # Expect: three died of it, and everything else went on
    assert deaths == 3, "in its batch, and twice alone"
    (entry,) = entries(own)
    assert entry["reason"] == "3 consumers ended while they worked on this message"
    assert entry["message"] == poison.decode(), "whole, to be looked at and put back"
    snapshot = own.snapshot()
    assert (snapshot.claimed_messages, snapshot.in_buffer) == (0, 80)
    own.stop(consumer)


def is_done(pipeline: Pipeline, values: int) -> bool:
    snapshot = pipeline.snapshot()
    return snapshot[Counter.INSERTED] == values and snapshot[Counter.MESSAGES_REJECTED] == 1


def mortal_consumer(
    pipeline: Pipeline, death: str = "os.kill(os.getpid(), signal.SIGKILL)"
) -> "subprocess.Popen[bytes]":
    """Start a consumer in which reading the poison is like running out of memory in a container."""
    code = (
        "import os, signal\n"
        "import services.consumer.unpack as unpack\n"
        "read = unpack.read_message\n"
        "def deadly(raw):\n"
        f"    if b'poison' in raw: {death}\n"
        "    return read(raw)\n"
        "unpack.read_message = deadly\n"
        "from services.consumer.__main__ import app\n"
        "app()\n"
    )
    return pipeline.spawn("consumer", sys.executable, "-c", code).process


@pytest.mark.timeout(120)
@pytest.mark.parametrize("padding", ["", "x" * 8])
def test_a_message_of_400_000_tags_takes_less_memory_than_a_container_has(own: Pipeline, padding: str) -> None:
    """Kind: a poison message. 400,000 tags took 307 MB, and a container of 256 MB ended its consumer for ever."""
    expected = own.put(polls=3, tags=10)
    tags = ",".join(f'"{padding}t{tag}":1' for tag in range(400_000))
    own.link.command(
        "RPUSH", own.keys.data_queue, f'{{"timestamp":"2026-01-01","plc_code":"P","tag_values":{{{tags}}}}}'
    )
    expected |= own.put(polls=3, tags=10)
    consumer = own.start_and_wait("consumer", CONSUMER_HOLD_MESSAGES="0")
    wait_until(lambda: is_empty(own), 60, what="all to be taken")
    # Expect: it went through in parts, or was set aside; the others went through
    assert most_memory(consumer.pid) < CONTAINER
    snapshot = own.snapshot()
    aside = snapshot[Counter.MESSAGES_REJECTED]
    assert snapshot[Counter.INSERTED] == len(expected) + (0 if aside else 400_000)


def most_memory(pid: int) -> int:
    """Return the bytes that a process has held at most so far, as a container counts them."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def is_empty(pipeline: Pipeline) -> bool:
    snapshot = pipeline.snapshot()
    return snapshot.queued_messages + snapshot.claimed_messages == 0


def test_waiting_for_room_however_often_interrupted_is_no_poison(own: Pipeline) -> None:
    """Kind: a protection that takes the innocent for the guilty."""
    # Given: a full buffer without a writer, and messages that wait
    expected = own.put(polls=11, tags=100)
    for _ in range(5):
        # If: consumers are killed while they wait
        consumer = own.start_and_wait("consumer", BUFFER_MAX_SIZE="1000")
        wait_until(lambda: own.snapshot().in_buffer >= 900 and own.snapshot().claimed_messages, what="it waits")
        wait_until(lambda: has_acquitted(own), what="this one to hold what waits, and no suspicion of it")
        own.kill(consumer)
    # Expect: nothing was set aside
    own.start_and_wait("consumer", BUFFER_MAX_SIZE="1000")
    own.start_and_wait("writer", BUFFER_MAX_SIZE="1000")
    ledger = own.wait_until_idle()
    assert ledger[Counter.MESSAGES_REJECTED] == 0
    assert ledger[Counter.WRITTEN] + ledger[Counter.BACKED_UP] == len(expected)


def has_acquitted(pipeline: Pipeline) -> bool:
    lists = [raw.decode() for raw in pipeline.link.command("SMEMBERS", pipeline.keys.claimed)]
    mine = f":{heartbeat(pipeline)['incarnation']}-"
    return bool(lists) and all(mine in name and "+" not in name for name in lists)


def test_waste_goes_first_when_redis_is_short_of_memory(own: Pipeline) -> None:
    """Kind: waste crowds out data: polls with a wrong time filled Redis, and nothing moved although all was mended."""
    # Given: an engine that writes times which nobody can read, until Redis has no room for more
    own.start_and_wait("consumer")
    own.start_and_wait("writer")
    used = own.link.command("INFO", "memory")["used_memory"]
    for _ in range(50):
        own.link.command(
            "RPUSH", own.keys.data_queue, b'{"timestamp":"soon","plc_code":"P","x":"%s"}' % (b"x" * 80_000)
        )
    wait_until(lambda: own.snapshot()[Counter.MESSAGES_REJECTED] == 50, what="all rejected")
    assert own.snapshot().rejected_messages_kept == 50
    own.link.command("CONFIG", "SET", "maxmemory", used + 3_000_000)
    # Expect: what was rejected is dropped, counted, and what the mended engine sends goes through
    wait_until(lambda: own.snapshot().rejected_messages_kept == 0, what="waste to be dropped")
    assert own.snapshot()[Counter.REJECTED_DROPPED] == 50
    expected = own.put(polls=3, tags=500)
    own.wait_until_idle()
    assert own.table_rows() == expected
    assert "rejected messages were dropped to make room" in own.log("consumer")


def test_a_full_redis_is_told_and_what_is_queued_still_moves(own: Pipeline) -> None:
    """Kind: nothing moves, and health says healthy."""
    # Given: messages in the DataQueue, and a Redis that refuses everything that may be refused
    expected = own.put(polls=20, tags=500)
    own.link.command("CONFIG", "SET", "maxmemory", 1_000_000)
    own.start_and_wait("consumer")
    # Expect: the consumer says so in its heartbeat
    beat = wait_until(lambda: beat if "push_refused" in (beat := heartbeat(own)) else None, what="the heartbeat to say")
    assert "refuses what is put" in beat["push_refused"]
    assert float(beat["push_refused_since"]) > 0
    # And: what is there moves on all the same
    own.start_and_wait("writer")
    own.wait_until_idle()
    assert own.table_rows() == expected
    # If: there is room again; expect: it says nothing more of it, and goes on
    own.link.command("CONFIG", "SET", "maxmemory", 0)
    wait_until(lambda: "push_refused" not in heartbeat(own), what="the heartbeat to be well")
    expected |= own.put(polls=1, tags=5)
    wait_until(lambda: own.table_rows() == expected, what="the new values")


def test_a_redis_that_data_filled_is_drained_and_nothing_overflows(own: Pipeline) -> None:
    """Kind: a start is taken for an outage. Backlog that fills Redis lost 50,000 values while the writer drained."""
    used = own.link.command("INFO", "memory")["used_memory"]
    own.link.command("CONFIG", "SET", "maxmemory", used + 4_000_000)
    # Given: polls came in without consumer and writer until Redis took no more
    expected: Cells = {}
    with suppress(RedisFullError):
        for _ in range(500):
            expected |= own.put(polls=1, tags=2000)
    assert 20_000 < len(expected) < 1_000_000
    # If: both are started again
    own.start("consumer")
    own.start("writer")
    ledger = own.wait_until_idle(60)
    # Expect: all of it is in the table or, to make room at once, in files
    assert ledger[Counter.OVERFLOWED] == 0
    assert ledger[Counter.WRITTEN] + ledger[Counter.BACKED_UP] == len(expected)


def test_rejected_messages_are_not_kept_while_redis_is_short(own: Pipeline) -> None:
    own.link.command("RPUSH", own.keys.data_queue, *([b"{" + b"x" * 1000] * 20), poll_json(1))
    own.link.command("CONFIG", "SET", "maxmemory", 1_000_000)
    own.start_and_wait("consumer")
    snapshot = wait_until(
        lambda: found if (found := own.snapshot())[Counter.INSERTED] == 1 else None, what="the good message"
    )
    assert (snapshot.rejected_messages_kept, snapshot[Counter.REJECTED_DROPPED]) == (0, 20)


def poll_json(number: int) -> bytes:
    moment = poll(number, 1).timestamp.isoformat()
    return json.dumps({"timestamp": moment, "plc_code": "P", "tag_values": {"D": 1}}).encode()


def test_a_batch_that_writers_die_of_goes_to_the_backup(own: Pipeline, oracle: OracleTarget) -> None:
    """Kind: what is taken over again and again: the writer's batches too."""
    # Given: writers that are killed while Oracle holds their insert
    own.start_and_wait("consumer")
    expected = own.put(polls=1, tags=50)
    wait_until(lambda: own.snapshot().in_buffer == 50, what="the values")
    oracle.control.delay_ms(60_000)
    for _ in range(3):
        writer = own.start("writer", ORACLE_CALL_TIMEOUT="100")
        wait_until(lambda: own.snapshot().in_flight == 50 and executing(oracle), what="a batch being inserted")
        own.kill(writer)
        oracle.control.cut_sessions("rst")
    oracle.control.reset()
    # Expect: the next one does not try it again, although it would succeed
    own.start("writer", ORACLE_CALL_TIMEOUT="100")
    ledger = own.wait_until_idle()
    assert ledger[Counter.BACKED_UP] == len(expected)


def executing(oracle: OracleTarget) -> bool:
    return oracle.control.status().sessions > 0


def test_what_nobody_foresaw_of_a_message_costs_that_message(own: Pipeline) -> None:
    """Kind: a fault of one ends all."""
    expected = own.put(polls=2, tags=10)
    own.link.command(
        "RPUSH", own.keys.data_queue, b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":{"poison":1}}'
    )
    expected |= own.put(polls=2, tags=10)
    consumer = mortal_consumer(own, "raise ZeroDivisionError('seven')")
    wait_until(lambda: is_done(own, len(expected)), what="the others")
    (entry,) = entries(own)
    assert entry["reason"] == "reading it met ZeroDivisionError('seven')"
    assert "ZeroDivisionError: seven" in own.log("consumer")
    assert consumer.poll() is None
