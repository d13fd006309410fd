"""The list of backup files in Redis, for the monitor. The directory is the truth; the list is made from it."""

import csv
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.writer.backup.files import RECOVERED_DIRECTORY, is_in_use, open_regular, shown
from services.writer.backup.format import RecordCounter
from services.writer.backup.label import read_label
from services.writer.backup.written_file import FileState
from shared.errors import PipelineError
from shared.keys import Keys
from shared.logs import get_logger
from shared.redis_link import RedisLink

#: States of a file: a writer appends to it, it waits for `recover`, `recover` reads it, its rows are in the table.
OPEN, WAITING, RECOVERING, RECOVERED = "open", "waiting", "recovering", "recovered"

#: Recovered files kept in the list, and files that wait: the rest of these is told as one.
MAX_RECOVERED, MAX_WAITING = 100, 1_000

#: Bytes that are read of a file to count its rows; of a longer one the rest is estimated.
_COUNTED_BYTES = 16 * 1024 * 1024

#: File in a backup directory with the directory's own name: hosts and mounts change, containers get new names.
_PLACE_FILE = ".place"

_log = get_logger()


class Manifest:
    """The entries of one backup directory; safe to use from several threads. Never fails its caller."""

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        directory: Path,
        on_gone: Callable[[str, int], None] = lambda _name, _rows: None,
    ) -> None:
        self._link = link
        self._key = keys.backup_files
        self._directory = directory
        #: Told of files that waited and are gone from the disk, with their rows.
        self.on_gone = on_gone
        self._lock = threading.Lock()
        #: Looked up by those who work with files anyway: `flush` is called by who must not wait for a disk.
        self._here: dict[str, str] | None = None
        self._unsaid: dict[str, dict[str, Any]] = {}
        self._forgotten: set[str] = set()

    def note(self, state: FileState) -> None:
        """Take note of a file that changed; `flush` says it."""
        self.set(
            state.path,
            OPEN if state.is_open else WAITING,
            rows=state.rows,
            size_bytes=state.size_bytes,
            created=state.created.timestamp(),
        )

    def set(self, path: Path, state: str, *, rows: int, size_bytes: int, created: float) -> None:
        """Take note of a file's state."""
        if self._here is None or self._here["place"] == _nameless(self._here):
            # Nor had it a name while the directory was not there.
            self._here = _where(self._directory)
        with self._lock:
            self._unsaid[shown(Path(path.name))] = {
                "rows": rows,
                "bytes": size_bytes,
                "created": round(created, 3),
                "state": state,
                "kind": path.name.split("_", 1)[0],
            }

    def forget(self, path: Path) -> None:
        """Take note that a file's rows are in another one now; what is left of it is listed by the next rebuild."""
        with self._lock:
            self._unsaid.pop(path.name, None)
            self._forgotten.add(path.name)

    def flush(self) -> None:
        """Write what changed; what can't be written now is written by a later flush."""
        with self._lock:
            entries, self._unsaid = self._unsaid, {}
            forgotten, self._forgotten = self._forgotten, set()
        try:
            self._say(entries, forgotten)
        except PipelineError:
            with self._lock:
                self._unsaid = {**entries, **self._unsaid}
                self._forgotten |= forgotten - self._unsaid.keys()

    def _say(self, entries: Mapping[str, Mapping[str, Any]], forgotten: Iterable[str]) -> None:
        if not entries and not forgotten:
            return
        here = self._here or _where(self._directory)
        for name in forgotten:
            if _is_at(_record(self._link.command("HGET", self._key, name)), here):
                self._link.command("HDEL", self._key, name)
        if entries:
            present = self._link.command("HMGET", self._key, *entries)
            parts = [
                part
                for (name, entry), other in zip(entries.items(), present, strict=True)
                for part in (_field(name, here, _record(other)), json.dumps({**entry, **here}, ensure_ascii=False))
            ]
            self._link.command("HSET", self._key, *parts)

    def rebuild(self) -> None:
        """Make the entries agree with the directory: files missing in the list, gone from the disk, or left behind.

        Raises: RedisUnavailableError.
        """
        here = self._here = _where(self._directory)
        known = {name: _record(entry) for name, entry in self._link.hash(self._key).items()}
        ours = {name: entry for name, entry in known.items() if _is_at(entry, here)}
        waiting = backup_files(self._directory)
        files = {path.name: path for path in [*recovered_files(self._directory), *waiting[:MAX_WAITING]]}
        for name, path in files.items():
            state = RECOVERED if path.parent.name == RECOVERED_DIRECTORY else WAITING
            entry = ours.get(_field(name, here, known.get(name)), {})
            # A file in use is told of by who uses it.
            if entry.get("state") != state and not is_in_use(path):
                self._set_from_file(path, state)
        self._tell_rest(waiting[MAX_WAITING:], here)
        present = {_field(name, here, known.get(name)) for name in files}
        gone = {name: entry for name, entry in ours.items() if name not in present and not name.startswith(_REST)}
        for name, entry in gone.items():
            if entry.get("state") in (WAITING, RECOVERING) and not self._is_elsewhere(name):
                self.on_gone(name, _number(entry.get("rows")))
        if gone:
            self._link.command("HDEL", self._key, *gone)
        self.flush()

    def _is_elsewhere(self, name: str) -> bool:
        """Tell whether a file that is not listed is there all the same: there are more than are listed."""
        file_name = name.split(" at ", maxsplit=1)[0]
        return any(os.path.lexists(self._directory / part / file_name) for part in ("", RECOVERED_DIRECTORY))

    def _tell_rest(self, paths: list[Path], here: Mapping[str, str]) -> None:
        """Put all files that are too many for the list into one entry."""
        name = f"{_REST} at {here['place']}"
        if not paths:
            self._link.command("HDEL", self._key, name)
            return
        size_bytes = sum(path.stat().st_size for path in paths if path.exists())
        entry = {
            "rows": sum(count_rows(path) for path in paths), "bytes": size_bytes, "files": len(paths),
            "created": created_at(paths[0]).timestamp(), "state": WAITING, "kind": "backup", **here,
        }  # fmt: skip
        self._link.command("HSET", self._key, name, json.dumps(entry, ensure_ascii=False))

    def _set_from_file(self, path: Path, state: str) -> None:
        try:
            size_bytes = path.stat().st_size
            self.set(path, state, rows=count_rows(path), size_bytes=size_bytes, created=created_at(path).timestamp())
        except OSError as error:
            _log.debug(f"{shown(path)} not listed: {error.strerror}")


