import asyncio
from typing import Any

import pytest

from services.monitor.api import stream as module
from services.monitor.api.answers.listings import StreamSnapshot
from services.monitor.api.state import Newest, State
from services.monitor.api.stream import Stream, make_snapshot
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessor
from services.monitor.settings import MonitorSettings
from shared.settings.models import BufferSettings
from tests.fakes import FakeClock
from tests.unit.monitor.overviews import healthy_overview

SETTINGS = MonitorSettings.model_validate({})


@pytest.fixture
def newest() -> Newest:
    return Newest(FakeClock())


def read(newest: Newest) -> None:
    newest.publish(Assessor(SETTINGS).assess(healthy_overview()))


def test_last_known_figures_are_shown_as_stale_while_redis_is_away(newest: Newest) -> None:
    before = make_snapshot(newest.state, SETTINGS)
    read(newest)
    there = make_snapshot(newest.state, SETTINGS)
    newest.fail("connection refused")
    away = make_snapshot(newest.state, SETTINGS)
    assert (before.stale, before.buffer) == (True, None)
    assert (there.stale, there.error) == (False, None)
    assert away.stale
    assert away.error is not None
    assert away.ledger == there.ledger is not None


def events(stream: Stream, closing: asyncio.Event, count: int) -> list[Any]:
    """Return the first events of one client, then close the server."""

    async def listen() -> list[Any]:
        seen = []
        async for event in stream.events():
            seen.append(event)
            if len(seen) == count:
                closing.set()
        return seen

    return asyncio.run(listen())


def test_snapshot_is_encoded_once_for_all_clients_of_a_state(newest: Newest) -> None:
    read(newest)
    closing = asyncio.Event()
    stream = Stream(Whole([newest]), SETTINGS, closing)
    (first,) = events(stream, closing, 1)
    closing.clear()
    (second,) = events(stream, closing, 1)
    assert first is second


def test_stream_goes_on_after_a_snapshot_that_can_not_be_made(newest: Newest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: one fault ends what everybody listens to."""
    read(newest)
    is_broken = iter([True, False])

    def make(state: State, settings: BufferSettings) -> StreamSnapshot:
        assert not next(is_broken), "the first can't be made"
        return make_snapshot(state, settings)

    monkeypatch.setattr(module, "make_snapshot", make)
    monkeypatch.setattr(module, "STREAM_INTERVAL_S", 0.001)
    closing = asyncio.Event()
    assert len(events(Stream(Whole([newest]), SETTINGS, closing), closing, 1)) == 1


def test_stream_ends_when_the_server_closes(newest: Newest) -> None:
    read(newest)
    closing = asyncio.Event()
    assert len(events(Stream(Whole([newest]), SETTINGS, closing), closing, 1)) == 1
    assert events(Stream(Whole([newest]), SETTINGS, closing), closing, 1) == []
