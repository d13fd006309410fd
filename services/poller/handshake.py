"""The poller's side of HANDSHAKE: takes requests from Redis, has the group polled, and gives the outcome back."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from services.poller.fleet import Fleet
from services.poller.pulse import Pulse
from services.poller.requests import MAX_AGE_S, PollRequests, Taken, decode_request
from services.poller.sender import Link
from services.poller.triggers import OnRequest
from shared.clock import Clock
from shared.errors import RedisUnavailableError, RejectedError
from shared.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.logs import get_logger

#: Seconds that one wait in Redis lasts at most: a stop need not wait for longer.
_WAIT_S = 1.0

T = TypeVar("T")
_log = get_logger()


class Handshake:
    """Serves the requests for one poller's groups."""

    def __init__(
        self, requests: PollRequests, fleet: Fleet, heartbeat: Heartbeat, link: Link, clock: Clock, stop: StopFlag
    ) -> None:
        self._requests = requests
        self._fleet = fleet
        self._heartbeat = heartbeat
        self._link = link
        self._clock = clock
        self._stop = stop
        self._in_hand: set[bytes] = set()
        #: Requests answered, and those that nobody could understand.
        self.answered = self.rejected = 0

    async def run(self, pulse: Pulse) -> None:
        """Serve until cancelled, from when the poller has its name."""
        await pulse.named.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve(tasks, forwarded=True))
            tasks.create_task(self._serve(tasks, forwarded=False))

    async def _serve(self, tasks: asyncio.TaskGroup, *, forwarded: bool) -> None:
        left_behind = not forwarded
        while not self._stop.is_set():
            name = self._heartbeat.instance
            try:
                if left_behind:
                    for raw in await asyncio.to_thread(self._requests.taken, name):
                        self._begin(name, raw, tasks)
                    left_behind = False
                raw_or_none = await asyncio.to_thread(self._requests.take, name, forwarded=forwarded, wait_s=_WAIT_S)
                if raw_or_none is not None:
                    self._begin(name, raw_or_none, tasks)
            except RedisUnavailableError as error:
                # One may have been taken whose name never came here.
                left_behind = True
                await asyncio.to_thread(self._link.wait_until_there, self._stop, error)

    def _begin(self, name: str, raw: bytes, tasks: asyncio.TaskGroup) -> None:
        if raw not in self._in_hand:
            self._in_hand.add(raw)
            tasks.create_task(self._carry_out(name, raw))

    async def _carry_out(self, name: str, raw: bytes) -> None:
        try:
            taken = Taken(raw, decode_request(raw))
        except RejectedError as error:
            self.rejected += 1
            _log.warning(f"A request is left out: {error}")
            await self._until_done(lambda: self._requests.drop(name, raw))
        else:
            outcome = await self._outcome(name, taken)
            if outcome is not None:
                await self._until_done(lambda: self._requests.settle(name, taken, outcome))
                self.answered += 1
        self._in_hand.discard(raw)

    async def _outcome(self, name: str, taken: Taken) -> dict[str, Any] | None:
        """Return what became of a request; None when it was handed on."""
        wanted = taken.request.group
        if taken.request.age_s(self._clock.now()) > MAX_AGE_S:
            return {"state": "expired", "message": f"older than {MAX_AGE_S:g} s when a poller came to it: not polled"}
        group = self._fleet.group(wanted)
        if group is None:
            if await self._until_done(lambda: self._requests.hand_on(name, taken)):
                return None
            return {"state": "refused", "message": f"no poller has a group '{wanted}'"}
        if not isinstance(group.trigger, OnRequest):
            return {"state": "refused", "message": f"group '{wanted}' is not of mode HANDSHAKE: it polls by itself"}
        return asdict(await asyncio.shield(group.trigger.ask()))

    async def _until_done(self, call: Callable[[], T]) -> T:
        while True:
            try:
                return await asyncio.to_thread(call)
            except RedisUnavailableError as error:
                if not await asyncio.to_thread(self._link.wait_until_there, self._stop, error):
                    raise asyncio.CancelledError from error
