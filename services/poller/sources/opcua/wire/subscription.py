"""One subscription at a server: which nodes it watches, and how often it says that it lives."""

from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from services.poller.sources.opcua.wire.faults import is_of_the_size


class Subscription:
    """A subscription, as the server has it."""

    def __init__(self, link: Any, made: ua.CreateSubscriptionResult, chunk: int) -> None:
        self._link = link
        self._id = made.SubscriptionId
        self._chunk = chunk
        #: Seconds after which a server without news says so.
        self.keep_alive_s = made.RevisedPublishingInterval / 1000 * made.RevisedMaxKeepAliveCount
        #: Milliseconds between two publishings.
        self.publishing_ms = float(made.RevisedPublishingInterval)
        #: Milliseconds between two looks at a tag, of the tag that is looked at least often.
        self.sampling_ms: float | None = None
        self._items: dict[int, ua.IntegerId] = {}
        #: Changes of one tag that the server keeps between two publishings, of the tag with the fewest.
        self.queue_size: int | None = None

    async def watch(
        self, nodes: Sequence[tuple[int, ua.NodeId]], params: ua.MonitoringParameters
    ) -> dict[int, ua.StatusCode]:
        """Have the changes of nodes told, under the numbers given with them.

        Returns: number -> why it can't be, of those that can't.
        """
        refused: dict[int, ua.StatusCode] = {}
        done = 0
        while done < len(nodes):
            some = nodes[done : done + self._chunk]
            request = ua.CreateMonitoredItemsParameters()
            request.SubscriptionId = self._id
            request.TimestampsToReturn = ua.TimestampsToReturn.Both
            request.ItemsToCreate = [_monitored(node, number, params) for number, node in some]
            try:
                answers = await self._link.create_monitored_items(request)
            except ua.uaerrors.UaStatusCodeError as error:
                if len(some) == 1 or not is_of_the_size(error):
                    raise
                self._chunk = (len(some) + 1) // 2
                continue
            done += len(some)
            for (number, _), answer in zip(some, answers, strict=True):
                if answer.StatusCode.is_good():
                    self._items[number] = answer.MonitoredItemId
                    granted = int(answer.RevisedQueueSize)
                    self.sampling_ms = max(self.sampling_ms or 0.0, float(answer.RevisedSamplingInterval))
                    self.queue_size = granted if self.queue_size is None else min(granted, self.queue_size)
                else:
                    refused[number] = answer.StatusCode
        return refused

    async def leave_out(self, numbers: Sequence[int]) -> None:
        """Have the changes of these told no more."""
        items = [self._items.pop(number) for number in numbers if number in self._items]
        for first in range(0, len(items), self._chunk):
            request = ua.DeleteMonitoredItemsParameters()
            request.SubscriptionId = self._id
            request.MonitoredItemIds = items[first : first + self._chunk]
            await self._link.delete_monitored_items(request)


def _monitored(node: ua.NodeId, handle: int, params: ua.MonitoringParameters) -> ua.MonitoredItemCreateRequest:
    own = ua.MonitoringParameters()
    own.ClientHandle = ua.IntegerId(handle)
    own.SamplingInterval, own.QueueSize, own.DiscardOldest = params.SamplingInterval, params.QueueSize, True
    request = ua.MonitoredItemCreateRequest()
    request.ItemToMonitor.NodeId = node
    request.ItemToMonitor.AttributeId = AttributeIds.Value
    request.MonitoringMode = ua.MonitoringMode.Reporting
    request.RequestedParameters = own
    return request
