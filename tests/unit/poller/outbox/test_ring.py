import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.poller.outbox.message import Message
from services.poller.outbox.ring import MAX_BYTES_IN_HAND, MAX_LOSSLESS_MESSAGES, Ring

MAX_BYTES = 100_000_000
START = datetime(2025, 1, 1, tzinfo=UTC)


def message(number: int, values: int = 1, *, size_bytes: int = 1, lossless: bool = False) -> Message:
    timestamp = START + timedelta(seconds=number)
    return Message(str(number).encode().rjust(size_bytes), values, timestamp, lossless=lossless)


def numbers(messages: list[Message]) -> list[int]:
    return [int(message.raw) for message in messages]


def test_messages_come_out_in_the_order_they_went_in() -> None:
    async def run() -> None:
        ring = Ring(10, 1000, MAX_BYTES)
        for number in range(5):
            await ring.add(message(number))
        assert numbers(await ring.take(3)) == [0, 1, 2]
        ring.settle()
        assert numbers(await ring.take(3)) == [3, 4]
        ring.settle()
        assert ring.depth == 0

    asyncio.run(run())


def test_a_full_ring_discards_the_oldest_and_counts_them() -> None:
    async def run() -> None:
        ring = Ring(3, 1000, MAX_BYTES)
        for number in range(8):
            await ring.add(message(number, values=2))
        assert (ring.overflow.messages, ring.overflow.values) == (5, 10)
        assert (ring.overflow.first, ring.overflow.last) == (START, START + timedelta(seconds=4))
        assert numbers(await ring.take(10)) == [5, 6, 7]

    asyncio.run(run())


def test_the_values_are_bounded_as_well_as_the_messages() -> None:
    async def run() -> None:
        ring = Ring(100, 10, MAX_BYTES)
        for number in range(4):
            await ring.add(message(number, values=4))
        assert numbers(await ring.take(10)) == [2, 3]
        # One that is larger than the bound alone goes through all the same.
        ring.settle()
        await ring.add(message(9, values=50))
        assert numbers(await ring.take(10)) == [9]

    asyncio.run(run())


def test_the_bytes_are_bounded_as_well_as_the_values() -> None:
    """Kind: a bound in counts where what is counted has no bound itself."""

    async def run() -> None:
        ring = Ring(1000, 1_000_000, 1_000_000)
        for number in range(30):
            await ring.add(message(number, size_bytes=100_000))
        assert ring.size_bytes <= 1_000_000
        assert ring.overflow.messages == 21
        # One that is larger than the bound alone goes through all the same.
        await ring.add(message(99, size_bytes=2_000_000))
        assert numbers(await ring.take(10)) == [99]

    asyncio.run(run())


def test_the_sender_takes_a_bounded_number_of_bytes_in_hand_and_they_count() -> None:
    async def run() -> None:
        ring = Ring(1000, 1_000_000, MAX_BYTES)
        for number in range(5):
            await ring.add(message(number, size_bytes=MAX_BYTES_IN_HAND // 2 - 1000))
        before = ring.size_bytes
        assert numbers(await ring.take(10)) == [0, 1]
        assert ring.size_bytes == before
        ring.settle()
        await ring.add(message(9, size_bytes=2 * MAX_BYTES_IN_HAND))
        assert numbers(await ring.take(10)) == [2, 3]
        ring.settle()
        assert numbers(await ring.take(10)) == [4]
        ring.settle()
        assert numbers(await ring.take(10)) == [9]

    asyncio.run(run())


def test_what_could_not_be_sent_is_in_front_again_and_the_oldest() -> None:
    async def run() -> None:
        ring = Ring(3, 1000, MAX_BYTES)
        for number in range(3):
            await ring.add(message(number))
        taken = await ring.take(2)
        await ring.add(message(3))
        await ring.add(message(4))
        assert ring.overflow.messages == 0
        ring.settle(taken[1:])
        assert ring.overflow.messages == 1
        assert numbers(await ring.take(10)) == [2, 3, 4]

    asyncio.run(run())


def test_lossless_messages_wait_for_room_and_are_never_discarded() -> None:
    async def run() -> None:
        ring = Ring(3, 1000, MAX_BYTES)
        await ring.add(message(0, lossless=True))
        for number in range(1, 6):
            await ring.add(message(number))
        waiting = asyncio.create_task(ring.add(message(9, lossless=True)))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert numbers(await ring.take(2)) == [0, 4]
        ring.settle()
        await waiting
        assert numbers(await ring.take(10)) == [5, 9]
        assert ring.overflow.messages == 3

    asyncio.run(run())


def test_lossless_messages_take_only_a_part_of_a_large_ring() -> None:
    async def run() -> None:
        ring = Ring(100_000, 1_000_000, MAX_BYTES)
        for number in range(MAX_LOSSLESS_MESSAGES):
            await ring.add(message(number, lossless=True))
        waiting = asyncio.create_task(ring.add(message(-1, lossless=True)))
        await asyncio.sleep(0)
        assert not waiting.done()
        await ring.take(1)
        ring.settle()
        await waiting

    asyncio.run(run())


def test_overflow_news_are_told_once() -> None:
    async def run() -> None:
        ring = Ring(1, 1000, MAX_BYTES)
        for number in range(3):
            await ring.add(message(number))
        assert ring.take_overflow().messages == 2
        assert ring.take_overflow().messages == 0
        assert ring.overflow.messages == 2

    asyncio.run(run())


def test_a_closed_ring_hands_out_nothing_and_wakes_who_waits() -> None:
    async def run() -> None:
        ring = Ring(3, 1000, MAX_BYTES)
        taking = asyncio.create_task(ring.take(1))
        await asyncio.sleep(0)
        ring.close()
        assert await taking == []
        await ring.add(message(1))
        assert await ring.take(1) == []
        assert ring.depth == 1

    asyncio.run(run())


def test_empty_means_nothing_in_hand_either() -> None:
    async def run() -> None:
        ring = Ring(3, 1000, MAX_BYTES)
        await ring.add(message(1))
        taken = await ring.take(1)
        empty = asyncio.create_task(ring.wait_until_empty())
        await asyncio.sleep(0)
        assert not empty.done()
        ring.settle(taken)
        await asyncio.sleep(0)
        assert not empty.done()
        await ring.take(1)
        ring.settle()
        await empty

    asyncio.run(run())


@given(st.lists(st.sampled_from(["add", "send", "fail"]), max_size=80), st.integers(1, 6))
def test_every_message_is_sent_or_waiting_or_counted_and_order_is_kept(steps: list[str], capacity: int) -> None:
    async def run() -> None:
        ring = Ring(capacity, 1000, MAX_BYTES)
        added, sent = 0, []
        for step in steps:
            if step == "add":
                await ring.add(message(added))
                added += 1
            elif ring.depth:
                taken = await ring.take(3)
                done = len(taken) if step == "send" else len(taken) // 2
                sent += numbers(taken[:done])
                ring.settle(taken[done:])
        assert added == len(sent) + ring.depth + ring.overflow.messages
        assert ring.depth <= capacity
        assert sent == sorted(set(sent))

    asyncio.run(run())
