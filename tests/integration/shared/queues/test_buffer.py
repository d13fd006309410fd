"""The scripts that move values, on a real server: atomic, counted, safe to repeat."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.counters import WINDOW_BUCKET_S, Counter
from shared.errors import LedgerError, RedisUnavailableError
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.models import Decoded, Lines, TagValue, encode_value
from shared.queues.buffer import (
    CALL_AT_BATCHES,
    MAX_REJECTED_ROWS,
    MAX_REJECTED_ROWS_BYTES,
    Batch,
    PushOutcome,
    TagBuffer,
    WakeUp,
)
from shared.queues.claims import Claims
from shared.queues.data_queue import MAX_REJECTED_MESSAGES, DataQueue
from shared.queues.snapshot import Snapshot, take_snapshot
from shared.redis.link import RedisLink
from shared.settings.models import BufferSettings
from tests.lossy_proxy import LossyProxy


@dataclass
class Side:
    """One process's view: a consumer and a writer in one, under one name."""

    link: RedisLink
    keys: Keys
    buffer: TagBuffer
    queue: DataQueue
    heartbeat: Heartbeat
    messages: Claims
    inflight: Claims

    def push(self, *texts: str) -> list[bytes]:
        """Push values of these texts, as one message; return what was dropped."""
        self.link.command("RPUSH", self.keys.data_queue, "message")
        batch = self.queue.claim(self.messages, 1, 10**6)
        assert batch is not None
        done = self.buffer.push(batch, lines(*texts), [], {Counter.MESSAGES: 1})
        assert done.outcome is PushOutcome.PUSHED
        self.messages.close(batch.list_key)
        return done.dropped

    def claim(self, count: int = 500) -> Batch:
        batch = self.buffer.claim(self.inflight, count)
        assert batch is not None
        return batch

    def snapshot(self) -> Snapshot:
        snapshot = take_snapshot(self.link, self.keys)
        assert snapshot.balances, snapshot
        return snapshot


def side(url: str, namespace: str, name: str, **settings: int) -> Side:
    link, keys = RedisLink(url), Keys(namespace)
    events = EventLog(link, keys, "writer")
    heartbeat = Heartbeat(link, keys, events, "writer", name)
    heartbeat.register()
    messages, inflight = (
        Claims(link, keys, heartbeat, events, role="writer", index_key=index, list_key=list_key)
        for index, list_key in ((keys.claimed, keys.claimed_list), (keys.inflight, keys.inflight_list))
    )
    buffer_settings = BufferSettings(buffer_max_size=settings.get("cap", 100), buffer_batch_threshold=10)
    return Side(
        link, keys, TagBuffer(link, keys, buffer_settings), DataQueue(link, keys), heartbeat, messages, inflight
    )


def raws(*texts: str) -> list[bytes]:
    return [encode_value(TagValue(datetime(2026, 1, 1), "P", "D", text, "GOOD")) for text in texts]


def lines(*texts: str) -> Lines:
    return Lines(b"".join(raw + b"\n" for raw in raws(*texts)), len(texts))


def held(batch: Batch) -> list[str | None]:
    return [value.tag_value for value in batch.values.values]


def numbered(start: int, stop: int) -> list[str]:
    return [str(number) for number in range(start, stop)]


@pytest.fixture
def one(redis_server: EmbeddedRedis, namespace: str) -> Side:
    return side(redis_server.url, namespace, "one")


@pytest.fixture
def two(redis_server: EmbeddedRedis, namespace: str, one: Side) -> Side:
    del one
    return side(redis_server.url, namespace, "two")


@pytest.fixture
def proxy(redis_server: EmbeddedRedis) -> Iterator[LossyProxy]:
    with LossyProxy(redis_server.port) as proxy:
        yield proxy


