"""The last value of each tag, as consumers save it: decoded when somebody asks. No I/O, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Self

from shared.models import TagValue, decode_values
from shared.texts import cut


@dataclass(frozen=True)
class LastValue:
    """What was last seen of a tag. `value.timestamp` is naive, as the table shows it."""

    tag_name: str
    value: TagValue


@dataclass(frozen=True)
class Plc:
    """The tags of one PLC in short."""

    plc_code: str
    newest: LastValue
    tags: int
    bad: int  #: tags whose last value is BAD
    uncertain: int


@dataclass(frozen=True)
class Tags:
    """All last values that are known, by name."""

    entries: Mapping[bytes, bytes] = field(default_factory=dict)  #: as they stand in Redis
    parts: Sequence[Self] = ()  #: what it is the sum of, where there are several partitions; each keeps what it decoded

    @cached_property
    def all(self) -> Sequence[LastValue]:
        """All of them by name; what is no value is left out."""
        return sorted(self._found(), key=lambda last: last.tag_name)

    def _found(self) -> Iterable[LastValue]:
        for part in self.parts:
            yield from part.all
        for name, raw in self.entries.items():
            # One by one: a spoiled one must not hide the others.
            for value in decode_values([raw]).values:
                yield LastValue(cut(name.decode(errors="replace")), value)

    def search(self, words: str, plc_code: str | None = None) -> Iterable[LastValue]:
        """Return those whose name has all words in it, in any case; those of one PLC if it is named."""
        wanted = words.casefold().split()
        for last in self.all:
            if plc_code is None or last.value.plc_code == plc_code:
                name = last.tag_name.casefold()
                if all(word in name for word in wanted):
                    yield last

    def plcs(self, not_after: datetime) -> Sequence[Plc]:
        """Return each PLC in short, by its code; what lies after `not_after` is a wrong clock's, and not newest."""
        by_plc: dict[str, list[LastValue]] = {}
        for last in self.all:
            by_plc.setdefault(last.value.plc_code, []).append(last)
        return [_in_short(plc_code, tags, not_after) for plc_code, tags in sorted(by_plc.items())]


def _in_short(plc_code: str, tags: Sequence[LastValue], not_after: datetime) -> Plc:
    qualities = [last.value.quality for last in tags]
    past = [last for last in tags if last.value.timestamp <= not_after]
    return Plc(
        plc_code=plc_code,
        newest=max(past, key=_time) if past else min(tags, key=_time),
        tags=len(tags),
        bad=qualities.count("BAD"),
        uncertain=qualities.count("UNCERTAIN"),
    )


def _time(last: LastValue) -> datetime:
    return last.value.timestamp
