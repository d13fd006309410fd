"""The buffer where answers are lost, keys are spoiled, or many push and claim at once."""

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest

from sandbox.harness.redis import EmbeddedRedis
from shared.counters import WINDOW_BUCKET_S, Counter
from shared.errors import RedisUnavailableError
from shared.models import Lines, TagValue, encode_value
from shared.queues.buffer import (
    PushOutcome,
)
from shared.queues.snapshot import take_snapshot
from tests.integration.shared.queues.sides import Side, held, lines, numbered, raws, side
from tests.lossy_proxy import LossyProxy


@pytest.fixture
def proxy(redis_server: EmbeddedRedis) -> Iterator[LossyProxy]:
    with LossyProxy(redis_server.port) as proxy:
        yield proxy


@pytest.mark.req("EC-3")
@pytest.mark.parametrize("lost", [1, 3])
def test_lost_answers_neither_lose_nor_double(namespace: str, proxy: LossyProxy, lost: int) -> None:
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


@pytest.mark.parametrize("spoiled", ["1e6", "", " 7", "+7", "007", str(2**63 - 1)])
def test_a_count_that_somebody_set_to_what_is_none_costs_no_value_and_no_rejected_row(one: Side, spoiled: str) -> None:
    """Kind: a count that could end the move of which it tells; the batch was gone before its rejected rows."""
    one.link.command("HSET", one.keys.counters, *(item for name in Counter for item in (name, spoiled)))
    one.push("1", "2", "3")
    assert one.buffer.settle(one.claim(2), {Counter.WRITTEN: 1, Counter.REJECTED: 1}, {}, [b"a row"])
    assert one.link.command("LRANGE", one.keys.rejected_rows, 0, -1) == [b"a row"]
    assert held(one.claim()) == ["3"]
    # What is raised no more is told, each by its name.
    assert set(take_snapshot(one.link, one.keys).spoiled) == set(Counter)


@pytest.mark.parametrize("spoil", [("RPUSH",), ("SET",)])
def test_a_number_of_bytes_that_is_none_costs_nothing_of_what_it_counts(one: Side, spoil: tuple[str]) -> None:
    """Kind: as above: what was rejected was counted as lost though there was room for it."""
    for key in one.keys.rejected_rows_bytes, one.keys.rejected_bytes:
        one.link.command(*spoil, key, "who wrote this?")
    one.link.command("RPUSH", one.keys.data_queue, "message")
    batch = one.queue.claim(one.messages, 1, 10**6)
    assert batch is not None
    one.buffer.push(batch, lines("1", "2"), [b"a", b"b"])
    assert one.buffer.settle(one.claim(), {Counter.REJECTED: 2}, {}, [b"row 1", b"row 2"])
    assert one.link.command("LRANGE", one.keys.rejected_rows, 0, -1) == [b"row 1", b"row 2"]
    assert one.link.command("LRANGE", one.keys.rejected_messages, 0, -1) == [b"a", b"b"]
    snapshot = one.snapshot()
    assert (snapshot[Counter.ROWS_DROPPED], snapshot[Counter.REJECTED_DROPPED]) == (0, 0)
    one.link.run("rows_filed", [one.keys.rejected_rows, one.keys.rejected_rows_bytes], [b"row 1"])
    assert one.link.command("LLEN", one.keys.rejected_rows) == 1
