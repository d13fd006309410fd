"""TO_TIMESTAMP, TO_DATE and TO_CHAR with the format elements that tests and tools use.

Source: Oracle Database SQL Language Reference, "Datetime Format Elements".
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

from oracle_stand_in.data.nls import Nls, offset_text, zone
from oracle_stand_in.data.values import TIMESTAMP_SIZE, decode_timestamp, encode_timestamp, encode_zoned, zone_of
from oracle_stand_in.errors import OracleError

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
#: years of two digits below this belong to this century (RR)
RR_PIVOT = 50
MAX_FRACTION_DIGITS = 9
ELEMENTS = re.compile(
    r"YYYY|RRRR|YYY|YY|RR|Y|MONTH|MON|MM|DAY|DY|DDD|DD|D|HH24|HH12|HH|MI|SSSSS|SS|FF[1-9]?|XFF[1-9]?|X|AM|PM|A\.M\.|"
    r"P\.M\.|FM|FX|TZH|TZM|TZR|TZD|Q|IW|WW|W|IYYY|CC|J|"
    r'T(?=HH)|"[^"]*"|[-/,.;: ]',
    re.IGNORECASE,
)
PUNCTUATION = "-/,.;: "
#: words, which are written in the case that the format has them in
WORDS = ("MONTH", "MON", "DAY", "DY")
ZONE = re.compile(r"[+-]?\d{1,2}(:\d{2})?|[A-Za-z]+(/[A-Za-z_]+)*")


@cache
def elements(picture: str) -> tuple[str, ...]:
    """Split a format into its elements. Raises: OracleError: 1821, something in it is not known."""
    found = []
    pos = 0
    while pos < len(picture):
        match = ELEMENTS.match(picture, pos)
        if match is None:
            raise OracleError(1821)
        text = match[0] if match[0].startswith('"') or match[0].upper() in WORDS else match[0].upper()
        if text.startswith("XFF"):
            found += [".", text[1:]]
        elif text == "X":
            found.append(".")
        elif text not in ("FM", "FX"):
            found.append(text)
        pos = match.end()
    return tuple(found)


class _Fields:
    """What has been read so far."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.values: dict[str, int] = {"year": now.year, "month": now.month, "day": 1}
        self.nanoseconds = 0
        self.afternoon: bool | None = None
        self.twelve_hours = False
        #: name or offset of the zone, if the text says one
        self.zone = ""

    def moment(self) -> datetime:
        hour = self.values.get("hour", 0)
        if self.twelve_hours:
            hour = hour % 12 + (12 if self.afternoon else 0)
        try:
            return datetime(  # noqa: DTZ001 - Oracle's TIMESTAMP has no zone either
                self.values["year"],
                self.values["month"],
                self.values["day"],
                hour,
                self.values.get("minute", 0),
                self.values.get("second", 0),
            )
        except ValueError:
            raise OracleError(1847) from None


#: element -> field, most digits, lowest and highest value, error outside of them
NUMERIC = {
    "YYYY": ("year", 4, 1, 9999, 1841),
    "RRRR": ("year", 4, 1, 9999, 1841),
    "MM": ("month", 2, 1, 12, 1843),
    "DD": ("day", 2, 1, 31, 1847),
    "HH24": ("hour", 2, 0, 23, 1850),
    "HH12": ("hour", 2, 1, 12, 1849),
    "HH": ("hour", 2, 1, 12, 1849),
    "MI": ("minute", 2, 0, 59, 1851),
    "SS": ("second", 2, 0, 59, 1852),
}


def parse(text: str, picture: str, now: datetime) -> bytes:
    """Read a moment as TO_TIMESTAMP does; year and month come from `now` where the format lacks them.

    Raises: OracleError: the text does not fit the format (ORA-018xx).
    """
    fields = _parsed(text, picture, now)
    return encode_timestamp(fields.moment(), fields.nanoseconds)