def test_the_oldest_value_tells_how_long_it_waits(one: Side) -> None:
    assert one.snapshot().oldest_value_age_s == 0
    one.push("first", "second")
    snapshot = one.snapshot()
    assert snapshot.oldest_value_at == datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert snapshot.oldest_value_age_s == snapshot.taken_at - snapshot.oldest_value_at
    # What a stranger put there has no age, and hides no figure.
    one.link.command("LPUSH", one.keys.buffer, "no value")
    snapshot = take_snapshot(one.link, one.keys)
    assert (snapshot.oldest_value_age_s, snapshot.in_buffer) == (0, 3)


@pytest.mark.req("FR-004", "FR-002", "FR-005")
def test_push_discards_the_oldest_and_returns_them(one: Side) -> None:
    assert one.push(*numbered(0, 90)) == []
    assert one.push(*numbered(90, 130)) == raws(*numbered(0, 30))
    snapshot = one.snapshot()
    assert (snapshot.in_buffer, snapshot[Counter.OVERFLOWED], snapshot[Counter.INSERTED]) == (100, 30, 130)
    assert held(one.claim()) == numbered(30, 130)


def test_a_push_larger_than_the_cap_and_than_luas_limits_keeps_the_newest(one: Side) -> None:
    dropped = one.push(*numbered(0, 20_001))
    assert dropped == raws(*numbered(0, 19_901))
    assert held(one.claim()) == numbered(19_901, 20_001)


def test_a_push_that_may_not_overflow_does_nothing_where_there_is_no_room(one: Side) -> None:
    one.push(*numbered(0, 60))
    one.link.command("RPUSH", one.keys.data_queue, "message")
    batch = one.queue.claim(one.messages, 1, 10**6)
    assert batch is not None
    refused = one.buffer.push(batch, lines(*numbered(0, 41)), may_overflow=False)
    assert (refused.outcome, refused.depth, refused.dropped) == (PushOutcome.NO_ROOM, 60, [])
    assert one.snapshot().claimed_messages == 1
    one.claim(1)
    assert one.buffer.push(batch, lines(*numbered(0, 41)), may_overflow=False).outcome is PushOutcome.PUSHED


def test_a_message_larger_than_the_buffer_goes_when_the_buffer_is_empty(one: Side) -> None:
    one.push("1")
    one.link.command("RPUSH", one.keys.data_queue, "message")
    batch = one.queue.claim(one.messages, 1, 10**6)
    assert batch is not None
    large = lines(*numbered(0, 150))
    assert one.buffer.push(batch, large, may_overflow=False).outcome is PushOutcome.NO_ROOM
    one.claim(1)
    assert len(one.buffer.push(batch, large, may_overflow=False).dropped) == 50


@pytest.mark.parametrize("count", [1, 3])
def test_values_that_are_not_as_many_as_they_are_said_to_be_are_not_pushed(one: Side, count: int) -> None:
    """Kind: a ledger that counts other values than there are."""
    one.link.command("RPUSH", one.keys.data_queue, "message")
    batch = one.queue.claim(one.messages, 1, 10**6)
    assert batch is not None
    with pytest.raises(LedgerError, match="lines"):
        one.buffer.push(batch, Lines(lines("1", "2").text, count))
    assert (one.buffer.depth(), one.link.command("LLEN", batch.list_key)) == (0, 1)


def test_a_push_that_is_repeated_does_nothing(one: Side) -> None:
    one.link.command("RPUSH", one.keys.data_queue, "message")
    batch = one.queue.claim(one.messages, 1, 10**6)
    assert batch is not None
    first = one.buffer.push(batch, lines("1"))
    again = one.buffer.push(batch, lines("1"))
    assert (first.outcome, again.outcome, again.depth) == (PushOutcome.PUSHED, PushOutcome.REPEATED, 1)
    assert one.snapshot()[Counter.INSERTED] == 1


