"""The poller's side of HANDSHAKE: takes requests from Redis, has the group polled, and gives the outcome back."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from services.poller.faults import outlive
from services.poller.groups.fleet import Fleet
from services.poller.groups.triggers import OnRequest
from services.poller.handshake.requests import MAX_AGE_S, Claim, ClaimedRequest, PollRequests, decode_request
from services.poller.threads import in_own_thread
from shared.clock import Clock
from shared.errors import RedisUnavailableError, RejectedError
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.records.polling import PollOutcome
from shared.redis.link import RedisLink
from shared.texts import cut

#: Seconds that one wait in Redis lasts at most: a stop need not wait for longer.
_WAIT_S = 1.0

#: Requests that are carried out at a time.
_MAX_IN_HAND = 1000

T = TypeVar("T")
_log = get_logger()


class Handshake:
    """Serves the requests for one poller's groups."""

    def __init__(
        self, *, requests: PollRequests, fleet: Fleet, process: Heartbeat, link: RedisLink, clock: Clock, stop: StopFlag
    ) -> None:
        self._requests = requests
        self._fleet = fleet
        self._process = process
        self._link = link
        self._clock = clock
        self._stop = stop
        #: Requests in hand, and how often: who names no id asks in the same words each time.
        self._in_hand = Counter[bytes]()
        self._room = asyncio.Semaphore(_MAX_IN_HAND)

    async def run(self, named: asyncio.Event) -> None:
        """Serve until cancelled, from when the poller has its name."""
        await named.wait()
        async with asyncio.TaskGroup() as tasks:
            for forwarded in (True, False):
                tasks.create_task(outlive("the requests to poll", partial(self._serve, tasks, forwarded=forwarded)))

    async def _serve(self, tasks: asyncio.TaskGroup, *, forwarded: bool) -> None:
        left_behind = not forwarded
        while not self._stop.is_set():
            name = self._process.instance
            try:
                if left_behind:
                    behind = await in_own_thread(self._requests.claimed, name)
                    await self._begin(name, Claim([*(Counter(behind) - self._in_hand).elements()]), tasks)
                    left_behind = False
                claim = await in_own_thread(self._requests.claim, name, forwarded=forwarded, wait_s=_WAIT_S)
            except RedisUnavailableError as error:
                # One may have been taken whose name never came here.
                left_behind = True
                await in_own_thread(self._link.wait_until_there, self._stop, error)
                continue
            if claim.left_out:
                _log.warning(
                    f"Requests to poll are left out: {claim.left_out}, too large: up to {claim.largest_bytes} bytes"
                )
            await self._begin(name, claim, tasks)

    async def _begin(self, name: str, claim: Claim, tasks: asyncio.TaskGroup) -> None:
        """Begin to carry out requests; leave out what is none."""
        junk, why = [], ""
        for raw in claim.raws:
            try:
                claimed = ClaimedRequest(raw, decode_request(raw), claim.not_before_s)
            except RejectedError as error:
                junk.append(raw)
                why = cut(error)
            else:
                # Whoever floods the list waits: those in hand go first.
                await self._room.acquire()
                self._in_hand[raw] += 1
                tasks.create_task(self._carry_out(name, claimed))
        if junk:
            _log.warning(f"Requests to poll are left out: {len(junk)}, the last of them: {why}")
            await self._until_done(lambda: self._requests.drop(name, junk))

    async def _carry_out(self, name: str, claimed: ClaimedRequest) -> None:
        """Carry out one request; its fault is its own."""
        try:
            outcome = await self._outcome(name, claimed)
            if outcome is not None:
                await self._until_done(lambda: self._requests.settle(name, claimed, outcome))
        except Exception:  # noqa: BLE001 - unforeseen: it is logged with its traceback and costs this request alone
            _log.exception("A request could not be carried out, the others go on")
            with suppress(Exception):
                await self._until_done(lambda: self._requests.drop(name, [claimed.raw]))
        finally:
            self._in_hand -= Counter([claimed.raw])
            self._room.release()

    async def _outcome(self, name: str, claimed: ClaimedRequest) -> PollOutcome | None:
        """Return what became of a request; None when it was handed on."""
        wanted = claimed.request.group
        # As it says itself, but not older than the last empty list.
        at_most_s = self._clock.monotonic() - claimed.not_before_s
        if min(at_most_s, claimed.request.age_s(self._clock.now())) > MAX_AGE_S:
            return PollOutcome("expired", message=f"older than {MAX_AGE_S:g} s when a poller came to it: not polled")
        group = self._fleet.group(wanted)
        if group is None:
            refusal = await self._until_done(lambda: self._requests.hand_on(name, claimed))
            return PollOutcome("refused", message=refusal) if refusal else None
        if not isinstance(group.trigger, OnRequest):
            message = f"group '{cut(wanted)}' is not of mode HANDSHAKE: it polls by itself"
            return PollOutcome("refused", message=message)
        outcome = await asyncio.shield(group.trigger.ask())
        return replace(outcome, message=cut(outcome.message))

    async def _until_done(self, call: Callable[[], T]) -> T:
        while True:
            try:
                return await in_own_thread(call)
            except RedisUnavailableError as error:
                if not await in_own_thread(self._link.wait_until_there, self._stop, error):
                    raise asyncio.CancelledError from error
