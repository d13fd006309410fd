"""`access = "subscribe"`: the server tells what changes; nothing is dropped without being counted."""

import asyncio
import math
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from asyncua import ua

from services.poller.news import Tell, nobody
from services.poller.source import Reading
from services.poller.sources.opcua.keys import OpcuaKeys
from services.poller.sources.opcua.server import Server
from services.poller.sources.opcua.wire import faults
from services.poller.sources.opcua.wire.faults import Answer, NodeFault
from services.poller.sources.opcua.wire.publishings import Publishings
from services.poller.sources.opcua.wire.session import Session
from services.poller.sources.opcua.wire.subscription import Subscription
from shared.logs import get_logger

#: Changes that wait for the group at most; then the oldest go and are counted.
MAX_CHANGES = 200_000

#: Bytes of texts, byte strings and arrays in them at most.
MAX_WAITING_BYTES = 64_000_000

#: A server that has nothing to tell says so this often (seconds), and is taken for dead after three times as long.
_KEEP_ALIVE_S = 5.0

#: How many times slower than asked for a server may look at a tag before it is said.
_SLOWER = 1.5

#: What a server tells of a node that it has no more. What comes back by the same id is another one to most.
_GONE = frozenset({ua.status_codes.StatusCodes.BadNodeIdUnknown, ua.status_codes.StatusCodes.BadNodeIdInvalid})

#: Seconds since a connection last told something within which its end is taken for the fault of a node.
_SHORT_LIFE_S = 5.0

_log = get_logger()


