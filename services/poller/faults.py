"""How the poller takes faults that are not its own: texts are cut, and the unforeseen ends no more than itself."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from shared.errors import FatalError
from shared.events import Event
from shared.logs import get_logger

#: Characters of a text from outside that go on: as a reason, in a log line, in the heartbeat.
MAX_TEXT = 300

#: Seconds before a part of the poller that met the unforeseen goes on.
_PAUSE_S = 1.0

#: Seconds between two events of one part's unforeseen troubles: one each time would push all others out of the diary.
TELL_S = 60.0

_log = get_logger()


def nobody(kind: Event, message: str) -> None:
    """Hear nothing."""
    del kind, message


def cut(text: object) -> str:
    r"""Return a text from outside as one that any log, JSON or terminal takes: of bounded length, and all UTF-8.

    >>> cut("x" * 400)[-21:], cut("caf\udce9")
    ('x... (400 characters)', 'caf\\udce9')
    """
    try:
        whole = str(text)
    except Exception as error:  # noqa: BLE001 - of a type that nobody knows, or an integer of 5,000 digits
        whole = f"a {type(text).__name__} without a text of its own ({type(error).__name__})"
    shown = whole if len(whole) <= MAX_TEXT else f"{whole[:MAX_TEXT]}... ({len(whole)} characters)"
    return shown.encode(errors="backslashreplace").decode()


async def outlive(
    what: str, run: Callable[[], Awaitable[None]], tries: int | None = None, tell: Callable[[Event, str], None] = nobody
) -> None:
    """Run a part of the poller to its end; when it meets the unforeseen, log it with its traceback and run it anew.

    For a side path. What the poller can't do without gives `tries`: what is fatal is raised at once, and the
    unforeseen when it came so many times: what repeats does not go by, a new process may be the cure.
    """
    failures, told_s = 0, -math.inf
    while True:
        try:
            return await run()
        except Exception as error:
            failures += 1
            if tries is not None and (failures > tries or isinstance(error, FatalError)):
                raise
            _log.exception(f"Unforeseen in {what}: it goes on in {_PAUSE_S:g} s", kind=what)
            if time.monotonic() - told_s >= TELL_S:
                told_s = time.monotonic()
                tell(Event.FAULT, cut(f"Unforeseen in {what}: {type(error).__name__}: {error}"))
            await asyncio.sleep(_PAUSE_S)
