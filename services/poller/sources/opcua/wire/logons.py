"""Logons with a password, of all groups of a poller together: what a server refused is not tried by each of them.

A server counts: after five refusals it may lock the account, or this client with all that it reads, and each try may
lengthen that. So of those that want the same logon one tries, and after a refusal ever more seldom.

Source: OPC UA Part 4, 7.40: a server "shall lock out Client applications after five failures".
"""

import asyncio
import math
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from asyncua import ua

from shared.backoff import doubled_s
from shared.clock import Clock

#: Refusals of the user or his password.
REFUSED = (
    ua.uaerrors.BadUserAccessDenied,
    ua.uaerrors.BadIdentityTokenRejected,
    ua.uaerrors.BadIdentityTokenInvalid,
)

#: Seconds until a refused logon is tried again: the first time, doubled each time up to the last.
_FIRST_S, _LAST_S = 30.0, 600.0

#: Seconds that a group waits at most for another one that tries: a server that is away answers nobody.
_PATIENCE_S = 2.0


@dataclass
class _Logon:
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    refusals: int = 0
    refusal: type[Exception] | None = None
    refused_until_s: float = -math.inf


_logons: dict[Hashable, _Logon] = {}


@asynccontextmanager
async def one_for_all(who: Hashable, clock: Clock) -> AsyncIterator[None]:
    """Log on within the block. `who`: server, user and password.

    Raises: what the server said when it refused this last, without being asked again so soon.
    """
    logon = _logons.setdefault((asyncio.get_running_loop(), who), _Logon())
    has_turn = await _comes(logon.turn)
    try:
        if logon.refusal is not None and clock.monotonic() < logon.refused_until_s:
            raise logon.refusal
        try:
            yield
        except REFUSED as error:
            logon.refusals, logon.refusal = logon.refusals + 1, type(error)
            logon.refused_until_s = clock.monotonic() + doubled_s(_FIRST_S, logon.refusals, _LAST_S)
            raise
        logon.refusals, logon.refusal = 0, None
    finally:
        if has_turn:
            logon.turn.release()


async def _comes(turn: asyncio.Semaphore) -> bool:
    try:
        await asyncio.wait_for(turn.acquire(), _PATIENCE_S)
    except TimeoutError:
        return False
    return True