class SubscribedServer(Server):
    """Hands on every change that a server tells, in its order."""

    #: The server says when there is something; the group's interval is that of publishing.
    self_paced = True

    def __init__(self, model: OpcuaKeys, group: str, interval_s: float, directory: Path, tell: Tell = nobody) -> None:
        super().__init__(model, group, interval_s, directory, tell)
        self._changes: deque[tuple[str, Answer, datetime]] = deque()
        self._waiting_bytes = 0
        self._item = ua.MonitoringParameters()
        self._subscription: Subscription | None = None
        #: Places of the nodes that are not watched, since their answers can't be read.
        self._left_out: set[int] = set()
        #: Places of the nodes that the server would not watch, or has no more, and when it is asked again.
        self._refused: set[int] = set()
        self._refused_due_s = 0.0
        #: Whether changes did not come, whosever they were: all tags are to be read.
        self._is_gap = False
        self._has_dropped = False
        self._arrived = asyncio.Event()
        self._publishings = Publishings(self.clock)
        self._published_s = -math.inf
        self._keep_alive_s = _KEEP_ALIVE_S
        self._dropped = 0
        self._missed = 0

    def status(self) -> Mapping[str, Any]:
        """Return what the monitor shows of the server and of what was lost on the way."""
        granted = self._subscription
        return {
            **super().status(),
            "changes_dropped": self._dropped,
            "publishes_missed": self._missed,
            "queue_size": granted.queue_size if granted is not None else None,
            "sampling_ms": granted.sampling_ms if granted is not None else None,
        }

    @property
    def lost(self) -> int:
        """Those that the server's own queues lost, that found no room here, and publishings that never came."""
        return super().lost + self._dropped + self._missed

    async def read(self) -> Reading | None:
        """Return what changed, as soon as something did, each tag once; empty after an interval without a change."""
        if not self._changes and not (self._is_gap and self.connection.session is not None):
            # For a change, one interval at most.
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), self.interval_s)
        session = self.connection.session
        if session is not None:
            self.browse_again(session)
            try:
                if self._is_gap or self._left_out:
                    await self._read_what_can_not_be_told(session)
                if self._refused and self.clock.monotonic() >= self._refused_due_s:
                    await self._watch(sorted(self._refused))
            except Exception as error:  # noqa: BLE001 - asyncua raises all sorts; each means: connect anew
                self.connection.lose(error, session)
        if self._changes:
            return self._take()
        session = self.connection.session
        if session is None:
            return await self.away()
        if self._publishings.silent_s() > 3 * max(_KEEP_ALIVE_S, self._keep_alive_s):
            self.connection.lose(TimeoutError(), session)
            return await self.away()
        return Reading({})

    async def ready(self, session: Session) -> None:
        """Subscribe to all tags."""
        interval_ms = self.interval_s * 1000
        keep_alive = max(1, math.ceil(_KEEP_ALIVE_S / self.interval_s))
        params = ua.CreateSubscriptionParameters(
            ua.Duration(interval_ms), ua.Counter(10 * keep_alive), ua.Counter(keep_alive), PublishingEnabled=True
        )
        sampling_ms = interval_ms if self.model.sampling_ms is None else self.model.sampling_ms
        self._item.SamplingInterval, self._item.QueueSize = ua.Duration(sampling_ms), ua.Counter(self.model.queue_size)
        if self.clock.monotonic() - self._published_s < _SHORT_LIFE_S:
            # The last connection ended at once: reading finds the nodes at which it does.
            await session.read(self.nodes)
            if session.lost is not None:
                raise session.lost
        self._publishings.begin()
        self._published_s = self.clock.monotonic()
        self._has_dropped = False
        self._subscription = await session.subscribe(
            params, self._hear, self._miss, lambda error: self.connection.lose(error, session)
        )
        self._keep_alive_s = self._subscription.keep_alive_s
        self._refused = set()
        self._left_out = {place for place, node in enumerate(self.nodes) if node in self.faults}
        await self._watch([place for place in range(len(self.nodes)) if place not in self._left_out])
        self._say_what_is_less(self._subscription)
        for place in self._left_out:
            self._queue(self.addresses[place], self.faults[self.nodes[place]], self.clock.now())
        for address, reason in self.impossible.items():
            self.collector.fail(address, reason, self.clock.now())

    def _say_what_is_less(self, granted: Subscription) -> None:
        """Say that changes are not seen, or lost: of a slower look, or of a queue of one, no server says so itself."""
        asked_ms, wanted = float(self._item.SamplingInterval), self.model.queue_size
        sampling_ms, queue_size = granted.sampling_ms or 0.0, granted.queue_size
        if sampling_ms > _SLOWER * (asked_ms or self.interval_s * 1000):
            self._say(
                f"it looks at a tag every {sampling_ms:g} ms, not every {asked_ms:g}: what changes and changes back in "
                "between is not seen. That is a limit of the server's (MinimumSamplingInterval), or of its node's"
            )
        if queue_size is not None and queue_size < wanted and asked_ms < granted.publishing_ms:
            self._say(
                f"it keeps {queue_size} changes of a tag between two publishings, not {wanted} (queue_size): what is "
                "more is lost. Give the group a shorter interval_ms"
            )

    async def added(self, places: range) -> None:
        """Watch what came later, too."""
        await self._watch(places)

    async def _watch(self, places: Sequence[int]) -> None:
        if self._subscription is not None:
            await self._subscription.leave_out(places)  # those that it knows of
            refused = await self._subscription.watch([(place, self.nodes[place]) for place in places], self._item)
            self._publishings.expect(self._subscription.ids)
            # A server that has just started may not have them yet.
            self._refused = (self._refused - set(places)) | refused.keys()
            self._refused_due_s = self.clock.monotonic() + faults.RETRY_S
            for place, status in refused.items():
                self._queue(self.addresses[place], ua.DataValue(StatusCode=status), self.clock.now())

    async def _read_what_can_not_be_told(self, session: Session) -> None:
        """Read all tags after changes that did not come; and, when they are due, those that are not watched.

        Whose changes they were can't be known: a publishing could not be read or was lost on the way, or there was no
        room for what waited. A tag that seldom changes would keep an old value for hours. So the value that each tag
        has now is handed on; a node that is found to be at fault is watched no more, or every further publishing with
        it would be lost, too.
        """
        places: Sequence[int] = range(len(self.nodes))
        if not self._is_gap:
            due = set(self.faults.due(self.nodes[place] for place in self._left_out))
            places = [place for place in self._left_out if self.nodes[place] in due]
        self._is_gap = False
        answers = await session.read([self.nodes[place] for place in places]) if places else []
        if session.lost is not None:
            raise session.lost
        now = self.clock.now()
        for place, answer in zip(places, answers, strict=True):
            self._queue(self.addresses[place], answer, now)
        # More than there is room for would be read again and again.
        self._has_dropped = False
        at_fault = {place for place, answer in zip(places, answers, strict=True) if isinstance(answer, NodeFault)}
        mended = [place for place in places if place in self._left_out and place not in at_fault]
        if self._subscription is not None:
            await self._subscription.leave_out(sorted(at_fault - self._left_out))
        await self._watch(mended)
        self._left_out = (self._left_out | at_fault) - set(mended)

    def _miss(self) -> None:
        """Hear that the server told changes that can't be read."""
        self._published_s = self.clock.monotonic()
        self._publishings.hear_any()
        self._is_gap = True
        self._arrived.set()

    def _hear(self, result: ua.PublishResult) -> None:
        try:
            self._take_in(result)
        except Exception:  # noqa: BLE001 - the library would drop it without a word
            _log.exception("What a server published could not be taken in: all its tags are read instead")
            self._miss()

    def _take_in(self, result: ua.PublishResult) -> None:
        self._published_s, now = self.clock.monotonic(), self.clock.now()
        message = result.NotificationMessage
        number, tells = int(message.SequenceNumber), bool(message.NotificationData)
        if missed := self._publishings.hear(int(result.SubscriptionId), number, tells=tells):
            self._missed += missed
            self._say(f"{missed} publishings never came: all tags are read instead")
            self._is_gap = True
            self._arrived.set()
        for notification in message.NotificationData or ():
            if isinstance(notification, ua.DataChangeNotification):
                for item in notification.MonitoredItems:
                    place = int(item.ClientHandle)
                    self._queue(self.addresses[place], item.Value, now)
                    if (status := item.Value.StatusCode) is not None and status.value in _GONE:
                        # To be watched anew later: what was watched is gone, and tells nothing any more.
                        if not self._refused:
                            self._refused_due_s = self.clock.monotonic() + faults.RETRY_S
                        self._refused.add(place)
            elif isinstance(notification, ua.StatusChangeNotification):
                self.connection.lose(ConnectionError(f"the server ended the subscription: {notification.Status.name}"))

    def _queue(self, address: str, value: Answer, now: datetime) -> None:
        self._changes.append((address, value, now))
        self._waiting_bytes += _size(value)
        while len(self._changes) > MAX_CHANGES or self._waiting_bytes > MAX_WAITING_BYTES:
            self._waiting_bytes -= _size(self._changes.popleft()[1])
            self._dropped += 1
            self._has_dropped = True
        self._arrived.set()

    def _take(self) -> Reading:
        """Return the oldest changes, up to the first tag that comes a second time."""
        while self._changes:
            address, value, now = self._changes[0]
            if self.collector.has(address):
                break
            self._changes.popleft()
            self._waiting_bytes -= _size(value)
            self.collector.add(address, value, now)
        if not self._changes and self._has_dropped:
            self._has_dropped, self._is_gap = False, True
        return self.collect()


def _size(value: Answer) -> int:
    """Return about how many bytes a value takes that may be large; 0 for those that can't."""
    variant = None if isinstance(value, NodeFault) else value.Value
    found = variant.Value if variant is not None else None
    if isinstance(found, str | bytes):
        return len(found)
    return 50 * len(found) if isinstance(found, list) else 0
