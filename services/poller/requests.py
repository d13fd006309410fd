"""Requests to poll a HANDSHAKE group once: their way through Redis, from whoever wants one to its outcome.

A request is JSON on the list `{ns}:poll_requests`: `{"group": "line 1", "request_id": "...", "requested_at": time}`,
all but the group optional. A poller moves it to a list of its own, polls, and writes the outcome to
`{ns}:poll_results:<request_id>`, a list of one element that expires: so the requester can wait for it in Redis. A
poller that gets another's request hands it on.

A request is carried out once, or not at all: a poller that dies between taking and polling leaves it on its list, and
the next process of that name carries it out if it is not older than MAX_AGE_S, else answers that it expired. In both
cases, and when no process of that name comes, whoever waits is told so by the time that he was willing to wait.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import msgspec

from shared.errors import RejectedError
from shared.keys import Keys
from shared.models import stored_timestamp
from shared.redis_link import MAX_BLOCK_S, RedisLink

#: Seconds after which nobody waits for a poll any more: an older request is not carried out.
MAX_AGE_S = 10.0

#: Seconds that an outcome, and what a dead poller left, is kept.
KEPT_S = 60


class PollRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request."""

    group: str
    request_id: str = msgspec.field(default_factory=lambda: token_hex(8))
    requested_at: str = msgspec.field(default_factory=lambda: datetime.now(UTC).isoformat())

    def age_s(self, now: datetime) -> float:
        """Return how many seconds ago it was made; a clock that is ahead counts as now."""
        return max(
            0.0, (now.astimezone(UTC).replace(tzinfo=None) - stored_timestamp(self.requested_at)).total_seconds()
        )


@dataclass(frozen=True)
class Taken:
    """A request in a poller's hands: what stands on its list, and what that means."""

    raw: bytes
    request: PollRequest


def decode_request(raw: bytes) -> PollRequest:
    """Return the request that these bytes hold; unknown keys are ignored.

    Raises: RejectedError: it is none; the text says why.
    """
    try:
        request = msgspec.json.decode(raw, type=PollRequest)
        stored_timestamp(request.requested_at)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise RejectedError(f"not a poll request: {error}") from error
    return request


class PollRequests:
    """The requests of one namespace. Everything raises RedisUnavailableError and may be repeated."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    def ask(self, group: str) -> str:
        """Ask for one poll of a group; return the request's id."""
        request = PollRequest(group=group)
        self._link.command("RPUSH", self._keys.poll_requests, msgspec.json.encode(request))
        return request.request_id

    def outcome(self, request_id: str, wait_s: float) -> dict[str, Any] | None:
        """Wait for the outcome of a request; None when there was none in time. It can be read again for a minute."""
        key = self._keys.poll_result(request_id)
        while not self._link.blocking_peek(key, wait_s):
            wait_s -= MAX_BLOCK_S
            if wait_s <= 0:
                return None
        found: dict[str, Any] = json.loads(self._link.command("LINDEX", key, 0) or b"null")
        return found

    def take(self, poller: str, *, forwarded: bool, wait_s: float) -> bytes | None:
        """Wait for a request and move it to this poller's list."""
        keys = self._keys
        source = keys.forwarded_poll_requests(poller) if forwarded else keys.poll_requests
        target = keys.claimed_poll_requests(poller)
        raw: bytes | None = self._link.command("BLMOVE", source, target, "LEFT", "RIGHT", max(0.001, wait_s))
        if raw is not None:
            self._link.command("EXPIRE", target, KEPT_S)
        return raw

    def taken(self, poller: str) -> list[bytes]:
        """Return what stands on a poller's list: also what an earlier process, or a lost reply, left there."""
        return list(self._link.command("LRANGE", self._keys.claimed_poll_requests(poller), 0, -1))

    def settle(self, poller: str, taken: Taken, outcome: Mapping[str, Any]) -> None:
        """Write the outcome and take the request off the poller's list, in one step."""
        result = self._keys.poll_result(taken.request.request_id)
        text = json.dumps({**msgspec.to_builtins(taken.request), "poller": poller, **outcome}, ensure_ascii=False)
        self._link.commands(
            ("DEL", result),
            ("RPUSH", result, text),
            ("EXPIRE", result, KEPT_S),
            ("LREM", self._keys.claimed_poll_requests(poller), 1, taken.raw),
        )

    def drop(self, poller: str, raw: bytes) -> None:
        """Take off the poller's list what is no request."""
        self._link.command("LREM", self._keys.claimed_poll_requests(poller), 1, raw)

    def hand_on(self, poller: str, taken: Taken) -> bool:
        """Give a request to the living poller whose group it is; return False when there is none."""
        owner = self._owner(taken.request.group)
        if owner is None or owner == poller:
            return False
        target = self._keys.forwarded_poll_requests(owner)
        self._link.commands(
            ("RPUSH", target, taken.raw),
            ("EXPIRE", target, KEPT_S),
            ("LREM", self._keys.claimed_poll_requests(poller), 1, taken.raw),
        )
        return True

    def _owner(self, group: str) -> str | None:
        for member in self._link.command("ZRANGE", self._keys.services, 0, -1):
            role, _, instance = member.decode().partition(":")
            if role == "poller":
                groups = self._link.hash(self._keys.service(role, instance)).get("groups") or "[]"
                if any(own.get("name") == group for own in json.loads(groups)):
                    return str(instance)
        return None
