"""The last values of tags, and PLCs in short: models and answers. No I/O, no clock."""

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import Self

from pydantic import Field

from services.monitor.api.answers.schemas import Answer, Count
from services.monitor.read.overview import Overview
from services.monitor.read.tags import LastValue, Plc
from shared.models import TagValue
from shared.zones import age_s, as_stored, moment_of

#: Tags, or PLCs, of one answer: at most, and where nothing else is asked for.
MAX_LISTED, USUALLY_LISTED = 1_000, 50

#: How far a clock may be ahead and count as right.
CLOCKS_DISAGREE = timedelta(minutes=5)

_AGE = "Seconds since then; below 0: the source's clock, or SOURCE_TIME_ZONE, is wrong"


class LastValueEntry(Answer):
    """The last value of one tag."""

    tag_name: str = Field(description="PLC code, separator, address", examples=["PLC01.D100"])
    plc_code: str = Field(description="Its PLC", examples=["PLC01"])
    value: str | None = Field(description="As the table shows it; null where there is none", examples=["12.5"])
    quality: str = Field(description="GOOD, BAD or UNCERTAIN", examples=["GOOD"])
    time: datetime = Field(description="When it was collected, UTC", examples=["2025-11-02T14:30:51.700000Z"])
    age_seconds: float = Field(description=_AGE, examples=[1.3])

    @classmethod
    def of(cls, last: LastValue, zone: tzinfo, now: float) -> Self:
        """Return a value as it is answered at a moment, in seconds since 1970."""
        value = last.value
        return cls.like(
            value,
            tag_name=last.tag_name,
            value=value.tag_value,
            time=_utc(value, zone),
            age_seconds=_age_s(value, zone, now),
        )


class LastValues(Answer):
    """Last values of tags, some seconds old."""

    items: list[LastValueEntry] = Field(description="By name")
    truncated: bool = Field(description="True: there are more", examples=[False])


class PlcEntry(Answer):
    """One PLC, as the last values of its tags show it."""

    plc_code: str = Field(description="PLC", examples=["PLC01"])
    tags: Count = Field(description="Its tags that are known", examples=[100])
    bad: Count = Field(description="Of these, those whose last value is BAD", examples=[2])
    uncertain: Count = Field(description="... or UNCERTAIN", examples=[0])
    time: datetime = Field(description="Newest collection time, UTC", examples=["2025-11-02T14:30:51.700000Z"])
    age_seconds: float = Field(description=_AGE, examples=[1.3])

    @classmethod
    def of(cls, plc: Plc, zone: tzinfo, now: float) -> Self:
        """Return a PLC as it is answered at a moment, in seconds since 1970."""
        newest = plc.newest.value
        return cls.like(plc, time=_utc(newest, zone), age_seconds=_age_s(newest, zone, now))


class Plcs(Answer):
    """PLCs in short."""

    items: list[PlcEntry] = Field(description="By code")
    truncated: bool = Field(description="True: there are more", examples=[False])


def last_values(overview: Overview, zone: tzinfo, search: str, plc_code: str | None, limit: int) -> LastValues:
    """Return the tags whose names have all words of `search`, of one PLC if it is given."""
    found = list(islice(overview.tags.search(search, plc_code), limit + 1))
    items = [LastValueEntry.of(last, zone, overview.taken_at) for last in found[:limit]]
    return LastValues(items=items, truncated=len(found) > limit)


def plcs(overview: Overview, zone: tzinfo, limit: int) -> Plcs:
    """Return each PLC of which a value is known."""
    # Minutes by which clocks disagree are none that is wrong.
    known = overview.tags.plcs(as_stored(overview.taken_at, zone) + CLOCKS_DISAGREE)
    items = [PlcEntry.of(plc, zone, overview.taken_at) for plc in known[:limit]]
    return Plcs(items=items, truncated=len(known) > limit)


def _utc(value: TagValue, zone: tzinfo) -> datetime:
    try:
        return moment_of(value.timestamp, zone).astimezone(UTC)
    except OverflowError:
        # The last or first hours of the calendar, shifted beyond it.
        return value.timestamp.replace(tzinfo=UTC)


def _age_s(value: TagValue, zone: tzinfo, now: float) -> float:
    return round(age_s(value.timestamp, zone, now), 3)
