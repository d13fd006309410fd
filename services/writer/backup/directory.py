"""What lies in a backup directory: the files that are ours, how old they are, how many rows they hold. Reads only."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from services.writer.backup.files import RECOVERED_DIRECTORY, places, reading
from services.writer.backup.format import RecordCounter
from services.writer.backup.label import read_label
from shared.records.files import BackupFile, FileKind, FileStage

#: Bytes that are read of a file to count its rows; of a longer one the others are estimated.
_COUNTED_BYTES = 16 * 1024 * 1024

#: A file's name with something behind it, or in the place of `.csv`; not its label's.
_RENAMED = re.compile(r"(?P<stem>(?P<prefix>backup|rejected)_\d{8}_\d{6}(_\d+)?)\.(?!csv$|csv\.json$).+")


def backup_files(directory: Path, *kinds: FileKind) -> list[Path]:
    """Return the files of a directory that hold rows which are not in the table, oldest first; without kinds, all.

    Of one that is not there, none: it is made with its first file. Raises: OSError: it can't be listed.
    """
    return _files(directory, kinds or tuple(FileKind))


def recovered_files(directory: Path, *kinds: FileKind) -> list[Path]:
    """Return the files of a directory that were put into the table, oldest first. Raises: as `backup_files`."""
    return _files(directory / RECOVERED_DIRECTORY, kinds or tuple(FileKind))


def passed_over(directory: Path, *kinds: FileKind) -> list[Path]:
    """Return what is left of files of ours under other names: packed, or renamed, by a log rotation or a person.

    Of a directory that is not there, none. Raises: OSError: it can't be listed.
    """
    try:
        with os.scandir(directory) as entries:
            found = [(_RENAMED.fullmatch(entry.name), Path(entry.path)) for entry in entries if _is_ours(entry)]
    except FileNotFoundError:
        return []
    return sorted(
        path
        for match, path in found
        if match is not None
        and match["prefix"] in (kinds or tuple(FileKind))
        and not any((place / f"{match['stem']}.csv").exists() for place in places(directory))  # else it is a copy
    )


def _files(directory: Path, kinds: Sequence[FileKind]) -> list[Path]:
    """Return regular files alone, with names that can be written down: what else lies there is not ours."""
    try:
        with os.scandir(directory) as entries:
            found = [
                Path(entry.path)
                for entry in entries
                if any(kind.is_of(entry.name) for kind in kinds) and entry.name.endswith(".csv") and _is_ours(entry)
            ]
    except FileNotFoundError:
        return []
    return sorted(found, key=_age_order)


def _is_ours(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.name.isprintable() and entry.is_file(follow_symlinks=False)
    except OSError:
        return False


def created_at(path: Path) -> datetime:
    """Return when a file was begun, from its name; else when it was last changed. Raises: OSError."""
    try:
        return datetime.strptime("_".join(path.stem.split("_")[1:3]), "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def file_entry(path: Path, stage: FileStage, *, rows: int, size_bytes: int, created: datetime) -> BackupFile:
    """Return what the list of files says of one, but for the place where it lies."""
    kind, created_s = path.name.split("_", 1)[0], round(created.timestamp(), 3)
    return BackupFile(kind=kind, state=stage, created=created_s, rows=rows, bytes=size_bytes)


def count_rows(path: Path) -> int:
    """Return how many rows a file holds: by its label, else counted, else (of a large one) estimated.

    Raises: OSError.
    """
    label = read_label(path)
    if label is not None and label.rows is not None:
        return label.rows
    counter, read = RecordCounter(), 0
    with reading(path) as file:
        size = os.fstat(file.fileno()).st_size
        while read < _COUNTED_BYTES and (piece := file.read(1024 * 1024)):
            counter.feed(piece)
            read += len(piece)
    rows = max(0, counter.records - 1)
    return rows if read >= size else rows * size // max(1, read)


def rows_in(path: Path) -> int | None:
    """Return how many rows a file holds; None where it can't be read."""
    with suppress(OSError):
        return count_rows(path)
    return None


def _age_order(path: Path) -> tuple[str, int, str]:
    parts = path.stem.split("_")
    number = int(parts[3]) if len(parts) > 3 and parts[3].isdecimal() else 1  # noqa: PLR2004 - kind, day, time, number
    return "_".join(parts[1:3]), number, path.name
