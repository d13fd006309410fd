"""The list of backup files in Redis, for the monitor. The directory is the truth; the list is made from it."""

import stat
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from services.writer.backup.directory import (
    backup_files,
    count_rows,
    created_at,
    file_entry,
    passed_over,
    recovered_files,
)
from services.writer.backup.files import RECOVERED_DIRECTORY, places, shown
from services.writer.backup.locks import is_in_use
from services.writer.backup.place import Here, take_new_name, whereabouts
from shared.errors import PipelineError
from shared.keys import Keys
from shared.logs import get_logger
from shared.records.files import BackupFile, FileKind, FileStage
from shared.records.reading import from_json, to_json
from shared.redis.link import RedisLink

#: Recovered files kept in the list, and files that wait: the others of these are told as one.
MAX_RECOVERED, MAX_WAITING = 100, 1_000

_log = get_logger()


class _Counted(NamedTuple):
    """A file's rows, as long as it is the same."""

    size_bytes: int
    changed_ns: int
    rows: int


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
        self._here: Here | None = None
        self._unsaid: dict[str, BackupFile] = {}
        self._forgotten: set[str] = set()
        #: Of another host, not here, and struck off at the last rebuild: gone, or that host's own.
        self._doubted: dict[str, BackupFile] = {}
        #: Files that are too many for the list, by name: to count their rows may take reading them.
        self._counted: dict[str, _Counted] = {}

    def note(self, path: Path, entry: BackupFile) -> None:
        """Take note of a file that changed; `flush` says it. One that lies elsewhere is in no list of ours."""
        if not self._is_of_here(path):
            return
        # Each time: a share may have been mounted there, or have gone, since the last.
        self._here = whereabouts(self._directory)
        with self._lock:
            self._unsaid[shown(Path(path.name))] = entry

    def _is_of_here(self, path: Path) -> bool:
        parents = places(self._directory)
        return path.parent in parents or path.parent.resolve() in [parent.resolve() for parent in parents]

    @property
    def place(self) -> str | None:
        """The directory's own name, once a file of it was taken note of."""
        return self._here.place if self._here is not None else None

    def is_here(self, place: str) -> bool:
        """Tell whether a place, as the list names it, is this directory."""
        here = self._here or whereabouts(self._directory)
        return place in (here.place, here.nameless)

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

    def _say(self, entries: Mapping[str, BackupFile], forgotten: Iterable[str]) -> None:
        if not entries and not forgotten:
            return
        here = self._here or whereabouts(self._directory)
        for name in forgotten:
            if here.has(from_json(BackupFile, self._link.command("HGET", self._key, name))):
                self._link.command("HDEL", self._key, name)
        if entries:
            present = self._link.command("HMGET", self._key, *entries)
            parts = [
                part
                for (name, entry), other in zip(entries.items(), present, strict=True)
                for part in (here.field(name, from_json(BackupFile, other)), to_json(here.told(entry)))
            ]
            self._link.command("HSET", self._key, *parts)

    def rebuild(self) -> None:
        """Make the entries agree with the directory: files missing in the list, gone from the disk, or left behind.

        Raises: RedisUnavailableError.
        """
        here = self._here = whereabouts(self._directory)
        known = {name: from_json(BackupFile, entry) for name, entry in self._link.hash(self._key).items()}
        ours = {name: entry for name, entry in known.items() if here.has(entry)}
        try:
            waiting, recovered = backup_files(self._directory), recovered_files(self._directory)[-MAX_RECOVERED:]
        except OSError as error:
            # That nobody can list it tells nothing of its files; that it can't be used is told by who tries it.
            _log.warning(f"{shown(self._directory)} can't be listed ({error.strerror}): its list stays as it was")
            return
        files = {path.name: path for path in [*recovered, *waiting[:MAX_WAITING]]}
        for name, path in files.items():
            stage = FileStage.RECOVERED if path.parent.name == RECOVERED_DIRECTORY else FileStage.WAITING
            entry = ours.get(here.field(name, known.get(name)))
            # A file in use is told of by who uses it.
            if (entry is None or entry.state != stage) and not is_in_use(path):
                self._set_from_file(path, stage)
        self._tell_further(waiting[MAX_WAITING:], here)
        present = {here.field(name, known.get(name)) for name in files}
        gone = {name: entry for name, entry in ours.items() if name not in present and not name.startswith(_FURTHER)}
        doubted, self._doubted = self._doubted, self._of_another_host(gone, here)
        if doubted.keys() & self._doubted.keys():
            self._part_ways(here, ours)
            return
        missed = {name: entry for name, entry in doubted.items() if name not in {*known, *present}}
        for name, entry in {**missed, **self._waited(gone)}.items():
            if name not in self._doubted:
                self.on_gone(name + self._beside(name), entry.rows)
        if gone:
            self._link.command("HDEL", self._key, *gone)
        self.flush()

    def _waited(self, gone: Mapping[str, BackupFile | None]) -> dict[str, BackupFile]:
        """Return those of them that waited, and lie nowhere here."""
        stages = FileStage.WAITING, FileStage.RECOVERING
        return {
            name: entry
            for name, entry in gone.items()
            if entry is not None and entry.state in stages and not self._is_elsewhere(name)
        }

    def _of_another_host(self, gone: Mapping[str, BackupFile | None], here: Here) -> dict[str, BackupFile]:
        return {name: entry for name, entry in self._waited(gone).items() if entry.host not in (None, here.host)}

    def _part_ways(self, here: Here, ours: Mapping[str, BackupFile | None]) -> None:
        """Give the directory another name: one of another host has it, who told again of a file that is not here.

        A machine was cloned, or the directory copied: each would strike off what the other tells.
        """
        self._doubted = {}
        try:
            take_new_name(self._directory)
        except OSError as error:
            _log.warning(f"{shown(self._directory)} has the name of another host's, and takes none ({error.strerror})")
            return
        _log.warning(f"{shown(self._directory)} is a copy of another host's directory: it is told of by itself now")
        told = [name for name, entry in ours.items() if entry is not None and entry.host == here.host]
        if told:
            self._link.command("HDEL", self._key, *told)
        self.rebuild()

    def _is_elsewhere(self, name: str) -> bool:
        """Tell whether a file that is not listed is there all the same: there are more than are listed."""
        file_name = name.split(" at ", maxsplit=1)[0]
        return any(_is_regular(place / file_name) for place in places(self._directory))

    def _beside(self, name: str) -> str:
        """Return, in words, what lies there under a name that begins so; nothing where nothing does."""
        found = [shown(Path(path.name)) for path in passed_over(self._directory) if path.name.startswith(name)]
        return f" ({', '.join(found)} lies there: unpack it, and give it its name back)" if found else ""

    def _tell_further(self, paths: list[Path], here: Here) -> None:
        """Put all files that are too many for the list into one entry."""
        name = f"{_FURTHER} at {here.place}"
        if not paths:
            self._link.command("HDEL", self._key, name)
            return
        counted, self._counted = self._counted, {}
        for path in paths:
            # One that can't be read, or is gone by now, costs itself.
            with suppress(OSError):
                status = path.stat()
                known = counted.get(path.name)
                if known is None or (known.size_bytes, known.changed_ns) != (status.st_size, status.st_mtime_ns):
                    known = _Counted(status.st_size, status.st_mtime_ns, count_rows(path))
                self._counted[path.name] = known
        rows = sum(each.rows for each in self._counted.values())
        size_bytes = sum(each.size_bytes for each in self._counted.values())
        first = file_entry(paths[0], FileStage.WAITING, rows=rows, size_bytes=size_bytes, created=created_at(paths[0]))
        entry = replace(first, kind=FileKind.BACKUP, files=len(paths))
        self._link.command("HSET", self._key, name, to_json(here.told(entry)))

    def _set_from_file(self, path: Path, stage: FileStage) -> None:
        with suppress(OSError):  # It is gone by now.
            size_bytes, created, rows = path.stat().st_size, created_at(path), 0
            try:
                rows = count_rows(path)
            except OSError as error:
                _log.warning(f"{shown(path)} can't be read ({error.strerror}): listed without its rows")
            self.note(path, file_entry(path, stage, rows=rows, size_bytes=size_bytes, created=created))


#: Entry that stands for the files of a place that are too many for the list.
_FURTHER = "(more files)"


def _is_regular(path: Path) -> bool:
    """Tell whether a file is there: a link is none, and nobody takes it."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