#: Entry that stands for the files of a place that are too many for the list.
_REST = "(more files)"


def _where(directory: Path) -> dict[str, str]:
    """Return where the files of a directory are: for people, and the directory's own name."""
    path, host = shown(directory.absolute())[:500], socket.gethostname()
    here = {"host": host, "directory": path}
    return {**here, "place": _place(directory) or _nameless(here)}


def _nameless(here: Mapping[str, str]) -> str:
    """Return what stands for the name of a directory that has none."""
    return f"{here['host']}:{here['directory']}"


def _place(directory: Path) -> str | None:
    """Return the directory's own name, given at the first look; None where none can be kept."""
    path = directory / _PLACE_FILE
    try:
        # Exclusively: several writers may begin in one directory at once, and must agree.
        with suppress(FileExistsError), path.open("x", encoding="ascii") as file:
            file.write(secrets.token_hex(8))
        with open(open_regular(path), "rb") as file:  # noqa: PTH123 - of a descriptor
            return file.read(32).decode("ascii", errors="replace") or None
    except OSError:
        return None


def _field(name: str, here: Mapping[str, str], other: Mapping[str, Any] | None) -> str:
    """Return a file's name in the list: with its place where a file of another place has the plain one."""
    return name if not other or _is_at(other, here) else f"{name} at {here['place']}"


def _is_at(entry: Mapping[str, Any], here: Mapping[str, str]) -> bool:
    if "place" in entry:
        return entry["place"] in (here["place"], _nameless(here))
    # Of a writer that knew no places. Its host does not tell: a container has another name after each upgrade.
    return bool(entry.get("directory", here["directory"]) == here["directory"])


def _record(raw: bytes | str | None) -> dict[str, Any]:
    """Return an entry; an empty one for what is none of ours."""
    try:
        entry = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def backup_files(directory: Path) -> list[Path]:
    """Return the files of a directory that hold rows which are not in the table, oldest first."""
    return _files(directory, ("backup_", "rejected_"))


def recovered_files(directory: Path) -> list[Path]:
    """Return the newest files that were put into the table."""
    return _files(directory / RECOVERED_DIRECTORY, ("backup_", "rejected_"))[-MAX_RECOVERED:]


def _files(directory: Path, prefixes: tuple[str, ...]) -> list[Path]:
    """Return regular files alone, with names that can be written down: what else lies there is not ours."""
    try:
        with os.scandir(directory) as entries:
            found = [
                Path(entry.path)
                for entry in entries
                if entry.name.startswith(prefixes) and entry.name.endswith(".csv") and _is_ours(entry)
            ]
    except OSError:
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


def count_rows(path: Path) -> int:
    """Return how many rows a file holds: by its label, else counted, else (of a large one) estimated.

    Raises: OSError.
    """
    label = read_label(path)
    if label is not None and label.rows is not None:
        return label.rows
    counter, read = RecordCounter(), 0
    with open(open_regular(path), "rb") as file:  # noqa: PTH123 - of a descriptor
        size = os.fstat(file.fileno()).st_size
        while read < _COUNTED_BYTES and (piece := file.read(1024 * 1024)):
            counter.feed(piece)
            read += len(piece)
    rows = max(0, counter.records - 1)
    return rows if read >= size else rows * size // max(1, read)


def complete_lines(path: Path) -> Iterator[list[str]]:
    """Yield the cells of every complete line, the header first; a torn last line is left out.

    Raises: OSError.
    """
    # Lines end with \n alone: a carriage return is part of a value.
    with path.open(encoding="utf-8", newline="\n", errors="replace") as file:
        yield from csv.reader(line for line in file if line.endswith("\n"))


def _age_order(path: Path) -> tuple[str, int, str]:
    parts = path.stem.split("_")
    number = int(parts[3]) if len(parts) > 3 and parts[3].isdecimal() else 1  # noqa: PLR2004 - kind, day, time, number
    return "_".join(parts[1:3]), number, path.name
