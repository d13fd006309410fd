import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.poller.outbox.message import Message
from services.poller.outbox.outbox import MAX_BYTES_IN_HAND, Outbox
from services.poller.outbox.waiting import MAX_LOSSLESS_MESSAGES, Bounds

MAX_BYTES = 100_000_000
ALL = 1_000_000
START = datetime(2025, 1, 1, tzinfo=UTC)


def message(number: int, values: int = 1, *, size_bytes: int = 1, lossless: bool = False) -> Message:
    timestamp = START + timedelta(seconds=number)
    return Message(str(number).encode().rjust(size_bytes), values, timestamp, lossless=lossless)


def numbers(messages: list[Message]) -> list[int]:
    return [int(message.raw) for message in messages]


def test_messages_come_out_in_the_order_they_went_in() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(10, 1000, MAX_BYTES))
        for number in range(5):
            await outbox.add(message(number))
        assert numbers(await outbox.claim(3)) == [0, 1, 2]
        await outbox.settle(ALL)
        assert numbers(await outbox.claim(3)) == [3, 4]
        await outbox.settle(ALL)
        assert outbox.depth == 0

    asyncio.run(run())


def test_a_full_outbox_discards_the_oldest_and_counts_them() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(3, 1000, MAX_BYTES))
        for number in range(8):
            await outbox.add(message(number, values=2))
        assert (outbox.overflow.messages, outbox.overflow.values) == (5, 10)
        assert (outbox.overflow.first, outbox.overflow.last) == (START, START + timedelta(seconds=4))
        assert numbers(await outbox.claim(10)) == [5, 6, 7]

    asyncio.run(run())


def test_the_values_are_bounded_as_well_as_the_messages() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(100, 10, MAX_BYTES))
        for number in range(4):
            await outbox.add(message(number, values=4))
        assert numbers(await outbox.claim(10)) == [2, 3]
        # One that is larger than the bound alone goes through all the same.
        await outbox.settle(ALL)
        await outbox.add(message(9, values=50))
        assert numbers(await outbox.claim(10)) == [9]

    asyncio.run(run())


def test_the_bytes_are_bounded_as_well_as_the_values() -> None:
    """Kind: a bound in counts where what is counted has no bound itself."""

    async def run() -> None:
        outbox = Outbox(Bounds(1000, 1_000_000, 1_000_000))
        for number in range(30):
            await outbox.add(message(number, size_bytes=100_000))
        assert outbox.size_bytes <= 1_000_000
        assert outbox.overflow.messages == 21
        # One that is larger than the bound alone goes through all the same.
        await outbox.add(message(99, size_bytes=2_000_000))
        assert numbers(await outbox.claim(10)) == [99]

    asyncio.run(run())


def test_the_sender_takes_a_bounded_number_of_bytes_in_hand_and_they_count() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(1000, 1_000_000, MAX_BYTES))
        for number in range(5):
            await outbox.add(message(number, size_bytes=MAX_BYTES_IN_HAND // 2 - 1000))
        before = outbox.size_bytes
        assert numbers(await outbox.claim(10)) == [0, 1]
        assert outbox.size_bytes == before
        await outbox.settle(ALL)
        await outbox.add(message(9, size_bytes=2 * MAX_BYTES_IN_HAND))
        assert numbers(await outbox.claim(10)) == [2, 3]
        await outbox.settle(ALL)
        assert numbers(await outbox.claim(10)) == [4]
        await outbox.settle(ALL)
        assert numbers(await outbox.claim(10)) == [9]

    asyncio.run(run())


def test_what_could_not_be_sent_is_in_front_again_and_the_oldest() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(3, 1000, MAX_BYTES))
        for number in range(3):
            await outbox.add(message(number))
        await outbox.claim(2)
        await outbox.add(message(3))
        await outbox.add(message(4))
        assert outbox.overflow.messages == 0
        await outbox.settle(1)
        assert outbox.overflow.messages == 1
        assert numbers(await outbox.claim(10)) == [2, 3, 4]

    asyncio.run(run())


def test_lossless_messages_wait_for_room_and_are_never_discarded() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(3, 1000, MAX_BYTES))
        await outbox.add(message(0, lossless=True))
        for number in range(1, 6):
            await outbox.add(message(number))
        waiting = asyncio.create_task(outbox.add(message(9, lossless=True)))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert numbers(await outbox.claim(2)) == [0, 4]
        await outbox.settle(ALL)
        await waiting
        assert numbers(await outbox.claim(10)) == [5, 9]
        assert outbox.overflow.messages == 3

    asyncio.run(run())


def test_lossless_messages_take_only_a_part_of_a_large_outbox() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(100_000, 1_000_000, MAX_BYTES))
        for number in range(MAX_LOSSLESS_MESSAGES):
            await outbox.add(message(number, lossless=True))
        waiting = asyncio.create_task(outbox.add(message(-1, lossless=True)))
        await asyncio.sleep(0)
        assert not waiting.done()
        await outbox.claim(1)
        await outbox.settle(ALL)
        await waiting

    asyncio.run(run())


def test_overflow_news_are_told_once() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(1, 1000, MAX_BYTES))
        for number in range(3):
            await outbox.add(message(number))
        assert outbox.pop_overflow().messages == 2
        assert outbox.pop_overflow().messages == 0
        assert outbox.overflow.messages == 2

    asyncio.run(run())


def test_a_closed_outbox_hands_out_nothing_and_wakes_who_waits() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(3, 1000, MAX_BYTES))
        taking = asyncio.create_task(outbox.claim(1))
        await asyncio.sleep(0)
        outbox.hand_out_no_more()
        assert await taking == []
        await outbox.add(message(1))
        assert await outbox.claim(1) == []
        assert outbox.depth == 1

    asyncio.run(run())


def test_empty_means_nothing_in_hand_either() -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(3, 1000, MAX_BYTES))
        await outbox.add(message(1))
        await outbox.claim(1)
        empty = asyncio.create_task(outbox.wait_until_empty())
        await asyncio.sleep(0)
        assert not empty.done()
        await outbox.settle(0)
        await asyncio.sleep(0)
        assert not empty.done()
        await outbox.claim(1)
        await outbox.settle(ALL)
        await empty

    asyncio.run(run())


@given(st.lists(st.sampled_from(["add", "send", "fail"]), max_size=80), st.integers(1, 6))
def test_every_message_is_sent_or_waiting_or_counted_and_order_is_kept(steps: list[str], capacity: int) -> None:
    async def run() -> None:
        outbox = Outbox(Bounds(capacity, 1000, MAX_BYTES))
        added, sent = 0, []
        for step in steps:
            if step == "add":
                await outbox.add(message(added))
                added += 1
            elif outbox.depth:
                taken = await outbox.claim(3)
                done = len(taken) if step == "send" else len(taken) // 2
                sent += numbers(taken[:done])
                await outbox.settle(done)
        assert added == len(sent) + outbox.depth + outbox.overflow.messages
        assert outbox.depth <= capacity
        assert sent == sorted(set(sent))

    asyncio.run(run())
