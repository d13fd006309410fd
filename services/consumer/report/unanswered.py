"""Requests to poll that nobody takes: told, and dropped once nobody can wait for them any more.

Any program puts them, and only a poller takes them: without one they would fill the memory that values need.
"""

import math

from shared.clock import Clock
from shared.errors import RedisRefusedError
from shared.keys import Keys
from shared.life.heartbeat import HEARTBEAT_EXPIRY_S
from shared.logs import get_logger
from shared.redis.link import RedisLink

#: Seconds without a poller after which requests that were there all the while are dropped; nobody waits for so long.
DROPPED_AFTER_S = 60.0

#: Requests that wait at most, whether there is a poller or not.
MOST_WAITING = 10_000

#: Seconds until the next try where the user of an older version may not drop any.
_REST_S = 600.0

_log = get_logger()


class UnansweredRequests:
    """Looks once a second."""

    def __init__(self, link: RedisLink, keys: Keys, clock: Clock) -> None:
        self._link = link
        self._keys = keys
        self._clock = clock
        self._since_s = self._rest_until_s = -math.inf
        self._there_since = 0
        #: Requests that wait while no poller lives, and those that were dropped since the start; None for none.
        self.waiting: int | None = None
        self.dropped: int | None = None

    def look(self) -> None:
        """See what waits, and drop what is too old or too much. Raises: RedisUnavailableError."""
        places = [self._keys.poll_requests, self._keys.services]
        count, has_poller = self._link.run("unanswered", places, [int(HEARTBEAT_EXPIRY_S)])
        is_unanswered, now_s = bool(count) and not has_poller, self._clock.monotonic()
        # Where they became fewer, another consumer has dropped the old ones: how many of these are left nobody knows.
        if not is_unanswered or self.waiting is None or count < self.waiting:
            self._since_s, self._there_since = now_s, count
        self.waiting = count if is_unanswered else None
        too_old = self._there_since if is_unanswered and now_s - self._since_s >= DROPPED_AFTER_S else 0
        excess = max(too_old, count - MOST_WAITING)
        if excess > 0 and now_s >= self._rest_until_s:
            # Before the answer, which may be lost: what came since must not go for it.
            self._since_s, self._there_since = now_s, count - excess
            self._drop(excess, now_s)

    def _drop(self, excess: int, now_s: float) -> None:
        try:
            self._link.command("LTRIM", self._keys.poll_requests, excess, -1)
        except RedisRefusedError as error:
            self._rest_until_s = now_s + _REST_S
            _log.warning(f"Requests to poll that nobody takes can't be dropped: {error}", kind="requests refused")
            return
        self.dropped = (self.dropped or 0) + excess
        self.waiting = (self.waiting or excess) - excess or None
        _log.warning(f"{excess} requests to poll were dropped: no poller took them", kind="requests dropped")