def test_a_push_that_does_not_cover_the_claimed_messages_moves_nothing(one: Side) -> None:
    one.link.command("RPUSH", one.keys.data_queue, "message", "another")
    batch = one.queue.claim(one.messages, 1, 10**6)
    assert batch is not None
    one.link.command("RPUSH", batch.list_key, "came late")
    assert one.buffer.push(batch, lines("1")).outcome is PushOutcome.MISMATCH
    assert one.snapshot().in_buffer == 0
    assert one.snapshot().claimed_messages == 2


def test_the_rejected_list_is_capped(one: Side) -> None:
    for _ in range(3):
        one.link.command("RPUSH", one.keys.data_queue, "message")
        batch = one.queue.claim(one.messages, 1, 10**6)
        assert batch is not None
        one.buffer.push(batch, lines(), [b"bad"] * 600, {Counter.MESSAGES_REJECTED: 600})
    snapshot = one.snapshot()
    assert snapshot.rejected_messages_kept == MAX_REJECTED_MESSAGES
    assert snapshot[Counter.MESSAGES_REJECTED] == 1800


def test_claim_takes_the_oldest_and_counts_them(one: Side) -> None:
    one.push(*numbered(0, 30))
    batch = one.claim(20)
    assert (held(batch), batch.left) == (numbered(0, 20), 10)
    snapshot = one.snapshot()
    assert (snapshot.in_buffer, snapshot.in_flight, snapshot.batches_in_flight) == (10, 20, 1)
    assert snapshot[Counter.REMOVED] == 20


def test_claims_from_a_deep_buffer_and_from_a_shallow_one_take_the_same(
    redis_server: EmbeddedRedis, namespace: str
) -> None:
    one = side(redis_server.url, namespace, "one", cap=30_000)
    one.push(*numbered(0, 30_000))
    taken: list[str | None] = []
    while len(taken) < 30_000:
        batch = one.claim(6_000)
        assert batch.left == 30_000 - len(taken) - 6_000
        taken += held(batch)
        assert one.buffer.settle(batch, {Counter.WRITTEN: 6_000}, {})
    assert taken == numbered(0, 30_000)
    assert one.snapshot()[Counter.REMOVED] == 30_000


