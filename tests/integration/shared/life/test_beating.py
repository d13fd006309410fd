"""Heartbeats come from a place of their own, and prove that the loops turn.

Kind: a loop that beats does work of unknown length. Counting a backlog of 4 GB stopped the writer's beats for 55 s: a
false critical, and its batches were taken over while it was alive.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.harness.feed import poll
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.consumer.rejected.entries import Rejections
from services.consumer.report.redis_memory import RedisMemory
from services.consumer.report.report import Report
from services.consumer.settings import ConsumerSettings
from services.consumer.unpack import Unpacker
from services.consumer.worker import Consumer
from services.writer.composition import compose
from services.writer.settings import WriterSettings
from shared.acting.pausing import Pause
from shared.clock import SystemClock
from shared.counters import Counter
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.beating import LOOP_PATIENCE_S, Beating
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.queues.buffer import TagBuffer
from shared.queues.claims import Claims
from shared.queues.data_queue import DataQueue
from shared.queues.snapshot import take_snapshot
from shared.records.heartbeats import ServiceStatus, WriterStatus
from shared.redis.link import RedisLink
from tests.fakes import FakeClock
from tests.oracle_target import OracleTarget
from tests.pipeline import QUICK, Pipeline


@pytest.fixture
def heartbeat(link: RedisLink, keys: Keys) -> Iterator[Heartbeat]:
    heartbeat = Heartbeat(link, keys, EventLog(link, keys, "writer"), "writer", "w")
    yield heartbeat
    heartbeat.close()


def beat_at(link: RedisLink, keys: Keys, name: str = "writer:w") -> int:
    return int(link.hash(keys.service(*name.split(":"))).get("beat_at", 0))


def test_a_loop_that_stands_still_is_not_beaten_for(
    link: RedisLink, keys: Keys, heartbeat: Heartbeat, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    beating = Beating(heartbeat, EventLog(link, keys, "writer"), clock)
    turn = beating.watch("the loop")
    let_go = threading.Event()

    def hang_in_here() -> None:
        turn()
        let_go.wait(20)

    hanging = threading.Thread(target=hang_in_here)
    hanging.start()
    beating.beat_once()
    service = keys.service("writer", "w")
    assert link.command("EXISTS", service)
    # If: nothing turns for longer than the patience
    for _ in range(4):
        clock.seconds += (LOOP_PATIENCE_S + 1) / 4
        link.command("DEL", service)
        beating.beat_once()
    # Expect: no beat, and where it hangs
    assert not link.command("EXISTS", service)
    said = capsys.readouterr().out
    assert said.count("the loop has not turned for 16 s") == 1
    assert "in hang_in_here" in said
    # And when it turns again, the beats go on
    turn()
    beating.beat_once()
    assert link.command("EXISTS", service)
    let_go.set()
    hanging.join(5)


def test_standing_still_while_redis_is_away_is_nobodys_fault(keys: Keys) -> None:
    with EmbeddedRedis() as server:
        link, clock = RedisLink(server.url), FakeClock()
        events = EventLog(link, keys, "writer")
        beating = Beating(Heartbeat(link, keys, events, "writer", "w"), events, clock)
        beating.watch("the loop")
        beating.beat_once()
        server.stop()
        for _ in range(4):
            clock.seconds += LOOP_PATIENCE_S - 1
            beating.beat_once()
        server.start()
        clock.seconds += 1
        link.command("DEL", keys.service("writer", "w"))
        beating.beat_once()
        assert link.command("EXISTS", keys.service("writer", "w"))
        link.close()


def test_a_process_that_was_stopped_blames_no_loop(
    link: RedisLink, keys: Keys, heartbeat: Heartbeat, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kind: a false critical. After SIGCONT all loops look as if they had hung; the first beat comes before a turn."""
    clock = FakeClock()
    beating = Beating(heartbeat, EventLog(link, keys, "writer"), clock)
    beating.watch("the loop")
    beating.beat_once()
    clock.seconds += 10 * LOOP_PATIENCE_S
    link.command("DEL", keys.service("writer", "w"))
    beating.beat_once()
    assert link.command("EXISTS", keys.service("writer", "w"))
    assert "has not turned" not in capsys.readouterr().out


def test_a_description_that_fails_costs_a_beat_and_nothing_else(
    link: RedisLink, keys: Keys, heartbeat: Heartbeat
) -> None:
    answers: Iterator[ServiceStatus | Exception] = iter(
        [ValueError("a surprise"), ValueError("again"), *[WriterStatus(layout="caf\udce9")] * 50]
    )

    def describe() -> ServiceStatus:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    beating = Beating(heartbeat, EventLog(link, keys, "writer"), FakeClock(), describe)
    with beating.go_on():
        beat = wait_until(lambda: link.hash(keys.service("writer", "w")).get("layout"), what="a beat")
    assert beat == "caf\\udce9"


