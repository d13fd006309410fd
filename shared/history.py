"""Whether Redis went back to an earlier moment of its history: a failover, a restored copy, a lost file, FLUSHALL.

The ledger lies in the same history and balances at every moment of it, so it can't tell. Who remembers can: every
process looks once a second how far the counters have come, and says so when they have fallen.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from shared.events import EventLog
from shared.keys import Keys
from shared.logs import get_logger
from shared.records.events import Event, WentBack
from shared.redis_link import RedisLink

#: Seconds within which several processes see the same fall.
SAME_FALL_S = 15

_log = get_logger()


class _Look(NamedTuple):
    """How far the counters had come."""

    began_at_us: int
    inserted: int
    written: int
    seen_at: float


class History:
    """One process's memory of the counters. For one thread."""

    def __init__(self, link: RedisLink, keys: Keys, events: EventLog) -> None:
        self._link = link
        self._keys = keys
        self._events = events
        self._before: _Look | None = None

    def look(self) -> None:
        """Look how far the counters have come; tell it, once for all processes, when they have fallen.

        Raises: RedisUnavailableError: it is looked again.
        """
        answer = self._link.run("history", [self._keys.counters])
        began, inserted_now, written_now = (int(count or 0) for count in answer)
        now = _Look(began, inserted_now, written_now, self._link.server_time())
        before = self._before
        if before is not None:
            inserted, written = before.inserted - now.inserted, before.written - now.written
            if now.began_at_us != before.began_at_us:
                # Other counters: none of what those counted is in these.
                inserted, written = before.inserted, before.written
            if inserted > 0 or written > 0 or now.began_at_us != before.began_at_us:
                self._tell(before, now, max(0, inserted), max(0, written))
        self._before = now

    def _tell(self, before: _Look, now: _Look, inserted: int, written: int) -> None:
        record = [self._keys.went_back, self._keys.loss_acknowledged]
        if not self._link.run("went_back", record, [SAME_FALL_S, inserted, written]):
            return
        how = "began anew" if now.began_at_us != before.began_at_us else "fell"
        message = (
            f"Redis went back: its counters {how} since {_time(before.seen_at)} UTC. {inserted} values inserted and "
            f"{written} written are not known to it any more; what was in hand is done again, what was put on the "
            "DataQueue since then and not confirmed by a replica is lost"
        )
        _log.critical(message)
        self._events.add(Event.REDIS_WENT_BACK, message, WentBack(inserted=inserted, written=written))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
