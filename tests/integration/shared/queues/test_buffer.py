"""The scripts that move values, on a real server: atomic, counted, safe to repeat."""

from datetime import UTC, datetime

import pytest

from sandbox.harness.redis import EmbeddedRedis
from shared.counters import WINDOW_BUCKET_S, Counter
from shared.errors import LedgerError
from shared.models import Decoded, Lines
from shared.queues.buffer import (
    MAX_REJECTED_ROWS,
    MAX_REJECTED_ROWS_BYTES,
    Batch,
    PushOutcome,
)
from shared.queues.data_queue import MAX_REJECTED_MESSAGES
from shared.queues.snapshot import take_snapshot
from tests.integration.shared.queues.sides import Side, held, lines, numbered, raws, side


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
