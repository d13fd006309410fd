"""What a subscription is told, and what it makes of what it is not told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua as typed_ua

from services.poller.sources.opcua import subscribed
from services.poller.sources.opcua.model import OpcuaModel
from services.poller.sources.opcua.subscribed import SubscribedServer

#: Its own number types are of no interest here.
ua: Any = typed_ua

LAST = 2**32 - 1


@pytest.fixture
def server() -> SubscribedServer:
    model = OpcuaModel.model_validate({"type": "opcua", "url": "opc.tcp://plc:4840", "tags": ["i=1"]})
    made = SubscribedServer(model, "line", 0.1, Path())
    made.addresses = ["a"]
    return made


def tell(server: SubscribedServer, number: int, values: tuple[int, ...] = (1,)) -> None:
    """Publish changes of the one tag, or without any that there are none."""
    items = [ua.MonitoredItemNotification(ua.IntegerId(0), ua.DataValue(ua.Variant(value))) for value in values]
    message = ua.NotificationMessage(number, NotificationData=[ua.DataChangeNotification(items)] if items else [])
    server._take_in(ua.PublishResult(NotificationMessage=message))


def keep_alive(server: SubscribedServer, number: int) -> None:
    tell(server, number, ())


@pytest.mark.parametrize(
    ("numbers", "missed"),
    [
        ([(tell, 1), (tell, 2), (keep_alive, 3), (keep_alive, 3), (tell, 3)], 0),
        ([(keep_alive, 1), (tell, 1), (tell, 3)], 1),
        ([(tell, 1), (keep_alive, 4), (keep_alive, 4), (tell, 4)], 2),
        ([(tell, LAST), (tell, 1), (keep_alive, 2)], 0),
        ([(tell, LAST - 1), (tell, 2)], 2),
        ([(tell, LAST), (keep_alive, 3)], 2),
        # As some servers have it: the number of the last one instead of the next, or none.
        ([(tell, 5), (keep_alive, 5), (keep_alive, 0), (tell, 6)], 0),
    ],
)
def test_publishings_that_never_came_are_noticed_by_the_next_number_whatever_it_comes_with(
    server: SubscribedServer, numbers: list[tuple[Callable[[SubscribedServer, int], None], int]], missed: int
) -> None:
    """Kind: a loss that nobody notices while nothing else comes; or where a number begins anew."""
    for publish, number in numbers:
        publish(server, number)
    assert server.status()["publishes_missed"] == missed
    assert server._is_gap == (missed > 0)


def test_after_changes_that_found_no_room_all_tags_are_read_once_the_others_are_handed_on(
    server: SubscribedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a loss that is counted and not made good."""
    monkeypatch.setattr(subscribed, "MAX_CHANGES", 2)
    tell(server, 1, (1, 2, 3))
    handed_on = [(server._take().values, server._is_gap) for _ in range(2)]
    assert handed_on == [({"a": 2}, False), ({"a": 3}, True)]
    assert server.status()["changes_dropped"] == 1
