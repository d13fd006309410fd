"""A part of the poller outlives the unforeseen; what repeats in a part that it can't do without ends the process."""

import asyncio
from collections.abc import Iterable

import pytest
from structlog.testing import capture_logs

from services.poller import faults
from services.poller.faults import outlive
from shared.errors import FatalError
from shared.records.events import Event
from shared.texts import TEXT_LIMIT, cut


class Part:
    """Fails as it is told, then comes to its end."""

    def __init__(self, errors: Iterable[Exception]) -> None:
        self._errors = list(errors)
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        if self._errors:
            raise self._errors.pop(0)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_PAUSE_S", 0)


def test_the_unforeseen_is_logged_with_its_traceback_told_once_a_minute_and_outlived() -> None:
    """Kind: a side path that ends the main one."""
    part, told = Part([KeyError(1), FatalError("WRONGTYPE"), ExceptionGroup("two", [ValueError("a")])]), list[str]()

    def tell(kind: Event, message: str) -> None:
        assert kind is Event.FAULT
        told.append(message)

    with capture_logs() as logs:
        asyncio.run(outlive("the requests", part.run, tell=tell))
    assert part.runs == 4
    assert [bool(log["exc_info"]) for log in logs] == [True] * 3
    assert told == ["Unforeseen in the requests: KeyError: 1"]


def test_what_the_poller_can_not_do_without_is_tried_so_often_and_what_is_fatal_never() -> None:
    part = Part([KeyError(number) for number in range(9)])
    with capture_logs(), pytest.raises(KeyError):
        asyncio.run(outlive("sending", part.run, 3))
    assert part.runs == 4
    fatal = Part([FatalError("stop")])
    with pytest.raises(FatalError):
        asyncio.run(outlive("sending", fatal.run, 3))
    assert fatal.runs == 1


def test_a_text_from_outside_is_cut_and_always_utf_8() -> None:
    class Mute:
        def __str__(self) -> str:
            raise UnicodeError

    assert cut("short") == "short"
    assert len(cut("x" * 1_000_000)) < TEXT_LIMIT + 30
    assert cut("caf\udce9") == "caf\\udce9"
    assert cut(Mute()) == "a Mute without a text of its own (UnicodeError)"
