"""What others wrote, made safe to show: texts cut, JSON that may be anything. No I/O, no clock."""

from typing import Any

import msgspec

from shared.texts import TEXT_LIMIT, cut

#: Seconds since 1970 that no calendar shows any more.
_YEAR_10000_S = 253_402_300_800

#: Letters of what an event or a group says in JSON beside its sentence.
MAX_JSON = 8_192


def seconds_in(text: str | None) -> float | None:
    """Return a moment in seconds since 1970 that a service wrote; None when it is none that a calendar shows.

    >>> seconds_in("1.5"), seconds_in("-inf"), seconds_in("soon"), seconds_in(None)
    (1.5, None, None, None)
    """
    try:
        seconds = float(text or "nan")
    except ValueError:
        return None
    return seconds if 0 <= seconds < _YEAR_10000_S else None


def trimmed(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record whose names and texts are as long as may be."""
    for name, value in record.items():
        if len(name) > TEXT_LIMIT or (isinstance(value, str) and len(value) > TEXT_LIMIT):
            return {cut(name): cut(value) if isinstance(value, str) else value for name, value in record.items()}
    return record  # nearly always: there may be thousands


def decoded(text: str | bytes | None, kind: Any) -> Any:
    """Return what JSON holds; None where it holds something else, or is none, or is nested without end."""
    try:
        return msgspec.json.decode(text, type=kind) if text else None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
