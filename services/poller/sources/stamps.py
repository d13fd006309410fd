"""Times that never repeat: (tag name, timestamp) is the key of the table."""

from datetime import datetime, timedelta

#: The least difference that TIMESTAMP(6) can hold.
TICK = timedelta(microseconds=1)


#: How far the clock is put back at least for its times to be followed.
PUT_BACK = timedelta(seconds=1)


class Stamper:
    """Makes the times it is given strictly increasing, changing as little as possible.

    Args: put_back: a time that lies further than this behind the last one is of a clock that was set, and is taken as
        it is: else all that is read until the clock is where it was gets one moment, and its place in time is lost.
        None: there is no clock, as in a recording.
    """

    def __init__(self, put_back: timedelta | None = None) -> None:
        self._put_back = timedelta.max if put_back is None else put_back
        self._last: datetime | None = None

    def stamp(self, moment: datetime) -> datetime:
        """Return the moment, or one microsecond after the last one returned if the moment is not later than that.

        Raises: OverflowError: there is no later microsecond in the calendar.
        """
        if self._last is not None and moment <= self._last and self._last - moment <= self._put_back:
            moment = self._last + TICK
        self._last = moment
        return moment
