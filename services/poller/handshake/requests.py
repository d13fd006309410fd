"""Requests to poll a HANDSHAKE group once: their way through Redis, from whoever wants one to its outcome.

A request is JSON on the list `{ns}:poll_requests`: `{"group": "line 1", "request_id": "...", "requested_at": time}`,
all but the group optional. A poller moves it to a list of its own, polls, and writes the outcome to
`{ns}:poll_results:<request_id>`, a list of one element that expires: so the requester can wait for it in Redis. A
poller that gets another's request hands it on.

Anybody can write to that list. So nothing is read whole before its size is known, and what is no request, or too large
to be one, is left out, counted and said: it costs no other request anything.

How old a request is its requester says, by a clock that may be wrong. So who saw the list empty knows better: what is
there now came since.

A request is carried out once, or not at all: a poller that dies between taking and polling leaves it on its list, and
the next process of that name carries it out if it is not older than MAX_AGE_S, else answers that it expired. In both
cases, and when no process of that name comes, whoever waits is told so by the time that he was willing to wait.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import asdict

from shared.clock import monotonic
from shared.errors import AnswerTooLargeError, RejectedError
from shared.keys import Keys
from shared.models import stored_timestamp
from shared.queues.lightening import lighten
from shared.records.heartbeats import PollerStatus
from shared.records.polling import PollerGroup, PollOutcome, PollRequest, PollResult
from shared.records.reading import from_hash, from_json, json_array, to_json
from shared.redis.link import MAX_BLOCK_S, RedisLink
from shared.texts import cut

#: Seconds after which nobody waits for a poll any more: an older request is not carried out.
MAX_AGE_S = 10.0

#: Seconds that an outcome, and what a dead poller left, is kept.
KEPT_S = 60

#: Bytes of a request at most: a group's name, an id and a time are some hundred.
MAX_REQUEST_BYTES = 4096

#: Requests that one poller takes in one step, and that wait for another one's attention at most.
MAX_AT_ONCE, MAX_FORWARDED = 100, 10_000

#: Services that beat last among which a group's poller is sought.
_MAX_SERVICES = 5_000

#: Seconds for which it is believed who has which group: a flood of requests must not have all heartbeats read for each.
_OWNERS_AGE_S = 0.5


@dataclass(frozen=True)
class ClaimedRequest:
    """A request in a poller's hands: what stands on its list, and what that means."""

    raw: bytes
    request: PollRequest
    not_before_s: float = -math.inf  #: as of its claim


@dataclass(frozen=True)
class Claim:
    """What one look at a list of requests found: requests, and how many were too large to be one."""

    raws: list[bytes] = field(default_factory=list)
    left_out: int = 0
    largest_bytes: int = 0
    #: When the list was empty last, in seconds of the monotonic clock: they came since.
    not_before_s: float = field(default=-math.inf, compare=False)


def decode_request(raw: bytes) -> PollRequest:
    """Return the request that these bytes hold; unknown keys are ignored.

    Raises: RejectedError: it is none; the text says why.
    """
    if len(raw) > MAX_REQUEST_BYTES:
        raise RejectedError(f"not a poll request: {len(raw)} bytes, above {MAX_REQUEST_BYTES}")
    try:
        request = msgspec.json.decode(raw, type=PollRequest)
        stored_timestamp(request.requested_at)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise RejectedError(f"not a poll request: {error}") from error
    return request


