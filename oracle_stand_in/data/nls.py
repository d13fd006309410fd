"""A session's settings: formats of dates, and its time zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oracle_stand_in.data.clock import now
from oracle_stand_in.data.column_types import Kind
from oracle_stand_in.errors import OracleError

#: the zone that TIMESTAMP WITH LOCAL TIME ZONE is stored and sent in (DBTIMEZONE), and that of the server's clock
DATABASE_ZONE = "+00:00"
#: values of COMMIT_WAIT
WAITS = ("WAIT", "NOWAIT", "FORCE_WAIT")


@dataclass(frozen=True)
class Nls:
    """What ALTER SESSION SET can change, as far as it has an effect here."""

    date_format: str = "DD-MON-RR"
    timestamp_format: str = "DD-MON-RR HH.MI.SSXFF AM"
    timestamp_tz_format: str = "DD-MON-RR HH.MI.SSXFF AM TZR"
    time_zone: str = DATABASE_ZONE
    #: COMMIT_WAIT; empty: as the system has it
    commit_wait: str = ""
    #: where names are looked for that have no schema in front; empty: the user's own
    current_schema: str = ""

    def picture(self, kind: Kind) -> str:
        """Return the format in which moments of a kind become texts without being asked."""
        return {Kind.DATE: self.date_format, Kind.ZONED: self.timestamp_tz_format}.get(kind, self.timestamp_format)

    def zone_offset(self, wall_clock: datetime) -> timedelta:
        """Return how far the session's zone is ahead of UTC when its clocks show this."""
        return zone(self.time_zone).utcoffset(wall_clock) or timedelta()

    def zone_offset_at(self, moment: datetime) -> timedelta:
        """Return how far the session's zone is ahead of UTC at a moment in UTC."""
        return offset_at(self.time_zone, moment)


DEFAULT_NLS = Nls()


def offset_at(name: str, moment: datetime) -> timedelta:
    """Return how far a zone is ahead of UTC at a moment in UTC. Raises: OracleError: 1882."""
    try:
        return moment.replace(tzinfo=UTC).astimezone(zone(name)).utcoffset() or timedelta()
    except OverflowError:
        return zone(name).utcoffset(now()) or timedelta()


@cache
def zone(name: str) -> tzinfo:
    """Return a zone by its offset (+09:00) or name. Raises: OracleError: 1882, 1874."""
    text = name.strip()
    if text[:1] in ("+", "-") or text[:1].isdigit():
        return timezone(_offset(text))
    if text.upper() in ("UTC", "GMT", "LOCAL", "DBTIMEZONE"):
        return UTC
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise OracleError(1882) from None


def zone_name(text: str) -> str:
    """Return a zone as SESSIONTIMEZONE names it, offsets with all of their digits. Raises: as `zone`."""
    zone(text)
    return offset_text(_offset(text)) if text[:1] in ("+", "-") or text[:1].isdigit() else text


def _offset(text: str) -> timedelta:
    hours, _, minutes = text.lstrip("+-").partition(":")
    try:
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    except ValueError:
        raise OracleError(1882) from None
    if offset > timedelta(hours=15):
        raise OracleError(1874)
    return -offset if text.startswith("-") else offset


def offset_text(offset: timedelta) -> str:
    """Write an offset as TZH:TZM does."""
    sign = "-" if offset < timedelta() else "+"
    hours, minutes = divmod(int(abs(offset).total_seconds()) // 60, 60)
    return f"{sign}{hours:02}:{minutes:02}"


def checked_wait(value: str) -> str:
    """Return a value of COMMIT_WAIT. Raises: OracleError: 96, it is none."""
    if value.upper() not in WAITS:
        raise OracleError(96, text=f"invalid value {value} for parameter commit_wait")
    return value.upper()
