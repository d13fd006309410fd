"""What moment a stored time is: its digits are naive, SOURCE_TIME_ZONE says where the clock hung. Pure."""

from datetime import datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@cache
def zone_of(name: str) -> ZoneInfo:
    """Return the zone of a name such as `Asia/Seoul`.

    Raises: ValueError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone of the name {name!r}; write it as Asia/Seoul, Europe/Berlin or UTC"
        ) from None


def moment_of(stored: datetime, zone: tzinfo) -> datetime:
    """Return a stored time with its zone.

    Of the hour that comes twice when summer time ends the first is meant; an hour that a clock leaves out is told as if
    summer time began after it.

    >>> moment_of(datetime(2026, 3, 1, 9), ZoneInfo("Asia/Seoul")).isoformat()
    '2026-03-01T09:00:00+09:00'
    """
    return stored.replace(tzinfo=zone)


def seconds_of(stored: datetime, zone: tzinfo) -> float:
    """Return the seconds since 1970 of a stored time; also of one before 1970."""
    return moment_of(stored, zone).timestamp()
