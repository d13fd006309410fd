"""What moment a stored time is: its digits are naive, SOURCE_TIME_ZONE says where the clock hung. Pure."""

from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@cache
def zone_of(name: str) -> tzinfo:
    """Return the zone of a name such as `Asia/Seoul`; Python's own UTC for that.

    Raises: ValueError: there is none of this name.
    """
    if name == "UTC":
        return UTC
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


def as_stored(seconds: float, zone: tzinfo) -> datetime:
    """Return seconds since 1970 as a stored time of this zone shows them."""
    return datetime.fromtimestamp(seconds, zone).replace(tzinfo=None)


def age_s(stored: datetime, zone: tzinfo, now_s: float) -> float:
    """Return how old a stored time is at a moment in seconds since 1970; below 0 where it lies in the future.

    Of the hour that comes twice when summer time ends the newest that is not in the future is meant: values come soon.
    """
    if zone is UTC:
        return now_s - stored.replace(tzinfo=UTC).timestamp()
    moment = moment_of(stored, zone)
    ages = [now_s - moment.replace(fold=fold).timestamp() for fold in (0, 1)]
    return min((age for age in ages if age >= 0), default=max(ages))