def test_settle_counts_the_outcome_once(one: Side) -> None:
    one.push(*numbered(0, 30))
    batch = one.claim()
    counts: dict[Counter, int] = {Counter.WRITTEN: 27, Counter.DUPLICATES: 3, Counter.BATCHES_WRITTEN: 1}
    assert one.buffer.settle(batch, counts, {"latency:50": 1})
    assert not one.buffer.settle(batch, counts, {"latency:50": 1})
    snapshot = one.snapshot()
    assert (snapshot[Counter.WRITTEN], snapshot[Counter.DUPLICATES], snapshot.in_flight) == (27, 3, 0)
    window = one.link.hash(one.keys.window(int(snapshot.taken_at // WINDOW_BUCKET_S)))
    assert (window["written"], window["latency:50"]) == ("27", "1")


def test_an_outcome_that_does_not_cover_the_list_is_refused(one: Side) -> None:
    one.push(*numbered(0, 30))
    batch = one.claim()
    with pytest.raises(LedgerError, match="in-flight list holds 30 values, the outcome covers 29"):
        one.buffer.settle(Batch(batch.list_key, Decoded(batch.values.values[1:]), 0), {Counter.WRITTEN: 29}, {})
    assert one.snapshot().in_flight == 30


def test_settle_and_claim_do_both_in_one_trip(one: Side) -> None:
    one.push(*numbered(0, 30))
    batch = one.claim(10)
    settled, following = one.buffer.settle_and_claim(batch, {Counter.WRITTEN: 10}, {}, one.inflight, 500)
    assert settled
    assert following is not None
    assert (held(following), following.left) == (numbered(10, 30), 0)
    assert one.buffer.settle_and_claim(following, {Counter.WRITTEN: 20}, {}, one.inflight, 500) == (True, None)
    assert one.snapshot().in_flight == 0
    assert not one.buffer.settle(batch, {Counter.WRITTEN: 10}, {})


def test_an_element_that_is_no_value_does_not_touch_the_others_of_its_batch(one: Side) -> None:
    good = raws("1", "2")
    deep = b"[" * 100_000
    one.link.command("RPUSH", one.keys.buffer, good[0], "[2]", b"\xff", deep, good[1])
    one.link.command("HSET", one.keys.counters, "inserted", 5)
    batch = one.claim()
    assert held(batch) == ["1", "2"]
    assert [raw for raw, _ in batch.values.unreadable] == [b"[2]", b"\xff", deep]
    assert one.buffer.settle(batch, {Counter.WRITTEN: 2, Counter.REJECTED: 3}, {})
    assert one.snapshot()[Counter.REJECTED] == 3


def test_rejected_rows_that_wait_are_bounded_in_rows_and_bytes_and_what_is_dropped_is_counted(
    redis_server: EmbeddedRedis, namespace: str
) -> None:
    """Kind: what is kept because it can't be dealt with has no bound, or goes without a word."""
    one = side(redis_server.url, namespace, "one", cap=30_000)

    def settle(*rows: bytes) -> None:
        one.push(*numbered(0, len(rows)))
        assert one.buffer.settle(one.claim(len(rows)), {Counter.REJECTED: len(rows)}, {}, rows)

    settle(*(b"row-%d" % number for number in range(MAX_REJECTED_ROWS)))
    settle(b"one more", b"two more")
    snapshot = one.snapshot()
    assert (snapshot.rejected_rows_waiting, snapshot[Counter.ROWS_DROPPED]) == (MAX_REJECTED_ROWS, 2)
    assert one.link.command("LRANGE", one.keys.rejected_rows, 0, 0) == [b"row-2"], "the oldest are dropped"
    window = one.link.hash(one.keys.window(int(snapshot.taken_at // WINDOW_BUCKET_S)))
    assert int(window["rows_dropped"]) == 2
    # If: one row is nearly as large as all may be
    settle(b"x" * (MAX_REJECTED_ROWS_BYTES - 20))
    assert one.snapshot().rejected_rows_waiting == 3
    assert int(one.link.command("GET", one.keys.rejected_rows_bytes)) == MAX_REJECTED_ROWS_BYTES - 20 + 16
    settle(b"x" * (MAX_REJECTED_ROWS_BYTES + 1))
    assert (one.snapshot().rejected_rows_waiting, one.link.command("GET", one.keys.rejected_rows_bytes)) == (0, None)


def test_rows_that_two_writers_saved_go_once_each(one: Side) -> None:
    one.push("a", "b", "c")
    assert one.buffer.settle(one.claim(), {Counter.REJECTED: 3}, {}, [b"same", b"same", b"other"])
    keys = [one.keys.rejected_rows, one.keys.rejected_rows_bytes]
    assert one.link.run("rows_filed", keys, [b"same"]) == 2
    assert one.link.run("rows_filed", keys, [b"same", b"never there"]) == 1
    assert one.link.run("rows_filed", keys, [b"same", b"other"]) == 0
    assert one.link.command("EXISTS", *keys) == 0


def test_a_push_of_3000_values_runs_as_many_commands_as_one_of_3(redis_server: EmbeddedRedis, namespace: str) -> None:
    one = side(redis_server.url, namespace, "one", cap=10_000)
    calls = []
    for count in (3, 3000):
        one.buffer.settle(one.claim(5000), {}, {}) if one.buffer.depth() else None
        one.link.command("RPUSH", one.keys.data_queue, "message")
        batch = one.queue.claim(one.messages, 1, 10**6)
        assert batch is not None
        one.link.server_time()
        one.link.command("CONFIG", "RESETSTAT")
        one.buffer.push(batch, lines(*numbered(0, count)), [], {Counter.MESSAGES: 1})
        calls.append({name: stat["calls"] for name, stat in one.link.command("INFO", "commandstats").items()})
    assert calls[0]["cmdstat_rpush"] == 2, "the values, and the token for those who wait"
    assert sum(calls[0].values()) == sum(calls[1].values())


@pytest.mark.req("EC-3")
@pytest.mark.parametrize("lost", [1, 3])
def test_lost_answers_neither_lose_nor_double(
    redis_server: EmbeddedRedis, namespace: str, proxy: LossyProxy, lost: int
) -> None:
    del redis_server
    one = side(proxy.url, namespace, "one")
    one.push("warm")
    one.buffer.settle(one.claim(), {Counter.WRITTEN: 1}, {})
    one.link.command("RPUSH", one.keys.data_queue, "message")

    # The claim of messages: what was claimed is found again by the sweep
    proxy.lose_next(1, one.keys.claimed.encode())
    with pytest.raises(RedisUnavailableError):
        one.queue.claim(one.messages, 1, 10**6)
    assert one.messages.sweep() == 1
    messages = one.queue.claim(one.messages, 1, 10**6)
    assert messages is not None

    # The push: repeated until answered
    proxy.lose_next(lost, one.keys.rejected_messages.encode())
    for _ in range(lost):
        with pytest.raises(RedisUnavailableError):
            one.buffer.push(messages, lines(*numbered(0, 50)))
    done = one.buffer.push(messages, lines(*numbered(0, 50)))
    assert done.outcome is PushOutcome.REPEATED
    assert one.snapshot()[Counter.INSERTED] == 51

    # The claim of values
    proxy.lose_next(1, one.keys.full_token.encode())
    with pytest.raises(RedisUnavailableError):
        one.buffer.claim(one.inflight, 500)
    assert one.inflight.sweep() == 50
    batch = one.claim()
    assert held(batch) == numbered(0, 50)

    # A settling with the next claim in the same trip: the batch is settled again, what was claimed is found
    one.push(*numbered(50, 60))
    proxy.lose_next(1, batch.list_key.encode())
    with pytest.raises(RedisUnavailableError):
        one.buffer.settle_and_claim(batch, {Counter.WRITTEN: 50}, {}, one.inflight, 500)
    assert not one.buffer.settle(batch, {Counter.WRITTEN: 50}, {})
    assert one.inflight.sweep() == 10
    batch = one.claim()
    assert held(batch) == numbered(50, 60)

    # The settling
    proxy.lose_next(lost, batch.list_key.encode())
    for _ in range(lost):
        with pytest.raises(RedisUnavailableError):
            one.buffer.settle(batch, {Counter.WRITTEN: 10}, {})
    assert not one.buffer.settle(batch, {Counter.WRITTEN: 10}, {})
    assert one.snapshot()[Counter.WRITTEN] == 61
    one.link.close()


def test_a_batch_of_a_living_writer_is_not_taken_over(one: Side, two: Side) -> None:
    one.push(*numbered(0, 5))
    one.claim()
    assert two.inflight.sweep() == 0
    assert one.inflight.sweep() == 0, "its own batch in hand is no orphan"


def test_a_batch_of_a_dead_writer_is_taken_over_whole_and_settled_once(one: Side, two: Side) -> None:
    one.push(*numbered(0, 5))
    batch = one.claim()
    one.heartbeat.close()
    assert two.inflight.sweep() == 5
    taken = two.claim(1)
    assert taken.values == batch.values
    # The dead writer was only frozen: what it settles now counts for nothing.
    assert not one.buffer.settle(batch, {Counter.WRITTEN: 5}, {})
    assert two.buffer.settle(taken, {Counter.DUPLICATES: 5}, {})
    snapshot = two.snapshot()
    assert (snapshot[Counter.WRITTEN], snapshot[Counter.DUPLICATES]) == (0, 5)


def test_two_writers_that_sweep_at_once_take_a_batch_over_once(one: Side, two: Side, namespace: str) -> None:
    for _ in range(20):
        one.push(*numbered(0, 5))
        one.claim()
    one.heartbeat.close()
    three = side(f"redis://{two.link.address}/0", namespace, "three")
    taken: dict[str, int] = {}
    threads = [
        threading.Thread(target=lambda s=s: taken.__setitem__(s.heartbeat.instance, s.inflight.sweep()))
        for s in (two, three)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken.values()) == 100


def test_a_name_is_held_by_one_process_and_given_on_when_it_beats_no_more(one: Side, namespace: str) -> None:
    url = f"redis://{one.link.address}/0"
    one.link.command("HSET", one.keys.service("writer", "one"), "pid_space", "elsewhere")
    second = side(url, namespace, "one")
    assert second.heartbeat.instance == "one-2"
    one.link.command("DEL", one.keys.service("writer", "one"))
    third = side(url, namespace, "one")
    assert third.heartbeat.instance == "one"
    # The first wakes up and finds its name with another.
    for name in ("one", "one-2"):
        third.link.command("HSET", one.keys.service("writer", name), "pid_space", "elsewhere")
    assert one.heartbeat.beat("running") is False
    assert one.heartbeat.instance == "one-3"
    assert second.heartbeat.beat("running") is True


@pytest.mark.req("FR-009")
def test_a_writer_is_woken_by_the_first_value_and_goes_when_a_batch_is_full(one: Side, two: Side) -> None:
    heard: list[tuple[bool, int]] = []

    def wait() -> None:
        token = two.buffer.wait(5)
        heard.append((token is WakeUp.FULL or two.buffer.wait_for_full(5), two.buffer.depth()))

    waiting = threading.Thread(target=wait)
    waiting.start()
    for before, after in pairwise(range(0, 13, 2)):
        one.push(*numbered(before, after))
        if after < 10:
            assert waiting.is_alive()
    waiting.join(4)
    assert heard
    assert heard[0][0]
    assert heard[0][1] >= 10


def test_a_batch_wakes_one_writer_and_the_next_batch_the_other(one: Side, two: Side) -> None:
    """Kind: a writer that is there and never gets anything, though all is well."""
    heard: list[str] = []

    def serve(side: Side, name: str) -> None:
        while len(heard) < 6:
            if side.buffer.wait(5) is None:
                return
            batch = side.buffer.claim(side.inflight, 500)
            heard.append(name if batch else f"{name}: nothing")

    serving = [threading.Thread(target=serve, args=(side, name)) for side, name in ((one, "one"), (two, "two"))]
    for thread in serving:
        thread.start()
    for done in range(6):
        wait_until(lambda: one.link.command("CLIENT", "LIST").count(b" flags=b ") == 2, what="both to wait")
        one.push(*numbered(0, 12))
        wait_until(lambda: len(heard) > done, what="the batch to be claimed")  # noqa: B023 - called at once
    one.push(*numbered(0, 12))
    for thread in serving:
        thread.join(6)
    assert heard[:6] in (["one", "two"] * 3, ["two", "one"] * 3)


def test_there_is_no_token_while_the_buffer_is_empty_and_one_for_what_is_left(one: Side) -> None:
    one.push(*numbered(0, 65))
    one.claim(10)
    assert one.buffer.wait(0.05) is WakeUp.FULL, f"55 are left, {CALL_AT_BATCHES} batches are 40"
    one.claim(20)
    assert one.buffer.wait(0.05) is WakeUp.READY, "35 are left: whoever claimed goes on with them"
    one.claim(35)
    assert one.buffer.wait(0.05) is None
    assert not one.link.command("EXISTS", one.keys.ready_token, one.keys.full_token)


def test_who_claims_tells_a_push_that_there_is_room(one: Side, two: Side) -> None:
    one.push(*numbered(0, 100))
    waited: list[int] = []

    def wait() -> None:
        while one.buffer.depth() > 80:
            one.buffer.wait_for_room(20, 5)
            waited.append(one.buffer.depth())

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until(lambda: two.link.command("EXISTS", two.keys.room_wanted), what="somebody to wait")
    two.claim(10)
    assert waiting.is_alive(), "90 are left"
    two.claim(10)
    waiting.join(4)
    assert waited == [80], "it was woken once, when there was room"
    assert not one.link.command("EXISTS", one.keys.room_wanted, one.keys.room_token)


@pytest.mark.parametrize("place", ["room_wanted", "room_token"])
def test_a_spoiled_key_lets_a_push_look_for_room(one: Side, place: str) -> None:
    """Kind: a side key that could end the main path."""
    one.push(*numbered(0, 100))
    one.link.command("DEL", getattr(one.keys, place))
    one.link.command("HSET", getattr(one.keys, place), "who", "wrote this?")
    one.buffer.wait_for_room(20, 0.01)
    one.claim(30)
    one.buffer.wait_for_room(20, 60)


def test_room_that_was_made_before_anybody_waited_is_seen(one: Side) -> None:
    one.push(*numbered(0, 100))
    one.claim(30)
    one.buffer.wait_for_room(20, 60)
    assert one.buffer.depth() == 70


def test_pressure_rings_at_the_alert_depth_and_says_how_far_to_fall(one: Side) -> None:
    one.push(*numbered(0, 79))
    assert one.buffer.wait_for_pressure(0.05) is None
    one.push("80")
    pressure = one.buffer.wait_for_pressure(0.05)
    assert pressure is not None
    assert (pressure.target, pressure.urgent) == (40, False)
    one.buffer.ask_for_room(30, urgent=True)
    asked = one.buffer.wait_for_pressure(0.05)
    assert asked is not None
    assert (asked.target, asked.urgent) == (70, True)


@pytest.mark.parametrize("token", [b"", b"!", b"-1!", b"\xff", b"1e3", b"9" * 5000, "\u0663"])
def test_a_pressure_that_a_stranger_left_is_none(one: Side, token: bytes | str) -> None:
    """Kind: what is read from a place that others may write is taken for what we wrote there."""
    one.link.command("RPUSH", one.keys.pressure_token, token)
    assert one.buffer.wait_for_pressure(0.05) is None
    assert one.buffer.wait_for_pressure(0.01) is None


@pytest.mark.req("FR-003")
def test_any_number_of_pushers_and_claimers_at_once_corrupt_nothing(
    redis_server: EmbeddedRedis, namespace: str
) -> None:
    sides = [side(redis_server.url, namespace, f"side-{number}") for number in range(4)]
    claimed: list[bytes] = []
    dropped: list[bytes] = []
    errors: list[BaseException] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        own = sides[number]
        try:
            for round_ in range(50):
                lost = own.push(*(f"{number}-{round_}-{n}" for n in range(23)))
                batch = own.buffer.claim(own.inflight, 17)
                if batch is not None:
                    own.buffer.settle(batch, {Counter.WRITTEN: len(batch)}, {})
                with lock:
                    dropped.extend(lost)
                    claimed.extend(map(encode_value, batch.values.values) if batch else [])
                own.snapshot()
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    rest = map(encode_value, sides[0].claim(1000).values.values)
    everything = [*claimed, *dropped, *rest]
    assert sorted(everything) == sorted(raws(*(f"{a}-{b}-{c}" for a in range(4) for b in range(50) for c in range(23))))


@pytest.mark.req("MEM-1")
def test_ten_thousand_values_take_less_than_two_megabytes(redis_server: EmbeddedRedis, namespace: str) -> None:
    one = side(redis_server.url, namespace, "one", cap=10_000)
    values = [
        TagValue(datetime(2026, 1, 1, 1, 2, 3, 456789), "PLC01", f"D{n:05}", str(n * 1.37), "GOOD")
        for n in range(10_000)
    ]
    one.link.command("RPUSH", one.keys.data_queue, "message")
    batch = one.queue.claim(one.messages, 1, 10**6)
    assert batch is not None
    one.buffer.push(batch, Lines.of(values))
    used = one.link.command("MEMORY", "USAGE", one.keys.buffer, "SAMPLES", 0)
    print(f"{used / 10_000:.0f} bytes a value")
    assert used < 2_000_000


def test_a_blocking_wait_ends_by_itself(one: Side) -> None:
    began = time.monotonic()
    assert not one.queue.wait(0.1)
    assert one.buffer.wait(0.1) is None
    assert not one.buffer.wait_for_full(0.1)
    assert one.buffer.wait_for_pressure(0.1) is None
    assert time.monotonic() - began < 5


def test_a_spoiled_place_for_rejected_messages_costs_those_alone(one: Side) -> None:
    """Kind: a side path in the middle of a move. Values stood in the buffer, and came again with every repetition."""
    one.link.command("SET", one.keys.rejected_messages, "who wrote this?")
    one.link.command("RPUSH", one.keys.data_queue, "message")
    batch = one.queue.claim(one.messages, 1, 10**6)
    assert batch is not None
    done = one.buffer.push(batch, lines("1", "2"), [b"not understood"], {Counter.MESSAGES: 1})
    assert (done.outcome, done.depth) == (PushOutcome.PUSHED, 2)
    snapshot = one.snapshot()
    assert (snapshot.in_buffer, snapshot.claimed_messages, snapshot[Counter.REJECTED_DROPPED]) == (2, 0, 1)


def test_a_spoiled_place_for_rejected_rows_is_a_counted_loss_and_no_silent_one(one: Side) -> None:
    """Kind: as above. The batch was gone before its rows found no place: a loss that the ledger did not show."""
    one.link.command("SET", one.keys.rejected_rows, "who wrote this?")
    one.push("1", "2")
    assert one.buffer.settle(one.claim(), {Counter.WRITTEN: 1, Counter.REJECTED: 1}, {}, [b"a row"])
    snapshot = one.snapshot()
    assert (snapshot.in_flight, snapshot[Counter.REJECTED], snapshot[Counter.ROWS_DROPPED]) == (0, 1, 1)


@pytest.mark.parametrize(
    "place", ["window", "ready_token", "full_token", "pressure_token", "room_wanted", "room_token"]
)
def test_a_spoiled_side_key_holds_up_no_value(one: Side, place: str) -> None:
    """Kind: a count or a token that could end the move of which it tells."""
    seconds = int(one.link.command("TIME")[0])
    spoiled = (
        [one.keys.window(seconds // WINDOW_BUCKET_S + later) for later in (0, 1)]
        if place == "window"
        else [getattr(one.keys, place)]
    )
    for key in spoiled:
        one.link.command("SET", key, "who wrote this?")
    one.push(*numbered(0, 90))
    assert one.buffer.settle(one.claim(50), {Counter.WRITTEN: 50}, {})
    snapshot = one.snapshot()
    assert (snapshot[Counter.INSERTED], snapshot.in_buffer, snapshot[Counter.WRITTEN]) == (90, 40, 50)


@pytest.mark.parametrize("place", ["counters", "inflight"])
def test_where_the_ledger_itself_is_spoiled_nothing_is_moved(one: Side, place: str) -> None:
    """Kind: a step that fails half-way and is repeated from its beginning."""
    one.push("1", "2")
    good = one.link.command("DUMP", getattr(one.keys, place)) if place == "counters" else None
    one.link.command("DEL", getattr(one.keys, place))
    one.link.command("SET", getattr(one.keys, place), "who wrote this?")
    with pytest.raises(RedisUnavailableError):
        one.claim()
    assert one.link.command("LLEN", one.keys.buffer) == 2
    one.link.command("DEL", getattr(one.keys, place))
    if good is not None:
        one.link.command("RESTORE", getattr(one.keys, place), 0, good)
    assert held(one.claim()) == ["1", "2"]
    one.snapshot()
