"""Whether Redis went back to an earlier moment of its history: a failover, a restored copy, a lost file, FLUSHALL.

The ledger lies in the same history and balances at every moment of it, so it can't tell. Who remembers can: every
process looks once a second how far the counters have come, consumers and writers see it with every batch, and whoever
finds them behind what they were says so.
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from shared.journal.events import EventLog
from shared.keys import Keys
from shared.logs import get_logger
from shared.records.events import Event, WentBack
from shared.redis.link import RedisLink

#: Seconds within which several processes see the same fall.
SAME_FALL_S = 15

_log = get_logger()


class Reached(NamedTuple):
    """How far the counters had come for sure."""

    began_at_us: int = 0  #: when these counters began; 0: not known
    inserted: int = 0
    written: int = 0
    at: float = 0.0  #: seconds since 1970


class History:
    """One process's memory of the counters; safe to use from several threads."""

    def __init__(self, link: RedisLink, keys: Keys, events: EventLog) -> None:
        self._link = link
        self._keys = keys
        self._events = events
        self._lock = threading.Lock()
        #: What a script that is sent from now on can't fall behind: read it before it is sent.
        self.reached = Reached()

    def look(self) -> None:
        """Ask how far the counters have come. Raises: RedisUnavailableError: it is looked again."""
        before = self.reached
        self.compare(before, self._link.run("history", [self._keys.counters]))

    def compare(self, before: Reached, answer: Sequence[bytes | None], *, inserted: int = 0, written: int = 0) -> None:
        """Compare what a script found with what was reached before it was sent; tell it when that is more.

        Args: answer: of `history.lua`. inserted, written: values that the same script added to what it found.
        Raises: RedisUnavailableError: it could not be told, and is seen again.
        """
        try:
            began_at_us, found_inserted, found_written = (int(count or 0) for count in answer)
        except ValueError:
            # Spoiled by a stranger: what can't be read is said by the monitor, and must not end who pushes.
            return
        is_new = bool(before.began_at_us) and began_at_us != before.began_at_us
        lost_inserted = before.inserted - (0 if is_new else found_inserted)
        lost_written = before.written - (0 if is_new else found_written)
        went_back = is_new or lost_inserted > 0 or lost_written > 0
        if went_back:
            self._tell(before, max(0, lost_inserted), max(0, lost_written), is_new=is_new)
        now = Reached(began_at_us, found_inserted + inserted, found_written + written, self._link.server_time())
        with self._lock:
            # Answers of several threads come in any order.
            if went_back or now.inserted + now.written >= self.reached.inserted + self.reached.written:
                self.reached = now

    def _tell(self, before: Reached, inserted: int, written: int, *, is_new: bool) -> None:
        record = [self._keys.went_back, self._keys.loss_acknowledged]
        if not self._link.run("went_back", record, [SAME_FALL_S, inserted, written]):
            return
        since = f"{datetime.fromtimestamp(before.at, UTC):%Y-%m-%d %H:%M:%S} UTC"
        message = (
            f"Redis went back: its counters {'began anew' if is_new else 'fell'} since {since}. "
            f"{inserted} values inserted and {written} written are not known to it any more; what was in hand is done "
            "again, what was put on the DataQueue in the moments before and not confirmed by a replica may be lost"
        )
        _log.critical(message)
        self._events.add(Event.REDIS_WENT_BACK, message, WentBack(inserted=inserted, written=written))
