"""`mode = "subscribe"`: the server tells what changes; nothing is dropped without being counted."""

import asyncio
import math
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from asyncua import ua

from services.poller.source import Reading, Tell
from services.poller.sources.opcua import OpcuaModel
from services.poller.sources.opcua.server import Server
from services.poller.sources.opcua.session import Session
from shared.clock import Clock

#: Changes that wait for the group at most; then the oldest go and are counted.
MAX_CHANGES = 200_000

#: A server that has nothing to tell says so this often (seconds), and is taken for dead after three times as long.
_KEEP_ALIVE_S = 5.0


class SubscribedServer(Server):
    """Hands on every change that a server tells, in its order."""

    #: The server says when there is something; the group's interval is that of publishing.
    self_paced = True

    def __init__(
        self, model: OpcuaModel, group: str, interval_s: float, directory: Path, tell: Tell | None = None,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, group, interval_s, directory, tell, clock)
        self._changes: deque[tuple[str, ua.DataValue, datetime]] = deque()
        self._arrived = asyncio.Event()
        self._sequence: int | None = None
        self._published_s = 0.0
        self._keep_alive_s = _KEEP_ALIVE_S
        self._dropped = 0
        self._missed = 0

    def status(self) -> Mapping[str, Any]:
        """Return what the monitor shows of the server and of what was lost on the way."""
        return {**super().status(), "changes_dropped": self._dropped, "publishes_missed": self._missed}

    async def read(self) -> Reading | None:
        """Return what changed, as soon as something did, each tag once; empty after an interval without a change."""
        if not self._changes:
            await self._wait()
        session = self.connection.session
        if self._changes:
            return self._take()
        if session is None:
            return self.away()
        silent_s = self.clock.monotonic() - self._published_s
        if silent_s > 3 * max(_KEEP_ALIVE_S, self._keep_alive_s):
            self.connection.lose(TimeoutError(), session)
            return self.away()
        return Reading({})

    async def ready(self, session: Session) -> None:
        """Subscribe to all tags."""
        interval_ms = self.interval_s * 1000
        params = ua.CreateSubscriptionParameters()
        params.RequestedPublishingInterval = ua.Duration(interval_ms)
        params.RequestedMaxKeepAliveCount = ua.Counter(max(1, math.ceil(_KEEP_ALIVE_S / self.interval_s)))
        params.RequestedLifetimeCount = ua.Counter(10 * int(params.RequestedMaxKeepAliveCount))
        params.MaxNotificationsPerPublish = ua.Counter(0)
        params.PublishingEnabled = True
        item = ua.MonitoringParameters()
        item.SamplingInterval = ua.Duration(interval_ms if self.model.sampling_ms is None else self.model.sampling_ms)
        item.QueueSize = ua.Counter(self.model.queue_size)
        self._sequence, self._published_s = None, self.clock.monotonic()
        self._keep_alive_s, results = await session.subscribe(self.nodes, params, item, self._hear)
        for address, status in zip(self.addresses, results, strict=True):
            if not status.is_good():
                self._queue(address, ua.DataValue(StatusCode=status), self.clock.now())
        for address, reason in self.impossible.items():
            self.collector.fail(address, reason, self.clock.now())

    def _hear(self, result: ua.PublishResult) -> None:
        self._published_s, now = self.clock.monotonic(), self.clock.now()
        message = result.NotificationMessage
        if not message.NotificationData:
            return
        number = int(message.SequenceNumber)
        if self._sequence is not None and number > self._sequence + 1:
            self._missed += number - self._sequence - 1
        self._sequence = number
        for notification in message.NotificationData:
            if isinstance(notification, ua.DataChangeNotification):
                for item in notification.MonitoredItems:
                    self._queue(self.addresses[int(item.ClientHandle)], item.Value, now)
            elif isinstance(notification, ua.StatusChangeNotification):
                self.connection.lose(ConnectionError(f"the server ended the subscription: {notification.Status.name}"))

    def _queue(self, address: str, value: ua.DataValue, now: datetime) -> None:
        if len(self._changes) >= MAX_CHANGES:
            self._changes.popleft()
            self._dropped += 1
        self._changes.append((address, value, now))
        self._arrived.set()

    async def _wait(self) -> None:
        """Wait for a change, one interval at most."""
        self._arrived.clear()
        try:
            await asyncio.wait_for(self._arrived.wait(), self.interval_s)
        except TimeoutError:
            return

    def _take(self) -> Reading:
        """Return the oldest changes, up to the first tag that comes a second time."""
        while self._changes:
            address, value, now = self._changes[0]
            if self.collector.has(address):
                break
            self._changes.popleft()
            self.collector.add(address, value, now)
        return self.collector.take()