class PollRequests:
    """The requests of one namespace. Everything raises RedisUnavailableError and may be repeated."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        #: What was no request, ever.
        self.rejected = 0
        self._empty_at_s: dict[str, float] = {}
        self._owners: dict[str, str] = {}
        self._owners_since_s = -math.inf

    def ask(self, group: str) -> str:
        """Ask for one poll of a group; return the request's id."""
        request = PollRequest(group=group)
        self._link.command("RPUSH", self._keys.poll_requests, to_json(request))
        return request.request_id

    def outcome(self, request_id: str, wait_s: float) -> PollResult | None:
        """Wait for the outcome of a request; None when there was none in time. It can be read again for a minute."""
        key = self._keys.poll_result(request_id)
        while not self._link.wait_for_element(key, wait_s):
            wait_s -= MAX_BLOCK_S
            if wait_s <= 0:
                return None
        return from_json(PollResult, self._link.command("LINDEX", key, 0))

    def claim(self, poller: str, *, forwarded: bool, wait_s: float) -> Claim:
        """Wait for requests and move them to this poller's list."""
        keys = self._keys
        source = keys.forwarded_poll_requests(poller) if forwarded else keys.poll_requests
        claim = self._claim(source, poller)
        if claim == Claim():
            self._link.wait_for_element(source, wait_s)
            claim = self._claim(source, poller)
        return claim

    def _claim(self, source: str, poller: str) -> Claim:
        began_s, not_before_s = monotonic(), self._empty_at_s.get(source, -math.inf)
        left_out, largest, *raws = self._link.run(
            "claim_poll_requests",
            [source, self._keys.claimed_poll_requests(poller)],
            [MAX_AT_ONCE, MAX_REQUEST_BYTES, KEPT_S],
        )
        self.rejected += left_out
        if left_out + len(raws) < MAX_AT_ONCE:
            self._empty_at_s[source] = began_s
        return Claim(raws, left_out, largest, not_before_s)

    def claimed(self, poller: str) -> list[bytes]:
        """Return what stands on a poller's list: also what an earlier process, or a lost reply, left there."""
        claimed = self._keys.claimed_poll_requests(poller)
        try:
            raws: list[bytes] = self._link.command("LRANGE", claimed, 0, MAX_FORWARDED)
        except AnswerTooLargeError:
            kept = lighten(self._link, claimed, most=MAX_FORWARDED, longest_bytes=MAX_REQUEST_BYTES)
            raws = self._link.command("LRANGE", claimed, 0, kept - 1)
        return raws

    def settle(self, poller: str, claimed: ClaimedRequest, outcome: PollOutcome) -> None:
        """Write the outcome and take the request off the poller's list, in one step."""
        result = self._keys.poll_result(claimed.request.request_id)
        told = PollResult(**asdict(claimed.request), **asdict(outcome), poller=poller)
        self._link.commands(
            ("DEL", result),
            ("RPUSH", result, to_json(told)),
            ("EXPIRE", result, KEPT_S),
            ("LREM", self._keys.claimed_poll_requests(poller), 1, claimed.raw),
        )

    def drop(self, poller: str, raws: Sequence[bytes]) -> None:
        """Take off the poller's list what is no request."""
        claimed = self._keys.claimed_poll_requests(poller)
        self._link.commands(*(("LREM", claimed, 1, raw) for raw in raws))
        self.rejected += len(raws)

    def hand_on(self, poller: str, claimed: ClaimedRequest) -> str | None:
        """Give a request to the living poller whose group it is; return why not, None when it was."""
        owner = self.owner(claimed.request.group)
        if owner is None or owner == poller:
            return f"no poller has a group '{cut(claimed.request.group)}'"
        target = self._keys.forwarded_poll_requests(owner)
        if self._link.command("LLEN", target) >= MAX_FORWARDED:
            return f"{MAX_FORWARDED} requests wait for poller {owner} already"
        self._link.commands(
            ("RPUSH", target, claimed.raw),
            ("EXPIRE", target, KEPT_S),
            ("LREM", self._keys.claimed_poll_requests(poller), 1, claimed.raw),
        )
        return None

    def owner(self, group: str) -> str | None:
        """Return the living poller that polls a group; None when none says so."""
        if monotonic() - self._owners_since_s > _OWNERS_AGE_S:
            self._owners = self._find_owners()
            self._owners_since_s = monotonic()
        return self._owners.get(group)

    def _find_owners(self) -> dict[str, str]:
        owners: dict[str, str] = {}
        for member in self._link.command("ZRANGE", self._keys.services, -_MAX_SERVICES, -1):
            role, _, instance = member.decode(errors="replace").partition(":")
            if role == "poller":
                status = from_hash(PollerStatus, self._link.hash(self._keys.service(role, instance))) or PollerStatus()
                groups = (from_json(PollerGroup, bytes(raw)) for raw in json_array(status.groups))
                owners |= {group.name: instance for group in groups if group is not None}
        return owners
