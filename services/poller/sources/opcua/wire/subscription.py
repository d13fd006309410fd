"""One subscription at a server: which nodes it watches, and how often it says that it lives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from services.poller.sources.opcua.wire.faults import is_of_the_size

#: What a server answers of a node where a subscription has as many as it may: a controller's 1,000, say.
_TOO_MANY_ITEMS = ua.status_codes.StatusCodes.BadTooManyMonitoredItems


@dataclass
class Subscription:
    """A subscription; several at the server, where that lets each have only so many nodes."""

    link: Any
    params: ua.CreateSubscriptionParameters
    hear: Callable[[ua.PublishResult], None]
    chunk: int  #: nodes in one request

    def __post_init__(self) -> None:
        #: The server's subscriptions; what is new goes into the last.
        self.ids: list[int] = []
        #: Seconds after which a server without news says so.
        self.keep_alive_s = 0.0
        #: Milliseconds between two publishings.
        self.publishing_ms = 0.0
        #: Milliseconds between two looks at a tag, of the tag that is looked at least often.
        self.sampling_ms: float | None = None
        self._items: dict[int, tuple[int, ua.IntegerId]] = {}
        #: Changes of one tag that the server keeps between two publishings, of the tag with the fewest.
        self.queue_size: int | None = None

    async def open(self) -> None:
        """Make one at the server, which what is watched from now on goes into."""
        made = await self.link.create_subscription(self.params, self.hear)
        self.ids.append(int(made.SubscriptionId))
        self.publishing_ms = float(made.RevisedPublishingInterval)
        self.keep_alive_s = self.publishing_ms / 1000 * made.RevisedMaxKeepAliveCount

    async def watch(
        self, nodes: Sequence[tuple[int, ua.NodeId]], params: ua.MonitoringParameters
    ) -> dict[int, ua.StatusCode]:
        """Have the changes of nodes told, under the numbers given with them.

        Returns: number -> why it can't be, of those that can't.
        """
        refused = await self._watch(nodes, params)
        while too_many := {number for number, status in refused.items() if status.value == _TOO_MANY_ITEMS}:
            try:
                await self.open()
            except ua.uaerrors.UaStatusCodeError:
                break  # it takes no more subscriptions, either
            again = await self._watch([(number, node) for number, node in nodes if number in too_many], params)
            if len(again) == len(too_many):
                # Empty it is of no use, and the next try would leave another.
                await self.link.delete_subscriptions([self.ids.pop()])
                break
            refused = {number: status for number, status in refused.items() if number not in too_many} | again
        return refused

    async def _watch(
        self, nodes: Sequence[tuple[int, ua.NodeId]], params: ua.MonitoringParameters
    ) -> dict[int, ua.StatusCode]:
        refused: dict[int, ua.StatusCode] = {}
        done = 0
        while done < len(nodes):
            some = nodes[done : done + self.chunk]
            items = [_monitored(node, number, params) for number, node in some]
            both = ua.TimestampsToReturn.Both
            request = ua.CreateMonitoredItemsParameters(ua.IntegerId(self.ids[-1]), both, items)
            try:
                answers = await self.link.create_monitored_items(request)
            except ua.uaerrors.BadTooManyMonitoredItems:
                too_many = ua.StatusCode(ua.UInt32(_TOO_MANY_ITEMS))
                answers = [ua.MonitoredItemCreateResult(StatusCode=too_many)] * len(some)
            except ua.uaerrors.UaStatusCodeError as error:
                if len(some) == 1 or not is_of_the_size(error):
                    raise
                self.chunk = (len(some) + 1) // 2
                continue
            done += len(some)
            for (number, _), answer in zip(some, answers, strict=True):
                if answer.StatusCode.is_good():
                    self._items[number] = self.ids[-1], answer.MonitoredItemId
                    granted = int(answer.RevisedQueueSize)
                    self.sampling_ms = max(self.sampling_ms or 0.0, float(answer.RevisedSamplingInterval))
                    self.queue_size = granted if self.queue_size is None else min(granted, self.queue_size)
                else:
                    refused[number] = answer.StatusCode
        return refused

    async def leave_out(self, numbers: Sequence[int]) -> None:
        """Have the changes of these told no more."""
        gone = [self._items.pop(number) for number in numbers if number in self._items]
        for subscription in self.ids:
            items = [item for its, item in gone if its == subscription]
            for first in range(0, len(items), self.chunk):
                some = items[first : first + self.chunk]
                request = ua.DeleteMonitoredItemsParameters(ua.IntegerId(subscription), some)
                await self.link.delete_monitored_items(request)


def _monitored(node: ua.NodeId, handle: int, params: ua.MonitoringParameters) -> ua.MonitoredItemCreateRequest:
    value = ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value)
    own = replace(params, ClientHandle=ua.IntegerId(handle), DiscardOldest=True)
    return ua.MonitoredItemCreateRequest(value, ua.MonitoringMode.Reporting, own)
