"""Times as other programs write them: ISO 8601 and what can't mean anything else. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

#: What may be said instead of a form of strptime, and how many of it a second has, since 1970 in UTC.
UNIX_FORMATS = {"unix": 1, "unix_ms": 1_000, "unix_us": 1_000_000, "unix_ns": 1_000_000_000}

#: From when to when a recording may be, in seconds since 1970: what lies outside is of another unit (1980, 2100).
_FIRST_S, _LAST_S = 315_532_800, 4_102_444_800

#: Year first, in digits: 2026-01-02 3:04, 2026/1/2 03:04:05.678, 2026. 1. 2. 오후 3:04:05, and an offset.
_YEAR_FIRST = re.compile(
    r"(?P<y>\d{4})[-/.] ?(?P<m>\d{1,2})[-/.] ?(?P<d>\d{1,2})\.?(?:T| +)(?P<half>오전|오후|AM|PM)? ?"
    r"(?P<H>\d{1,2}):(?P<M>\d\d)(?::(?P<S>\d\d(?:[.,]\d+)?))?(?: ?(?P<late_half>AM|PM))?"
    r"(?P<zone> ?(?:Z|[+-]\d\d(?::?\d\d)?))?",
    re.ASCII | re.IGNORECASE,
)

#: Day first, with points, as nobody writes the month: 02.01.2026 03:04.
_DAY_FIRST = re.compile(
    r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4}) +(?P<H>\d{1,2}):(?P<M>\d\d)(?::(?P<S>\d\d(?:[.,]\d+)?))?", re.ASCII
)

_DATE_ALONE = re.compile(r"\d{4}[-/.] ?\d{1,2}[-/.] ?\d{1,2}\.?|\d{1,2}[./]\d{1,2}[./]\d{4}", re.ASCII)

_NOON = 12

#: How reports of whole hours call the last one of a day: the next day's first moment.
_MIDNIGHT = 24


@dataclass(frozen=True)
class Times:
    """Reads the times of one file."""

    time_format: str | None = None
    zone: tzinfo | None = None  #: of times that name none

    def read(self, text: str) -> datetime:
        """Return the naive time that is stored.

        Raises: ValueError, OverflowError: it is none, or may be one of several; the text says why.
        """
        moment = self._moment(text.strip())
        if moment.tzinfo is None and self.zone is not None:
            moment = _in_zone(moment, self.zone)
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)

    def is_to_the_minute(self, text: str) -> bool:
        """Whether a time has no seconds."""
        found = _YEAR_FIRST.fullmatch(text.strip()) or _DAY_FIRST.fullmatch(text.strip())
        return self.time_format is None and found is not None and found["S"] is None

    def names_no_zone(self, text: str) -> bool:
        """Whether a time is naive. Raises: as `read`."""
        return self._moment(text.strip()).tzinfo is None

    def _moment(self, text: str) -> datetime:
        if self.time_format in UNIX_FORMATS:
            return _since_1970(text, self.time_format)
        if self.time_format is not None:
            return datetime.strptime(text, self.time_format)  # noqa: DTZ007 - naive where the form has no zone
        found = _YEAR_FIRST.fullmatch(text) or _DAY_FIRST.fullmatch(text)
        if found is not None:
            return _of_parts(found.groupdict())
        if "T" in text:
            return datetime.fromisoformat(text)
        raise ValueError(_why_not(text))


def _since_1970(text: str, unit: str) -> datetime:
    """Return the time that a number names, to the microsecond.

    Raises: ValueError: it is no number, or one of another unit: milliseconds of today taken for microseconds would be
        in January 1970.
    """
    try:
        count = Decimal(text)
        fitting = [name for name, per_s in UNIX_FORMATS.items() if _FIRST_S <= count / per_s < _LAST_S]
        if unit in fitting:
            microseconds = int(count * 1_000_000 / UNIX_FORMATS[unit])
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except (ArithmeticError, ValueError):
        raise ValueError(f"{text[:40]!r} is no number") from None
    remedy = f": say --time-format {fitting[0]}" if fitting else ""
    raise ValueError(f"{text[:40]!r} as {unit} is no time from 1980 to 2100{remedy}")


def _of_parts(parts: dict[str, str | None]) -> datetime:
    hour = int(parts["H"] or 0)
    half = (parts.get("half") or parts.get("late_half") or "").upper()
    if half:
        if not 1 <= hour <= _NOON:
            raise ValueError(f"{half} and hour {hour}")
        hour = hour % _NOON + (_NOON if half in ("오후", "PM") else 0)
    seconds = (parts["S"] or "00").replace(",", ".")
    zone = (parts.get("zone") or "").strip()
    date = f"{parts['y']}-{int(parts['m'] or 0):02}-{int(parts['d'] or 0):02}"
    is_end_of_day = hour == _MIDNIGHT and not half and float(f"{parts['M']}{seconds}") == 0
    moment = datetime.fromisoformat(f"{date}T{0 if is_end_of_day else hour:02}:{parts['M']}:{seconds}{zone}")
    return moment + timedelta(days=is_end_of_day)


def _in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Return a time of the clocks there. Raises: ValueError: they show it twice, or never."""
    first, second = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        raise ValueError(f"{moment} is shown twice, or never, by the clocks of {zone}")
    return first


def _why_not(text: str) -> str:
    shown = repr(text[:40])
    if not text:
        return "it has no time"
    if _DATE_ALONE.fullmatch(text):
        return f"{shown} is a date without a time of day"
    if "/" in text:
        return f"{shown} may be day or month first"
    if text.replace(".", "", 1).isdecimal():
        return f"{shown} may be seconds or milliseconds since 1970"
    return f"{shown} is no time that is known (ISO 8601 is)"
