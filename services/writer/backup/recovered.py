"""Files that are through, in `recovered/`: kept while there is room, given up for rows that are in no other place."""

from contextlib import suppress
from pathlib import Path

from services.writer.backup.directory import recovered_files
from services.writer.backup.files import RECOVERED_DIRECTORY, shown
from services.writer.backup.label import remove_label
from services.writer.backup.locks import is_in_use
from shared.logs import get_logger
from shared.records.files import FileKind

#: `st_blocks` counts in these, whatever the file system's blocks are. Source: stat(2).
_BLOCK_BYTES = 512

_log = get_logger()


def room_taken(directory: Path) -> int:
    """Return how many bytes such files take of the disk that the directory itself is on."""
    return sum(size for _, size in _found(directory))


def give_way(directory: Path, wanted_bytes: int) -> int:
    """Remove the oldest until so many bytes are free, and none where all were too few; return how many are free.

    They are counted and not asked for of the disk: some give room back only later. No fault of these files is one of
    the backup.
    """
    if wanted_bytes <= 0:
        return 0
    found, freed = _found(directory), 0
    for path, size in found if sum(size for _, size in found) >= wanted_bytes else []:
        if freed >= wanted_bytes:
            break
        # Somebody may be recovering it once more, since his database was put back to an earlier day.
        if not is_in_use(path):
            with suppress(OSError):
                path.unlink()
                remove_label(path)
                freed += size
                _log.warning(f"{shown(path)} is removed to make room for backups: its rows are in the table")
    return freed


def _found(directory: Path) -> list[tuple[Path, int]]:
    """Return files and their bytes, the oldest first."""
    found: list[tuple[Path, int]] = []
    with suppress(OSError):
        if (directory / RECOVERED_DIRECTORY).stat().st_dev == directory.stat().st_dev:
            for path in recovered_files(directory, FileKind.BACKUP):
                with suppress(OSError):
                    found.append((path, path.stat().st_blocks * _BLOCK_BYTES))
    return found
