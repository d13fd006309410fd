"""The files of a backup directory: which of the rows that are missing they hold. Reads only."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from operator import attrgetter
from pathlib import Path

from services.writer.backup.directory import backup_files, passed_over
from services.writer.backup.files import SET_ASIDE_DIRECTORY, NotAFileError, reading, shown
from services.writer.backup.reader import BackupReader, WrongHeaderError
from services.writer.verify.gaps import Gap
from shared.models import TagValue

#: Rows that are read at once.
_AT_ONCE = 500

#: Rows that are remembered, so that none counts twice: some hundred MB. What comes beyond them may.
_MOST_COUNTED = 1_000_000

_begin_of = attrgetter("begin")

_REMEDY = {
    "backup": "`recover` puts them into the table",
    "rejected": "refused for their own fault: put them right, then `recover` this file",
    SET_ASIDE_DIRECTORY: "a person gave them up; `recover` still takes this file",
}


class GapsByTag:
    """The gaps of each tag by time, to find the one that a row belongs into.

    lacking: returns those of some values that the table does not hold.
    """

    def __init__(
        self, gaps: Iterable[Gap], separator: str, lacking: Callable[[Sequence[TagValue]], Sequence[TagValue]]
    ) -> None:
        self._separator = separator
        self._lacking = lacking
        #: Rows that have explained something: one may stand in two files.
        self._counted: set[tuple[str, datetime]] = set()
        self._gaps: dict[str, list[Gap]] = {}
        for gap in gaps:
            self._gaps.setdefault(gap.tag, []).append(gap)
        for of_tag in self._gaps.values():
            of_tag.sort(key=_begin_of)

    def of(self, tags: Collection[str] | None) -> Iterator[Gap]:
        """Yield the gaps of these tags; of all for None."""
        for tag in self._gaps if tags is None else tags:
            yield from self._gaps.get(tag, ())

    def explain(self, values: Iterable[TagValue], cause: str) -> None:
        """Let each value that the table lacks explain a row of the gap that it belongs into, if there is one.

        Raises: SinkError: the table can't be asked.
        """
        rest = iter(values)
        while some := list(islice(rest, _AT_ONCE)):
            found = [(value, gap) for value in some if (gap := self._gap_of(value)) is not None]
            # Few: those at the ends of a gap, and in minutes of which some rows are there.
            doubtful = [value for value, gap in found if not gap.is_empty or value.timestamp in (gap.begin, gap.end)]
            lacking = {id(value) for value in self._lacking(doubtful)} if doubtful else set()
            there = {id(value) for value in doubtful} - lacking
            for value, gap in found:
                if id(value) not in there and self._is_first(gap.tag, value.timestamp):
                    gap.explain(cause, 1)

    def _gap_of(self, value: TagValue) -> Gap | None:
        gaps = self._gaps.get(f"{value.plc_code}{self._separator}{value.tag_address}", ())
        place = bisect_right(gaps, value.timestamp, key=_begin_of) - 1
        return gaps[place] if place >= 0 and value.timestamp <= gaps[place].end else None

    def _is_first(self, tag: str, timestamp: datetime) -> bool:
        if (tag, timestamp) in self._counted:
            return False
        if len(self._counted) < _MOST_COUNTED:
            self._counted.add((tag, timestamp))
        return True


def explain_by_files(
    directory: Path, gaps: GapsByTag, say: Callable[[str], None], unreadable: Callable[[str], None]
) -> None:
    """Explain what files hold that wait, or were set aside; `unreadable` is told of those that nobody can read."""
    if not directory.is_dir():
        unreadable(f"{shown(directory)} is no directory, so no file was looked into: is BACKUP_DIR the writer's?")
    paths: list[Path] = []
    for place in (directory, directory / SET_ASIDE_DIRECTORY):
        try:
            paths += backup_files(place)
            for path in passed_over(place):
                unreadable(f"{shown(path)} is packed or renamed: nobody looked into it")
        except OSError as error:
            unreadable(f"{shown(place)} can't be listed, nobody knows what waits there: {error.strerror}")
    for path in paths:
        say(f"Reading {shown(path)}")
        kind = SET_ASIDE_DIRECTORY if path.parent != directory else path.name.partition("_")[0]
        name = path.relative_to(directory)
        try:
            with reading(path) as file:
                reader = BackupReader(file, may_be_edited=True)
                while (batch := reader.read(_AT_ONCE)).rows:
                    gaps.explain(batch.values, f"in {name}: {_REMEDY[kind]}")
        except (OSError, NotAFileError, WrongHeaderError) as error:
            unreadable(f"{shown(path)} can't be read: {error}")
