"""Figures as people read them. No I/O, no clock."""

from datetime import UTC, datetime

#: The last second that a calendar shows, in seconds since 1970.
_LAST_MOMENT_S = 253_402_300_799

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_K = 1000


def duration(seconds: float) -> str:
    """Return a time span in the unit that fits it.

    >>> duration(9.4), duration(200), duration(7_500), duration(200_000)
    ('9 s', '3 min 20 s', '2 h 5 min', '2 d 7 h')
    """
    return " ".join(f"{count} {unit}" for count, unit in duration_parts(seconds))


def duration_parts(seconds: float) -> list[tuple[int, str]]:
    """Return the same as one or two counts, each with its unit: s, min, h or d.

    >>> duration_parts(200), duration_parts(120)
    ([(3, 'min'), (20, 's')], [(2, 'min')])
    """
    whole = max(0, round(seconds))
    counts = [(whole // 86_400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next((place for place, (count, _) in enumerate(counts) if count), len(counts) - 1)
    return [counts[first], *(part for part in counts[first + 1 : first + 2] if part[0])]


def number(figure: float) -> str:
    """Return a figure with its thousands apart, with one place behind the point where it is small.

    >>> number(3_600_000), number(12.34), number(120.0)
    ('3,600,000', '12.3', '120')
    """
    if figure == round(figure) or abs(figure) >= 100:  # noqa: PLR2004 - three digits are enough to read a rate
        return f"{figure:,.0f}"
    return f"{figure:,.1f}"


def size(count: float) -> str:
    """Return bytes in the unit that fits.

    >>> size(999), size(41_250)
    ('999 bytes', '41.2 kB')
    """
    for unit in _UNITS:
        if count < _K or unit == _UNITS[-1]:
            return f"{count:,.0f} {unit}" if unit == _UNITS[0] else f"{count:,.1f} {unit}"
        count /= _K
    raise AssertionError


def moment(seconds: float) -> datetime:
    """Return the aware UTC datetime of seconds since 1970; what lies before or beyond the calendar is put at its end.

    >>> moment(1e18).year, moment(-5).year
    (9999, 1970)
    """
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST_MOMENT_S), UTC)
