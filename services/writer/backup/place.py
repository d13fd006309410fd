"""Where a backup directory is, and its own name: hosts and mounts change, containers get new names."""

import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from services.writer.backup.files import give_away, reading, shown, write_at_once
from shared.records.files import BackupFile

#: File in a backup directory with the directory's own name.
_PLACE_FILE = ".place"


class Here(NamedTuple):
    """Where the files of a directory are: for people, and the directory's own name."""

    host: str
    directory: str
    place: str

    @property
    def nameless(self) -> str:
        """What stands for the name of a directory that has none."""
        return f"{self.host}:{self.directory}"

    def told(self, entry: BackupFile) -> BackupFile:
        """Return what the list says of a file that is here."""
        return replace(entry, host=self.host, directory=self.directory, place=self.place)

    def field(self, name: str, other: BackupFile | None) -> str:
        """Return a file's name in the list: with its place where a file of another place has the plain one."""
        return name if other is None or self.has(other) else f"{name} at {self.place}"

    def has(self, entry: BackupFile | None) -> bool:
        """Tell whether an entry is of a file that is here, or one that nobody can read."""
        if entry is None:
            return True
        if entry.place is not None:
            return entry.place in (self.place, self.nameless)
        # Of a writer that knew no places. Its host does not tell: a container has another name after each upgrade.
        return entry.directory in (None, self.directory)


def lies_in(directory: Path, file: BackupFile) -> bool:
    """Tell whether a file of the list lies in a directory, whatever that is called there. Writes nothing."""
    return whereabouts(directory, may_name=False).has(file)


def take_new_name(directory: Path) -> None:
    """Give a directory another name of its own. Raises: OSError."""
    write_at_once(directory / _PLACE_FILE, secrets.token_hex(8).encode())


def whereabouts(directory: Path, *, may_name: bool = True) -> Here:
    """Return where a directory is; `may_name`: it is given a name of its own, if it has none and can keep one."""
    path, place = directory / _PLACE_FILE, ""
    if may_name:
        # Exclusively: several writers may begin in one directory at once, and must agree.
        with suppress(OSError), path.open("x", encoding="ascii") as file:
            file.write(secrets.token_hex(8))
            give_away(file.fileno(), directory)
    with suppress(OSError), reading(path) as kept:
        place = kept.read(32).decode("ascii", errors="replace")
    here = Here(socket.gethostname(), shown(directory.absolute())[:500], place)
    return here if place else here._replace(place=here.nameless)
