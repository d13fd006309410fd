import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from services.poller.outbox.message import Message
from services.poller.outbox.outbox import Outbox
from services.poller.outbox.sender import MAX_BYTES_PER_PUT, MAX_VALUES_PER_PUT, Sender
from services.poller.outbox.waiting import Bounds
from shared.errors import QueueFullError, RedisUnavailableError
from shared.queues.data_queue import DataQueue, HeldMessage
from shared.queues.replicas import Queued
from tests.unit.poller.fleets import BackAtOnce

AWAY = RedisUnavailableError("away")
FULL = QueueFullError("full")


class ScriptedQueue(DataQueue):
    """Takes what it is given, after the failures it was told of."""

    replicas_missing: str | None = None

    def __init__(self, *failures: Exception | None) -> None:
        self._failures = list(failures)
        self.taken: list[int] = []
        self.steps = 0
        self.most_at_once = 1000
        #: Messages of groups that another poller had taken over.
        self.not_ours: set[int] = set()

    def put_held(self, messages: Sequence[HeldMessage], timeout: float = 1.0) -> Queued:
        del timeout
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure
        some = messages[: self.most_at_once]
        left_out = [place for place, message in enumerate(some) if int(message.raw) in self.not_ours]
        self.taken += [int(message.raw) for place, message in enumerate(some) if place not in left_out]
        self.steps += 1
        return Queued(len(some), left_out)


async def send(count: int, queue: ScriptedQueue, link: BackAtOnce, values: int = 2, size_bytes: int = 1) -> Sender:
    """Send some messages until the outbox is empty."""
    outbox = Outbox(Bounds(100, 1_000_000, 100_000_000))
    for number in range(count):
        await outbox.add(Message(str(number).encode().rjust(size_bytes), values, datetime.now(UTC)))
    sender = Sender(outbox, queue, link, put_timeout_s=0.1)
    sending = asyncio.create_task(sender.run())
    await outbox.wait_until_empty()
    sender.give_up()
    await sending
    return sender


def test_messages_are_sent_in_order_in_one_step_and_counted() -> None:
    queue = ScriptedQueue()
    sender = asyncio.run(send(90, queue, BackAtOnce()))
    assert queue.taken == list(range(90))
    assert queue.steps == 1
    assert (sender.messages_sent, sender.values_sent) == (90, 180)


def test_one_step_holds_no_more_values_than_a_put_can_take_in_its_time() -> None:
    queue = ScriptedQueue()
    asyncio.run(send(5, queue, BackAtOnce(), values=MAX_VALUES_PER_PUT // 2))
    assert queue.taken == list(range(5))
    assert queue.steps == 3


def test_those_that_did_not_fit_are_put_again_in_order() -> None:
    queue = ScriptedQueue()
    queue.most_at_once = 4
    sender = asyncio.run(send(10, queue, BackAtOnce()))
    assert queue.taken == list(range(10))
    assert sender.messages_sent == 10


def test_while_redis_is_away_the_same_messages_are_tried_again() -> None:
    queue, link = ScriptedQueue(AWAY, AWAY), BackAtOnce()
    sender = asyncio.run(send(4, queue, link))
    assert queue.taken == [0, 1, 2, 3]
    assert link.causes == [AWAY, AWAY]
    assert sender.messages_sent == 4


def test_a_full_queue_is_waited_for_and_told_once_with_its_end() -> None:
    queue, link = ScriptedQueue(FULL, FULL, FULL), BackAtOnce()
    with capture_logs() as logs:
        sender = asyncio.run(send(3, queue, link))
    assert queue.taken == [0, 1, 2]
    assert (sender.times_full, sender.full_since) == (1, None)
    assert link.causes == []
    told = [log["event"] for log in logs]
    assert told[0] == "Readings wait: full"
    assert told[1].startswith("The DataQueue takes readings again after ")
    assert len(told) == 2


def test_one_step_holds_no_more_bytes_than_a_put_can_take_in_its_time() -> None:
    queue = ScriptedQueue()
    asyncio.run(send(5, queue, BackAtOnce(), size_bytes=MAX_BYTES_PER_PUT // 2))
    assert queue.taken == list(range(5))
    assert queue.steps == 3


def test_the_unforeseen_loses_no_message() -> None:
    """Kind: an error that nobody foresaw drops what was in hand."""

    async def run() -> None:
        outbox, queue = Outbox(Bounds(100, 1000, 100_000_000)), ScriptedQueue(ZeroDivisionError("nobody foresaw this"))
        for number in range(3):
            await outbox.add(Message(str(number).encode(), 1, datetime.now(UTC)))
        sender = Sender(outbox, queue, BackAtOnce(), put_timeout_s=0.1)
        with pytest.raises(ZeroDivisionError):
            await sender.run()
        assert outbox.depth == 3
        sending = asyncio.create_task(sender.run())
        await outbox.wait_until_empty()
        sender.give_up()
        await sending
        assert queue.taken == [0, 1, 2]

    asyncio.run(run())


def test_giving_up_leaves_the_rest_in_the_ring() -> None:
    class GivingUp(ScriptedQueue):
        sender: Sender

        def put_held(self, messages: Sequence[HeldMessage], timeout: float = 1.0) -> Queued:
            if len(self.taken) == 2:
                self.sender.give_up()
            return super().put_held(messages, timeout)

    async def run() -> None:
        outbox, queue = Outbox(Bounds(100, 1000, 100_000_000)), GivingUp()
        queue.most_at_once = 1
        for number in range(9):
            await outbox.add(Message(str(number).encode(), 1, datetime.now(UTC)))
        queue.sender = Sender(outbox, queue, BackAtOnce(), put_timeout_s=0.1)
        await queue.sender.run()
        assert queue.taken == [0, 1, 2]
        assert outbox.depth == 6

    asyncio.run(run())


def test_what_another_poller_read_too_is_left_out_and_counted() -> None:
    queue = ScriptedQueue()
    queue.not_ours = {2, 3}
    with capture_logs() as logs:
        sender = asyncio.run(send(6, queue, BackAtOnce()))
    assert queue.taken == [0, 1, 4, 5]
    assert (sender.messages_sent, sender.values_sent, sender.messages_left_out) == (4, 8, 2)
    assert [log["event"] for log in logs] == [
        "Readings are left out: another poller had taken over their group before they were read"
    ]
