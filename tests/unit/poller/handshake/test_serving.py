"""The loop that serves requests to poll, without Redis: each is carried out once, and its fault is its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from services.poller.groups import triggers
from services.poller.handshake import serving as module
from services.poller.handshake.requests import MAX_AGE_S, Claim, ClaimedRequest, PollRequests
from services.poller.handshake.serving import Handshake
from services.poller.source import Reading
from shared.errors import RedisUnavailableError
from shared.lifecycle import StopFlag
from shared.records.polling import PollOutcome, PollRequest
from shared.records.reading import to_json
from tests.fakes import EPOCH, FakeClock
from tests.unit.poller.fleets import BackAtOnce, config_of, fleet_of, named_heartbeat, until

AWAY = RedisUnavailableError("away")


def asked(name: str, request_id: str = "r1") -> bytes:
    return to_json(PollRequest(group=name, request_id=request_id, requested_at=EPOCH.isoformat())).encode()


class ScriptedRequests(PollRequests):
    """Hands out what it was given, once; raises what stands between, in the calls that it is told of."""

    def __init__(self, *claims: Claim | Exception, left_behind: Sequence[bytes] = ()) -> None:
        self._claims = list(claims)
        self._left_behind = [*left_behind]
        self.outcomes: list[tuple[str, PollOutcome]] = []
        self.dropped: list[bytes] = []
        self.handed_on: list[str] = []
        self.refusal: str | None = None
        #: Raised by the next calls that write.
        self.troubles: list[Exception] = []
        #: Requests that nothing can be written of, for a reason that nobody foresaw.
        self.cursed: set[str | bytes] = set()
        self.looks_behind = self.looks = 0

    def claim(self, poller: str, *, forwarded: bool, wait_s: float) -> Claim:
        assert (poller, wait_s) == ("poller-1", module._WAIT_S)
        self.looks += not forwarded
        if forwarded or not self._claims:
            return Claim()
        step = self._claims.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def claimed(self, poller: str) -> list[bytes]:
        assert poller == "poller-1"
        self.looks_behind += 1
        return self._left_behind

    def settle(self, poller: str, claimed: ClaimedRequest, outcome: PollOutcome) -> None:
        assert poller == "poller-1"
        self._meet_trouble(claimed.request.request_id)
        self.outcomes.append((claimed.request.request_id, outcome))

    def drop(self, poller: str, raws: Sequence[bytes]) -> None:
        assert poller == "poller-1"
        self._meet_trouble(*raws)
        self.dropped += raws

    def hand_on(self, poller: str, claimed: ClaimedRequest) -> str | None:
        assert poller == "poller-1"
        self._meet_trouble()
        if self.refusal is None:
            self.handed_on.append(claimed.request.request_id)
        return self.refusal

    def _meet_trouble(self, *whose: str | bytes) -> None:
        if self.cursed.intersection(whose):
            raise ZeroDivisionError("nobody foresaw this")
        if self.troubles:
            raise self.troubles.pop(0)


class Serving:
    """A poller that serves, with the groups `line` (HANDSHAKE) and `clock` (FIXED)."""

    def __init__(self, requests: ScriptedRequests) -> None:
        self.requests, self.link, self.clock = requests, BackAtOnce(), FakeClock(0.0)
        self.fleet = fleet_of(Path())
        self.handshake = Handshake(
            requests=requests,
            fleet=self.fleet,
            process=named_heartbeat(),
            link=self.link,
            clock=self.clock,
            stop=StopFlag(),
        )

    async def outcomes(self, count: int = 1) -> list[tuple[str, str, str]]:
        """Return what became of so many requests: id, state, message."""
        await until(lambda: len(self.requests.outcomes) >= count)
        return [(request, outcome.state, outcome.message) for request, outcome in self.requests.outcomes]


@asynccontextmanager
async def serving(requests: ScriptedRequests) -> AsyncIterator[Serving]:
    found = Serving(requests)
    named = asyncio.Event()
    named.set()
    async with asyncio.TaskGroup() as tasks:
        found.fleet.start([config_of("line"), config_of("clock", "FIXED")], tasks)
        running = tasks.create_task(found.handshake.run(named))
        yield found
        found.fleet.cancel()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def test_a_request_has_its_group_polled_and_gets_the_outcome() -> None:
    async def run() -> None:
        async with serving(ScriptedRequests(Claim([asked("line")]))) as found:
            assert await found.outcomes() == [("r1", "read", "")]
            assert found.requests.outcomes[0][1].values == 3

    asyncio.run(run())


def test_nothing_is_asked_for_before_the_poller_has_its_name() -> None:
    async def run() -> None:
        requests = ScriptedRequests(Claim([asked("line")]))
        serves = asyncio.create_task(Serving(requests).handshake.run(asyncio.Event()))
        for _ in range(20):
            await asyncio.sleep(0)
        assert requests.looks_behind == 0
        serves.cancel()

    asyncio.run(run())


def test_what_an_earlier_process_left_is_carried_out_first_and_an_old_one_expires() -> None:
    async def run() -> None:
        requests = ScriptedRequests(Claim([asked("line", "new")]), left_behind=[asked("line", "old")])
        async with serving(requests) as found:
            found.clock.advance(MAX_AGE_S + 1)
            expired = f"older than {MAX_AGE_S:g} s when a poller came to it: not polled"
            assert sorted(await found.outcomes(2)) == [("new", "expired", expired), ("old", "expired", expired)]
            assert found.fleet.groups[0].status.polls == 0

    asyncio.run(run())


def test_a_group_that_polls_by_itself_is_refused_and_one_of_another_poller_handed_on() -> None:
    async def run() -> None:
        requests = ScriptedRequests(Claim([asked("clock", "fixed"), asked("elsewhere", "on")]))
        async with serving(requests) as found:
            message = "group 'clock' is not of mode HANDSHAKE: it polls by itself"
            assert await found.outcomes() == [("fixed", "refused", message)]
            await until(lambda: requests.handed_on == ["on"])

    asyncio.run(run())


def test_who_asks_for_a_group_that_nobody_has_is_told_so() -> None:
    async def run() -> None:
        requests = ScriptedRequests(Claim([asked("nowhere")]))
        requests.refusal = "no poller has a group 'nowhere'"
        async with serving(requests) as found:
            assert await found.outcomes() == [("r1", "refused", "no poller has a group 'nowhere'")]

    asyncio.run(run())


def test_what_is_no_request_is_dropped_and_costs_no_other_anything() -> None:
    async def run() -> None:
        requests = ScriptedRequests(Claim([b"junk", asked("line"), b"{}"], left_out=1, largest_bytes=9999))
        async with serving(requests) as found:
            assert await found.outcomes() == [("r1", "read", "")]
            assert requests.dropped == [b"junk", b"{}"]

    asyncio.run(run())


def test_while_redis_is_away_an_outcome_waits_and_its_poll_is_not_made_again() -> None:
    async def run() -> None:
        requests = ScriptedRequests(Claim([asked("line")]))
        requests.troubles = [AWAY, AWAY]
        async with serving(requests) as found:
            assert await found.outcomes() == [("r1", "read", "")]
            assert found.link.causes == [AWAY, AWAY]
            assert found.fleet.groups[0].status.polls == 1

    asyncio.run(run())


def test_after_a_lost_reply_the_own_list_is_looked_at_again_and_what_is_in_hand_not_taken_twice() -> None:
    """Kind: a request that was taken, whose name never came here, waits until the process ends."""

    async def run() -> None:
        requests = ScriptedRequests(AWAY, AWAY, left_behind=[asked("line")])
        async with serving(requests) as found:
            assert (await found.outcomes())[0] == ("r1", "read", "")
            await until(lambda: requests.looks_behind >= 3)
            assert found.link.causes == [AWAY, AWAY]

    asyncio.run(run())


def test_who_asks_again_in_the_same_words_while_a_poll_runs_has_another_one_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kind: two wishes taken for one said twice. Who gives no id says the same each time: the second was passed over as
    one in hand, its poll was never made, and it stood on the poller's list, which became longer with each.
    """
    monkeypatch.setattr(triggers, "MERGE_S", 0.0)
    raw = b'{"group": "line"}'

    async def run() -> None:
        requests = ScriptedRequests(Claim([raw]), Claim([raw]))
        async with serving(requests) as found:
            group = found.fleet.groups[0]
            goes_on, read = asyncio.Event(), group.source.read

            async def slow() -> Reading | None:
                await goes_on.wait()
                return await read()

            monkeypatch.setattr(group.source, "read", slow)
            await until(lambda: requests.looks >= 3)
            goes_on.set()
            assert [state for _, state, _ in await found.outcomes(2)] == ["read", "read"]
            assert group.status.polls == 2

    asyncio.run(run())


@pytest.mark.parametrize("again", [False, True])
def test_the_unforeseen_costs_its_request_alone(*, again: bool) -> None:
    """Kind: an error that nobody foresaw ends the serving of all requests. `again`: dropping it fails as well."""

    async def run() -> None:
        first, second = asked("line", "first"), asked("line", "second")
        requests = ScriptedRequests(Claim([first]), Claim([second]))
        requests.cursed = {"first", first} if again else {"first"}
        async with serving(requests) as found:
            assert [request for request, *_ in await found.outcomes()] == ["second"]
            await until(lambda: again or requests.dropped == [first])

    asyncio.run(run())
