"""Which time a tag's value gets: the source's own, while that tells one value from the next."""

from datetime import UTC, datetime, timedelta

from services.poller.sources.stamps import PUT_BACK, TICK

#: A source whose clock is further ahead than this is not believed.
MAX_AHEAD = timedelta(minutes=1)

#: Where a calendar begins, OPC UA's or Unix', servers mean that they know no time.
_LAST_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


class RisingTimes:
    """The times of every tag, always later than the one before while nobody sets our clock.

    (tag name, timestamp) is the key of the table.
    """

    def __init__(self, *, use_source: bool) -> None:
        self._use_source = use_source
        self._last: dict[str, datetime] = {}
        #: Times of sources that were not believed.
        self.ahead = 0

    def time(self, address: str, source: datetime | None, now: datetime) -> datetime | None:
        """Return the time of a tag's value; None for the time of the poll, `now`.

        The source's time where it is later than the tag's last: a new value. A value that has not changed since has its
        old one still; it is a new sample of it, and gets the time of the poll.
        """
        last = self._last.get(address)
        if source is not None and self._is_believed(source, now) and (last is None or source > last):
            self._last[address] = source
            return source
        # So far behind the last one it is our clock that was put back: a source's time is not believed so far ahead.
        if last is None or now > last or last - now > MAX_AHEAD + PUT_BACK:
            self._last[address] = now
            return None
        self._last[address] = last + TICK
        return last + TICK

    def _is_believed(self, source: datetime, now: datetime) -> bool:
        if not self._use_source or source <= _LAST_BEGIN:
            return False
        if source - now > MAX_AHEAD:
            self.ahead += 1
            return False
        return True
