"""From when to when: what a person writes, as the table shows times. Pure."""

import re
from datetime import datetime, timedelta, tzinfo

from shared.models import iso_time
from shared.zones import as_stored

_AGO = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def table_time(text: str, zone: tzinfo, now: datetime) -> datetime:
    """Return the time that a text names, as the table shows it.

    `2026-03-01T08:00` is what the table shows; with an offset (`+09:00`, `Z`) it is converted to `zone`, that of
    SOURCE_TIME_ZONE; `90m`, `2h`, `1d` are so long ago.

    >>> from datetime import UTC
    >>> now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> str(table_time("2h", UTC, now)), str(table_time("2026-03-01T09:00+09:00", UTC, now))
    ('2026-03-01 10:00:00', '2026-03-01 00:00:00')

    Raises: ValueError: it names none.
    """
    try:
        ago = _AGO.fullmatch(text.strip())
        moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago is not None else iso_time(text.strip())
        return moment if moment.tzinfo is None else as_stored(moment.timestamp(), zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write 2026-03-01T08:00, with an offset or without, or 2h") from None