def test_the_writer_beats_while_it_counts_a_backlog(
    redis_server: EmbeddedRedis, oracle: OracleTarget, table: str, namespace: str, tmp_path: Path,
    link: RedisLink, keys: Keys, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in {
        **QUICK, "REDIS_URL": redis_server.url, "REDIS_NAMESPACE": namespace, "ORACLE_DSN": oracle.dsn,
        "ORACLE_USER": oracle.user, "ORACLE_PASSWORD": oracle.password, "ORACLE_TABLE": table,
        "BACKUP_DIR": str(tmp_path), "INSTANCE_NAME": "w",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    service = compose(WriterSettings())
    counting, counted, stop = threading.Event(), threading.Event(), StopFlag()

    def rebuild() -> None:
        counting.set()
        counted.wait(60)

    monkeypatch.setattr(service.housekeeping.manifest, "rebuild", rebuild)
    assert service.heartbeat.register_when_there(stop)
    running = threading.Thread(target=service.run, args=[stop])
    running.start()
    assert counting.wait(10)
    seen = beat_at(link, keys)
    wait_until(lambda: beat_at(link, keys) >= seen + 3, what="beats meanwhile")
    stop.set()
    running.join(5)
    assert not running.is_alive()
    counted.set()
    service.sink.close()
    service.link.close()


def test_an_event_loop_that_hangs_is_not_beaten_for(
    link: RedisLink, keys: Keys, heartbeat: Heartbeat, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    beating = Beating(heartbeat, EventLog(link, keys, "poller"), clock)
    turn = beating.watch("the poller's loop")

    async def hang() -> None:
        turn()
        for _ in range(4):
            clock.seconds += (LOOP_PATIENCE_S + 1) / 4
            link.command("DEL", keys.service("writer", "w"))
            # In a thread of its own, as it really is
            thread = threading.Thread(target=beating.beat_once)
            thread.start()
            thread.join()

    asyncio.run(hang())
    assert beat_at(link, keys) == 0
    assert "in hang" in capsys.readouterr().out


def test_what_others_wrote_ends_neither_loop_nor_side_path(pipeline: Pipeline) -> None:
    """Kind: a side path (an event, a clean-up) whose exception ends the main one; each of these ended a service."""
    keys, link = pipeline.keys, pipeline.link
    # A clean-up: what is no list of ours in the sets of lists. An event: an overflow that is no UTF-8.
    for index in (keys.claimed, keys.inflight):
        link.command("SADD", index, b"\xff", "x", f"{{{keys.namespace}}}:inflight:x")
    link.command("HSET", keys.overflow_episodes, b"\xff", "1")
    consumer = pipeline.start_and_wait("consumer", BUFFER_MAX_SIZE="100", CONSUMER_HOLD_MESSAGES="0")
    pipeline.put(polls=3, tags=90)
    wait_until(lambda: pipeline.snapshot()[Counter.OVERFLOWED] == 170, what="an overflow")
    writer = pipeline.start_and_wait("writer", BUFFER_MAX_SIZE="100", BUFFER_BATCH_THRESHOLD="50")
    pipeline.wait_until_idle()
    for service in ("consumer", "writer"):
        wait_until(lambda service=service: "is no list of ours" in pipeline.log(service), what="the line")  # type: ignore[misc]
        assert pipeline.log(service).count("is no list of ours") == 3
        assert "Traceback" not in pipeline.log(service)
    assert (consumer.poll(), writer.poll()) == (None, None)


class Surprised:
    """Stands before a part of the consumer and raises what nobody foresees, so many times."""

    def __init__(self, call: Callable[..., Any], times: int) -> None:
        self.call, self.times = call, times

    def __call__(self, *args: object, **kwargs: object) -> object:
        if self.times:
            self.times -= 1
            raise KeyError("a surprise")
        return self.call(*args, **kwargs)


@pytest.mark.parametrize(("part", "times"), [("report", 1_000_000), ("push", 2)])
def test_the_unforeseen_costs_the_consumer_a_turn(
    link: RedisLink, keys: Keys, monkeypatch: pytest.MonkeyPatch, part: str, times: int
) -> None:
    """Whatever the report meets, values move; what meets the path itself gives its batch back and goes on."""
    clock, stop = SystemClock(), StopFlag()
    settings = ConsumerSettings.model_validate({"redis_namespace": keys.namespace})
    events, queue = EventLog(link, keys, "consumer"), DataQueue(link, keys)
    heartbeat = Heartbeat(link, keys, events, "consumer", "c")
    heartbeat.register()
    claims = Claims(link, keys, heartbeat, events, role="consumer", index_key=keys.claimed, list_key=keys.claimed_list)
    report = Report(link, keys, events, settings, clock=clock, incarnation="x")
    buffer = TagBuffer(link, keys, settings)
    if part == "report":
        monkeypatch.setattr(report, "tick", Surprised(report.tick, times))
    else:
        monkeypatch.setattr(buffer, "push", Surprised(buffer.push, times))
    turn = Beating(heartbeat, events, clock).watch("the consumer")
    unpacker = Unpacker(report, Rejections(heartbeat, clock), settings)
    memory = RedisMemory(link, keys, clock)
    consumer = Consumer(
        link=link, queue=queue, buffer=buffer, claims=claims, report=report, unpacker=unpacker,
        memory=memory, settings=settings, clock=clock, events=events, turn=turn,
        pause=Pause(link, keys, heartbeat, "consumer"),
    )  # fmt: skip
    running = threading.Thread(target=consumer.run, args=[stop])
    running.start()
    for number in range(3):
        queue.put(poll(number, 100))
    wait_until(lambda: take_snapshot(link, keys).in_buffer == 300, what="all values")
    snapshot = take_snapshot(link, keys)
    stop.set()
    running.join(10)
    assert snapshot.balances
    assert snapshot.claimed_messages == 0
    assert b"fault" in str(link.command("XRANGE", keys.events, "-", "+")).encode()
    heartbeat.close()
    queue.close()


def test_a_list_of_a_dead_process_is_still_found_among_what_is_none(
    link: RedisLink, keys: Keys, heartbeat: Heartbeat
) -> None:
    heartbeat.register()
    events = EventLog(link, keys, "writer")
    claims = Claims(link, keys, heartbeat, events, role="writer", index_key=keys.inflight, list_key=keys.inflight_list)
    dead = keys.inflight_list("gone", "ab-1")
    link.command("RPUSH", dead, "a", "b")
    link.command("SADD", keys.inflight, dead, "junk", b"\xff:\xff:\xff")
    assert claims.sweep() == 2