def parse_zoned(text: str, picture: str, now: datetime, nls: Nls) -> bytes:
    """Read a moment as TO_TIMESTAMP_TZ does; in the session's zone where the text has none. Raises: as `parse`."""
    fields = _parsed(text, picture, now)
    wall = fields.moment()
    offset = zone(fields.zone).utcoffset(wall) if fields.zone else nls.zone_offset(wall)
    return encode_zoned(wall - (offset or timedelta()), fields.nanoseconds, offset or timedelta())


def _parsed(text: str, picture: str, now: datetime) -> _Fields:
    fields = _Fields(now)
    pos = 0
    parts = list(elements(picture))
    for element, following in zip(parts, [*parts[1:], ""], strict=True):
        if element in PUNCTUATION:
            pos = _skip_punctuation(element, text, pos, before_sign=following in ("TZR", "TZH"))
        else:
            pos = _parse_element(element, text, pos, fields)
    if text[pos:].strip():
        raise OracleError(1830)
    return fields


def _skip_punctuation(element: str, text: str, pos: int, *, before_sign: bool) -> int:
    """Return where it ends: Oracle accepts any other punctuation in its place, and none at all."""
    while pos < len(text) and not text[pos].isalnum() and not (before_sign and text[pos] in "+-"):
        pos += 1
        if element != " ":
            break
    return pos


def _parse_element(element: str, text: str, pos: int, fields: _Fields) -> int:
    if element.startswith('"') or element == "T":
        literal = element.strip('"')
        if not text.startswith(literal, pos):
            raise OracleError(1861)
        return pos + len(literal)
    while pos < len(text) and text[pos] == " ":
        pos += 1
    if element in ("AM", "PM", "A.M.", "P.M."):
        match = re.compile(r"([AP])\.?M\.?", re.IGNORECASE).match(text, pos)
        if match is None:
            raise OracleError(1855, text="AM/A.M. or PM/P.M. required")
        fields.afternoon = match[1].upper() == "P"
        return match.end()
    if element.upper() in ("MON", "MONTH"):
        return _parse_month(text, pos, fields)
    parse_rest = _parse_zone if element in ("TZR", "TZH", "TZM") else _parse_digits
    return parse_rest(element, text, pos, fields)


def _parse_month(text: str, pos: int, fields: _Fields) -> int:
    match = re.compile(r"[A-Za-z]+").match(text, pos)
    if match is None or match[0][:3].upper() not in MONTHS:
        raise OracleError(1843)
    fields.values["month"] = MONTHS.index(match[0][:3].upper()) + 1
    return match.end()


def _parse_zone(element: str, text: str, pos: int, fields: _Fields) -> int:
    pattern = ZONE if element == "TZR" else re.compile(r"[+-]?\d{1,2}")
    match = pattern.match(text, pos)
    if match is None:
        if element == "TZR":
            return pos
        raise OracleError(1857)
    fields.zone = f"{fields.zone}:{match[0]}" if element == "TZM" else match[0]
    return match.end()


def _parse_digits(element: str, text: str, pos: int, fields: _Fields) -> int:
    fraction = element.startswith("FF")
    limit = int(element[2:] or MAX_FRACTION_DIGITS) if fraction else NUMERIC.get(element, ("", 2))[1]
    end = pos
    while end < len(text) and end - pos < limit and text[end].isascii() and text[end].isdigit():
        end += 1
    digits = text[pos:end]
    if not fraction and element not in NUMERIC and element not in ("RR", "YY"):
        raise OracleError(1820)
    if fraction:
        fields.nanoseconds = int(digits.ljust(MAX_FRACTION_DIGITS, "0")) if digits else 0
        return end
    if not digits:
        raise OracleError(1858 if pos < len(text) else 1840)
    value = int(digits)
    if element in ("RR", "YY"):
        century = fields.now.year // 100 * 100
        back = element == "RR" and value >= RR_PIVOT and fields.now.year % 100 < RR_PIVOT
        fields.values["year"] = century + value - (100 if back else 0)
        return end
    name, _, low, high, code = NUMERIC[element]
    if not low <= value <= high:
        raise OracleError(code, text=None if code in (1841, 1843, 1847) else f"{name} must be between {low} and {high}")
    fields.values[name] = value
    fields.twelve_hours |= element in ("HH", "HH12")
    return end


DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
LONG_MONTHS = ("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER",
               "NOVEMBER", "DECEMBER")  # fmt: skip
#: days before 1 January of the year 1 in the Julian calendar's count
JULIAN = 1_721_425

#: element -> how TO_CHAR writes it
WRITERS: dict[str, Callable[[datetime, int], str]] = {
    "YYYY": lambda m, _: f"{m.year:04}",
    "RRRR": lambda m, _: f"{m.year:04}",
    "YY": lambda m, _: f"{m.year % 100:02}",
    "RR": lambda m, _: f"{m.year % 100:02}",
    "YYY": lambda m, _: f"{m.year % 1000:03}",
    "Y": lambda m, _: f"{m.year % 10}",
    "IYYY": lambda m, _: f"{m.isocalendar().year:04}",
    "CC": lambda m, _: f"{(m.year - 1) // 100 + 1:02}",
    "Q": lambda m, _: f"{(m.month + 2) // 3}",
    "WW": lambda m, _: f"{(m.timetuple().tm_yday + 6) // 7:02}",
    "W": lambda m, _: f"{(m.day + 6) // 7}",
    "IW": lambda m, _: f"{m.isocalendar().week:02}",
    "J": lambda m, _: f"{m.toordinal() + JULIAN - 1}",
    # territory AMERICA: the week begins on Sunday
    "D": lambda m, _: f"{m.isoweekday() % 7 + 1}",
    "DAY": lambda m, _: DAYS[m.weekday()].ljust(9),
    "DY": lambda m, _: DAYS[m.weekday()][:3],
    "MONTH": lambda m, _: LONG_MONTHS[m.month - 1].ljust(9),
    "MON": lambda m, _: MONTHS[m.month - 1],
    "MM": lambda m, _: f"{m.month:02}",
    "DDD": lambda m, _: f"{m.timetuple().tm_yday:03}",
    "DD": lambda m, _: f"{m.day:02}",
    "HH24": lambda m, _: f"{m.hour:02}",
    "HH12": lambda m, _: f"{(m.hour - 1) % 12 + 1:02}",
    "HH": lambda m, _: f"{(m.hour - 1) % 12 + 1:02}",
    "MI": lambda m, _: f"{m.minute:02}",
    "SSSSS": lambda m, _: f"{m.hour * 3600 + m.minute * 60 + m.second:05}",
    "SS": lambda m, _: f"{m.second:02}",
    "AM": lambda m, _: "AM" if m.hour < 12 else "PM",
    "PM": lambda m, _: "AM" if m.hour < 12 else "PM",
    "T": lambda _m, _: "T",
}


def write(raw: bytes, picture: str) -> str:
    """Write a DATE or a timestamp as TO_CHAR does. Raises: OracleError: 1821, the format is not known."""
    moment, nanoseconds = decode_timestamp(raw)
    offset = zone_of(raw) if len(raw) > TIMESTAMP_SIZE else None
    moment += offset or timedelta()
    parts = []
    for element in elements(picture):
        if element.startswith("FF"):
            parts.append(f"{nanoseconds:09}"[: int(element[2:] or 6)])
        elif element.startswith('"'):
            parts.append(element.strip('"'))
        elif element in PUNCTUATION:
            parts.append(element)
        elif element in ("TZR", "TZH", "TZM", "TZD"):
            parts.append(_zone_text(element, offset))
        elif element.upper() in WRITERS:
            text = WRITERS[element.upper()](moment, nanoseconds)
            is_capital = element[:1].isupper() and element[1:].islower()
            parts.append(text.capitalize() if is_capital else text.lower() if element.islower() else text)
        else:
            raise OracleError(1821)
    return "".join(parts)


def _zone_text(element: str, offset: timedelta | None) -> str:
    if offset is None:
        raise OracleError(1821)
    text = offset_text(offset)
    return {"TZR": text, "TZH": text[:3], "TZM": text[4:], "TZD": ""}[element]
