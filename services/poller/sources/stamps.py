"""Times that never repeat: (tag name, timestamp) is the key of the table."""

from datetime import datetime, timedelta

#: The least difference that TIMESTAMP(6) can hold.
TICK = timedelta(microseconds=1)


class Stamper:
    """Makes the times it is given strictly increasing, changing as little as possible."""

    def __init__(self) -> None:
        self._last: datetime | None = None

    def stamp(self, moment: datetime) -> datetime:
        """Return the moment, or one microsecond after the last one returned if the moment is not later than that.

        Raises: OverflowError: there is no later microsecond in the calendar.
        """
        if self._last is not None and moment <= self._last:
            moment = self._last + TICK
        self._last = moment
        return moment
