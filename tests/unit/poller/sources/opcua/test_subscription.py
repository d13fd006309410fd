"""A subscription and how many nodes the server lets it have."""

import asyncio
from typing import Any

import pytest
from asyncua import ua as typed_ua

from services.poller.sources.opcua.wire.subscription import Subscription

#: Its own number types are of no interest here.
ua: Any = typed_ua

TOO_MANY = ua.uaerrors.BadTooManyMonitoredItems


class Link:
    """A server of so many subscriptions, with so many items each and so many in all."""

    def __init__(
        self, subscriptions: int = 10, each: int = 4, all_items: int = 100, *, fails_whole: bool = False
    ) -> None:
        self.items: dict[int, list[int]] = {}
        self._subscriptions, self._each, self._all = subscriptions, each, all_items
        self._fails_whole = fails_whole
        self._made = 0

    async def create_subscription(self, _params: Any, _hear: Any) -> Any:
        if len(self.items) >= self._subscriptions:
            raise ua.uaerrors.BadTooManySubscriptions
        self._made += 1
        self.items[self._made] = []
        return ua.CreateSubscriptionResult(self._made, 100.0, 30, 10)

    async def delete_subscriptions(self, ids: list[int]) -> None:
        for number in ids:
            del self.items[number]

    async def create_monitored_items(self, request: Any) -> list[Any]:
        held, answers = self.items[request.SubscriptionId], []
        if self._fails_whole and len(held) + len(request.ItemsToCreate) > self._each:
            raise TOO_MANY
        for item in request.ItemsToCreate:
            fits = len(held) < self._each and sum(map(len, self.items.values())) < self._all
            held += [item.RequestedParameters.ClientHandle] if fits else []
            status = ua.StatusCode(ua.UInt32(0 if fits else TOO_MANY.code))
            answers.append(ua.MonitoredItemCreateResult(status, item.RequestedParameters.ClientHandle, 100.0, 10))
        return answers

    async def delete_monitored_items(self, request: Any) -> None:
        for number in request.MonitoredItemIds:
            self.items[request.SubscriptionId].remove(number)


def watch(link: Link, count: int) -> tuple[Subscription, dict[int, Any]]:
    async def run() -> tuple[Subscription, dict[int, Any]]:
        made = Subscription(link, ua.CreateSubscriptionParameters(), print, 3)
        await made.open()
        nodes = [(number, ua.NodeId(number, 2)) for number in range(count)]
        refused = await made.watch(nodes, ua.MonitoringParameters(SamplingInterval=100.0, QueueSize=10))
        return made, refused

    return asyncio.run(run())


def test_what_one_subscription_may_not_have_another_has() -> None:
    link = Link()
    made, refused = watch(link, 10)
    assert refused == {}
    assert [len(items) for items in link.items.values()] == [4, 4, 2]
    assert sorted(number for items in link.items.values() for number in items) == list(range(10))
    asyncio.run(made.leave_out([0, 5, 9]))
    assert sorted(number for items in link.items.values() for number in items) == [1, 2, 3, 4, 6, 7, 8]


@pytest.mark.parametrize(("link", "watched"), [(Link(subscriptions=2), 8), (Link(all_items=6), 6), (Link(each=0), 0)])
def test_where_no_more_fit_the_rest_is_refused_and_no_empty_subscription_is_left(link: Link, watched: int) -> None:
    made, refused = watch(link, 10)
    assert sum(map(len, link.items.values())) == watched
    assert len(refused) == 10 - watched
    assert {status.name for status in refused.values()} == {"BadTooManyMonitoredItems"}
    assert list(link.items) == made.ids
    assert all(items for items in [*link.items.values()][1:])


def test_a_server_that_refuses_the_whole_call_is_given_the_rest_elsewhere() -> None:
    link = Link(fails_whole=True)
    _, refused = watch(link, 10)
    assert refused == {}
    assert max(map(len, link.items.values())) <= 4
