"""How much of its memory Redis has left: at its limit it refuses what polling engines put.

Data goes before waste: what was rejected is dropped first, counted. Then values may overflow again, so that the
DataQueue does not take what is left.
"""

from shared.clock import Clock
from shared.errors import RedisRefusedError
from shared.journal.rejected_examples import RejectedExamples
from shared.keys import Keys
from shared.logs import get_logger
from shared.queues.data_queue import drop_rejected
from shared.records.rejected import Rejected
from shared.redis.link import RedisLink

#: Share of Redis' `maxmemory` from which it is short of memory, and from which it refuses writes or is about to.
SHORT_SHARE, FULL_SHARE = 0.8, 0.98

#: What is answered to who will never be told: he may not ask, or a server that others run has not this command (ERR).
_NEVER = frozenset({"NOPERM", "ERR"})

_log = get_logger()


class RedisMemory:
    """Looks at Redis' memory, once a second by `look`."""

    def __init__(self, link: RedisLink, keys: Keys, clock: Clock) -> None:
        self._link = link
        self._keys = keys
        self._clock = clock
        self._may_ask = True
        #: Why Redis refuses what is put, and since when (seconds since 1970); None while it takes it.
        self.refused: str | None = None
        self.refused_since: float | None = None
        #: Whether data needs the room of what is rejected, and of values that wait.
        self.is_short = False

    def tick(self) -> None:
        """Ask how much is in use, and make room where it is needed. Raises: RedisUnavailableError."""
        used, limit = self._usage()
        share = used / limit if limit else 0.0
        self.is_short = share >= SHORT_SHARE
        if self.is_short and (dropped := drop_rejected(self._link, self._keys)):
            RejectedExamples(self._link, self._keys).forget_all(Rejected.MESSAGE, Rejected.TAG)
            _log.error(f"Redis is short of memory: {dropped} rejected messages were dropped to make room for data")
        self._note(used, limit, is_full=share >= FULL_SHARE)

    def _usage(self) -> tuple[int, int]:
        """Return the bytes used and the most there may be; 0 where there is no limit or it may not be asked."""
        if not self._may_ask:
            return 0, 0
        try:
            info = self._link.command("INFO", "memory")
            return int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
        except RedisRefusedError as error:
            if error.code not in _NEVER:
                raise
            _log.warning(f"Redis does not say how much memory it has left, it is not looked at: {error}")
            self._may_ask = False
            return 0, 0

    def _note(self, used: int, limit: int, *, is_full: bool) -> None:
        if is_full:
            self.refused = f"Redis uses {used / 1e6:.0f} MB of maxmemory {limit / 1e6:.0f} MB and refuses what is put"
            if self.refused_since is None:
                self.refused_since = round(self._clock.now().timestamp(), 3)
                _log.error(
                    f"{self.refused}: polling engines wait or lose readings. Raise maxmemory, or see what fills it"
                )
        elif self.refused_since is not None:
            away_s = self._clock.now().timestamp() - self.refused_since
            self.refused = self.refused_since = None
            _log.info(f"Redis has room again after {away_s:.0f} s")
