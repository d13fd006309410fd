"""How the poller takes faults that are not its own: the unforeseen ends no more than itself."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from services.poller.news import Tell, nobody
from shared.errors import FatalError
from shared.logs import get_logger
from shared.records.events import Event
from shared.texts import cut

#: Seconds before a part of the poller that met the unforeseen goes on.
_PAUSE_S = 1.0

#: Seconds between two events of one part's unforeseen troubles: one each time would push all others out of the diary.
TELL_S = 60.0

_log = get_logger()


async def outlive(what: str, run: Callable[[], Awaitable[None]], tries: int | None = None, tell: Tell = nobody) -> None:
    """Run a part of the poller to its end; when it meets the unforeseen, log it with its traceback and run it anew.

    For a side path. What the poller can't do without gives `tries`: what is fatal is raised at once, and the
    unforeseen when it came so many times: what repeats does not go by, a new process may be the remedy.
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
