"""The files of a backup directory: which of the rows that are missing they hold. Reads only."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from services.writer.backup.directory import backup_files
from services.writer.backup.files import SET_ASIDE_DIRECTORY, NotAFileError, reading, shown
from services.writer.backup.reader import BackupReader, WrongHeaderError
from services.writer.verify.gaps import Gap
from shared.models import TagValue

#: Rows that are read at once.
_AT_ONCE = 500

_REMEDY = {
    "backup": "`recover` puts them into the table",
    "rejected": "refused for their own fault: put them right, then `recover` this file",
    SET_ASIDE_DIRECTORY: "a person gave them up; `recover` still takes this file",
}


class GapsByTag:
    """The gaps of each tag by time, to find the one that a row belongs into."""

    def __init__(self, gaps: Iterable[Gap], separator: str) -> None:
        self._separator = separator
        self._gaps: dict[str, list[Gap]] = {}
        for gap in gaps:
            self._gaps.setdefault(gap.tag, []).append(gap)
        self._begins: dict[str, list[datetime]] = {}
        for tag, of_tag in self._gaps.items():
            of_tag.sort(key=lambda gap: gap.begin)
            self._begins[tag] = [gap.begin for gap in of_tag]

    def of(self, tags: Collection[str] | None) -> Iterator[Gap]:
        """Yield the gaps of these tags; of all for None."""
        for tag in self._gaps if tags is None else tags:
            yield from self._gaps.get(tag, ())

    def explain(self, values: Iterable[TagValue], cause: str) -> None:
        """Let each value explain a row of the gap that it belongs into, if there is one."""
        for value in values:
            tag = f"{value.plc_code}{self._separator}{value.tag_address}"
            begins = self._begins.get(tag)
            if begins is None:
                continue
            place = bisect_right(begins, value.timestamp) - 1
            if place >= 0 and value.timestamp <= self._gaps[tag][place].end:
                self._gaps[tag][place].explain(cause, 1)


def explain_by_files(
    directory: Path, gaps: GapsByTag, say: Callable[[str], None], unreadable: Callable[[str], None]
) -> None:
    """Explain what files hold that wait, or were set aside; `unreadable` is told of those that nobody can read."""
    for path in (*backup_files(directory), *backup_files(directory / SET_ASIDE_DIRECTORY)):
        say(f"Reading {shown(path)}")
        kind = SET_ASIDE_DIRECTORY if path.parent != directory else path.name.partition("_")[0]
        name = path.relative_to(directory)
        try:
            with reading(path) as file:
                reader = BackupReader(file, may_be_edited=True)
                for values in _read(reader):
                    gaps.explain(values, f"in {name}: {_REMEDY[kind]}")
        except (OSError, NotAFileError, WrongHeaderError) as error:
            unreadable(f"{shown(path)} can't be read: {error}")


def _read(reader: BackupReader) -> Iterator[list[TagValue]]:
    while (batch := reader.read(_AT_ONCE)).rows:
        yield batch.values
