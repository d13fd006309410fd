"""TO_TIMESTAMP, TO_DATE and TO_CHAR with the format elements that tests and tools use.

Source: Oracle Database SQL Language Reference, "Datetime Format Elements".
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache

from oracle_stand_in.data.values import decode_timestamp, encode_timestamp
from oracle_stand_in.errors import OracleError

#: what a session without NLS settings of its own uses
NLS_TIMESTAMP_FORMAT = "DD-MON-RR HH.MI.SSXFF AM"
NLS_DATE_FORMAT = "DD-MON-RR"
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
#: years of two digits below this belong to this century (RR)
RR_PIVOT = 50
MAX_FRACTION_DIGITS = 9
ELEMENTS = re.compile(
    r"YYYY|RRRR|YY|RR|MONTH|MON|MM|DDD|DD|HH24|HH12|HH|MI|SSSSS|SS|FF[1-9]?|XFF[1-9]?|X|AM|PM|A\.M\.|P\.M\.|FM|"
    r'T(?=HH)|"[^"]*"|[-/,.;: ]',
    re.IGNORECASE,
)
PUNCTUATION = "-/,.;: "


@cache
def elements(picture: str) -> tuple[str, ...]:
    """Split a format into its elements. Raises: OracleError: 1821, something in it is not known."""
    found = []
    pos = 0
    while pos < len(picture):
        match = ELEMENTS.match(picture, pos)
        if match is None:
            raise OracleError(1821)
        text = match[0] if match[0].startswith('"') else match[0].upper()
        if text.startswith("XFF"):
            found += [".", text[1:]]
        elif text == "X":
            found.append(".")
        elif text != "FM":
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
    fields = _Fields(now)
    pos = 0
    for element in elements(picture):
        pos = _parse_element(element, text, pos, fields)
    if text[pos:].strip():
        raise OracleError(1830)
    return encode_timestamp(fields.moment(), fields.nanoseconds)


def _parse_element(element: str, text: str, pos: int, fields: _Fields) -> int:
    if element.startswith('"') or element == "T":
        literal = element.strip('"')
        if not text.startswith(literal, pos):
            raise OracleError(1861)
        return pos + len(literal)
    if element in PUNCTUATION:
        # Oracle accepts any other punctuation in its place, and none at all
        while pos < len(text) and not text[pos].isalnum():
            pos += 1
            if element != " ":
                break
        return pos
    while pos < len(text) and text[pos] == " ":
        pos += 1
    if element in ("AM", "PM", "A.M.", "P.M."):
        match = re.compile(r"([AP])\.?M\.?", re.IGNORECASE).match(text, pos)
        if match is None:
            raise OracleError(1855, text="AM/A.M. or PM/P.M. required")
        fields.afternoon = match[1].upper() == "P"
        return match.end()
    if element in ("MON", "MONTH"):
        return _parse_month(text, pos, fields)
    return _parse_digits(element, text, pos, fields)


def _parse_month(text: str, pos: int, fields: _Fields) -> int:
    match = re.compile(r"[A-Za-z]+").match(text, pos)
    if match is None or match[0][:3].upper() not in MONTHS:
        raise OracleError(1843)
    fields.values["month"] = MONTHS.index(match[0][:3].upper()) + 1
    return match.end()


def _parse_digits(element: str, text: str, pos: int, fields: _Fields) -> int:
    fraction = element.startswith("FF")
    limit = int(element[2:] or MAX_FRACTION_DIGITS) if fraction else NUMERIC.get(element, ("", 2))[1]
    end = pos
    while end < len(text) and end - pos < limit and text[end].isascii() and text[end].isdigit():
        end += 1
    digits = text[pos:end]
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
    if element not in NUMERIC:
        raise OracleError(1821)
    name, _, low, high, code = NUMERIC[element]
    if not low <= value <= high:
        raise OracleError(code, text=None if code in (1841, 1843, 1847) else f"{name} must be between {low} and {high}")
    fields.values[name] = value
    fields.twelve_hours |= element in ("HH", "HH12")
    return end


#: element -> how TO_CHAR writes it
WRITERS: dict[str, Callable[[datetime, int], str]] = {
    "YYYY": lambda m, _: f"{m.year:04}",
    "RRRR": lambda m, _: f"{m.year:04}",
    "YY": lambda m, _: f"{m.year % 100:02}",
    "RR": lambda m, _: f"{m.year % 100:02}",
    "MONTH": lambda m, _: f"{m:%B}".upper().ljust(9),
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
    """Write a DATE or TIMESTAMP as TO_CHAR does. Raises: OracleError: 1821, the format is not known."""
    moment, nanoseconds = decode_timestamp(raw)
    parts = []
    for element in elements(picture):
        if element.startswith("FF"):
            parts.append(f"{nanoseconds:09}"[: int(element[2:] or 6)])
        elif element.startswith('"'):
            parts.append(element.strip('"'))
        elif element in PUNCTUATION:
            parts.append(element)
        elif element in WRITERS:
            parts.append(WRITERS[element](moment, nanoseconds))
        else:
            raise OracleError(1821)
    return "".join(parts)
