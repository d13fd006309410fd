"""A session's subscription: what the server answers instead of changes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from asyncua import ua as typed_ua

from services.poller.sources.opcua.wire.faults import Faults
from services.poller.sources.opcua.wire.session import Session
from tests.fakes import FakeClock

#: Its own number types are of no interest here.
ua: Any = typed_ua


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (ua.uaerrors.BadNoSubscription, ["gone"]),
        (ua.uaerrors.BadTcpMessageTooLarge, ["unreadable"]),
        (ua.uaerrors.BadSessionClosed, []),
    ],
)
def test_a_server_that_has_no_subscription_any_more_is_heard_at_once(answer: type[Exception], heard: list[str]) -> None:
    """Kind: a library that keeps silent to the one who waits: a plant stood still until the client was started anew;
    here it took fifteen seconds of silence, whose changes nobody counted.
    """

    class Link:
        async def publish(self, _acknowledged: Any) -> None:
            raise answer

        async def create_subscription(self, _params: Any, _hear: Any) -> Any:
            return ua.CreateSubscriptionResult(1, 100.0, 30, 10)

    told: list[str] = []

    async def run() -> None:
        link = Link()
        client: Any = SimpleNamespace(
            uaclient=SimpleNamespace(session=link), server_url=SimpleNamespace(geturl=lambda: "opc.tcp://plc:4840")
        )
        session = Session(client, 100, Faults(FakeClock(), told.append))
        await session.subscribe(
            ua.CreateSubscriptionParameters(), print, lambda: told.append("unreadable"), lambda _: told.append("gone")
        )
        with pytest.raises(answer):
            await link.publish([])

    asyncio.run(run())
    assert told == heard
