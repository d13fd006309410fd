import asyncio
from datetime import UTC, datetime

from structlog.testing import capture_logs

from services.poller.ring import Message, Ring
from services.poller.sender import Sender
from shared.errors import QueueFullError, RedisUnavailableError, RejectedError
from shared.lifecycle import StopFlag
from shared.models import PollingData

AWAY = RedisUnavailableError("away")
FULL = QueueFullError("full")


class ScriptedQueue:
    """Takes what it is given, after the failures it was told of."""

    def __init__(self, *failures: Exception | None) -> None:
        self._failures = list(failures)
        self.taken: list[int] = []

    def put(self, polling_data: PollingData, timeout: float = 1.0) -> int:
        del timeout
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure
        self.taken.append(polling_data.group_id)
        return len(self.taken)


class CountingLink:
    def __init__(self) -> None:
        self.waits: list[RedisUnavailableError | None] = []

    def wait_until_there(self, stop: StopFlag, cause: RedisUnavailableError | None = None) -> bool:
        self.waits.append(cause)
        return not stop.is_set()


async def send(count: int, queue: ScriptedQueue, link: CountingLink) -> Sender:
    """Send some messages of two values until the ring is empty."""
    ring = Ring(100, 1000)
    for number in range(count):
        data = PollingData(timestamp=datetime.now(UTC), group_id=number, group_name="g", plc_code="P")
        await ring.add(Message(data, values=2))
    sender = Sender(ring, queue, link, put_timeout_s=0.1)
    sending = asyncio.create_task(sender.run())
    await ring.wait_until_empty()
    sender.give_up()
    await sending
    return sender


def test_messages_are_sent_in_order_and_counted() -> None:
    queue = ScriptedQueue()
    sender = asyncio.run(send(90, queue, CountingLink()))
    assert queue.taken == list(range(90))
    assert (sender.messages_sent, sender.values_sent) == (90, 180)


def test_while_redis_is_away_the_same_message_is_tried_again() -> None:
    queue, link = ScriptedQueue(None, AWAY, AWAY), CountingLink()
    sender = asyncio.run(send(4, queue, link))
    assert queue.taken == [0, 1, 2, 3]
    assert link.waits == [AWAY, AWAY]
    assert sender.messages_sent == 4


def test_a_full_queue_is_waited_for_and_told_once_with_its_end() -> None:
    queue, link = ScriptedQueue(None, FULL, FULL, FULL), CountingLink()
    with capture_logs() as logs:
        asyncio.run(send(3, queue, link))
    assert queue.taken == [0, 1, 2]
    assert link.waits == []
    told = [log["event"] for log in logs]
    assert told[0] == "Readings wait: full"
    assert told[1].startswith("The DataQueue takes readings again after ")
    assert len(told) == 2


def test_a_message_that_nobody_can_understand_is_told_and_costs_only_itself() -> None:
    queue = ScriptedQueue(None, RejectedError("no JSON"))
    with capture_logs() as logs:
        sender = asyncio.run(send(3, queue, CountingLink()))
    assert queue.taken == [0, 2]
    assert (sender.messages_sent, sender.messages_rejected) == (2, 1)
    assert [log["event"] for log in logs] == ["Group 'g': a reading is left out: no JSON"]


def test_giving_up_leaves_the_rest_in_the_ring() -> None:
    class GivingUp(ScriptedQueue):
        sender: Sender

        def put(self, polling_data: PollingData, timeout: float = 1.0) -> int:
            if len(self.taken) == 2:
                self.sender.give_up()
            return super().put(polling_data, timeout)

    async def run() -> None:
        ring, queue = Ring(100, 1000), GivingUp()
        for number in range(9):
            data = PollingData(timestamp=datetime.now(UTC), group_id=number, group_name="g", plc_code="P")
            await ring.add(Message(data, values=1))
        queue.sender = Sender(ring, queue, CountingLink(), put_timeout_s=0.1)
        await queue.sender.run()
        assert queue.taken == [0, 1, 2]
        assert ring.depth == 6

    asyncio.run(run())
