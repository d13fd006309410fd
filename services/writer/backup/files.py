"""Files on whatever mount BACKUP_DIR is. What a mount can't do must not stop what it can."""

import errno
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import BufferedReader
from itertools import count
from pathlib import Path
from typing import NamedTuple

from shared.disks import why_passing
from shared.texts import tamed

#: Where files go that are through, beside where they were.
RECOVERED_DIRECTORY = "recovered"

#: Where files of rejected rows go that nobody will retry.
SET_ASIDE_DIRECTORY = "set_aside"

#: What a mount answers that has no locks, or can't sync a directory: NFS without lockd, FUSE, SMB, some overlays.
CANT = {errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class NotAFileError(OSError):
    """A FIFO, a socket, a device, a directory or a link stands where a file should."""

    def __init__(self, kind: str) -> None:
        super().__init__(errno.EINVAL, f"it is {kind}, no regular file")


def places(directory: Path) -> list[Path]:
    """Return where files of a backup directory may be: in it, or put away beside those."""
    return [directory, directory / RECOVERED_DIRECTORY, directory / SET_ASIDE_DIRECTORY]


def shown(path: Path) -> str:
    """Return a path for people: file names may hold what no encoding has, or line breaks."""
    return tamed(os.fsencode(path).decode(errors="backslashreplace"))


def why(error: OSError, directory: Path) -> str:
    """Return for people why nothing can be written to a directory."""
    with suppress(OSError):
        disk = os.statvfs(directory)
        if error.errno == errno.ENOSPC and disk.f_files and not disk.f_favail:
            return "no inode is left there for another file (df -i), whatever room df shows"
    return error.strerror or str(error)


class DiskRoom(NamedTuple):
    """What a file system says of itself, in bytes."""

    free: int
    total: int


def disk_room(directory: Path) -> DiskRoom | None:
    """Return the room where a directory is, which is made where it is not there. Raises: OSError.

    None: the mount does not say; then a full disk is found out by writing.
    """
    try:
        disk = os.statvfs(directory)
    except FileNotFoundError:
        make_directory(directory)
        disk = os.statvfs(directory)
    return DiskRoom(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize) if disk.f_blocks else None


def in_directory(name: Path, directory: Path) -> Path:
    """Return where a file is that a person named: there as it stands, else in a directory."""
    # Whatever the name is: too long, or below what may not be entered.
    return name if name.is_absolute() or os.path.lexists(name) else directory / name


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open an existing regular file, and nothing else: never waits for the other end of a FIFO, touches no device.

    Raises: OSError, NotAFileError.
    """
    # Looked at first: opening alone may already move a tape or reset a line.
    _refuse_others(os.lstat(path).st_mode)
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _refuse_others(os.fstat(descriptor).st_mode)
    except NotAFileError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_others(mode: int) -> None:
    kinds = {
        stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFLNK: "a link",
        stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    }  # fmt: skip
    if not stat.S_ISREG(mode):
        raise NotAFileError(kinds.get(stat.S_IFMT(mode), "something else"))


def reading(path: Path) -> BufferedReader:
    """Return an existing regular file, and nothing else, to be read. Raises: OSError, NotAFileError."""
    return os.fdopen(open_regular(path), "rb")


def open_to_read(path: Path) -> int:
    """Open a regular file to read it, and writable where that is allowed: NFS locks nothing else. Raises: OSError."""
    try:
        return open_regular(path, os.O_RDWR)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY):
            raise
    return open_regular(path)


def create_exclusively(directory: Path, kind: str, moment: datetime, avoid: Path | None = None) -> tuple[int, Path]:
    """Create `<kind>_YYYYMMDD_HHMMSS.csv` (UTC), or the same with _2, _3... where it is taken; return it open.

    avoid: a name that is not to be given again, though somebody made it free.
    Raises: OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    for path in _names(directory / f"{kind}_{moment.astimezone(UTC):%Y%m%d_%H%M%S}.csv"):
        # A file that was recovered keeps its name in recovered/: it must not be given twice.
        if path != avoid and not (directory / RECOVERED_DIRECTORY / path.name).exists():
            with suppress(FileExistsError):
                descriptor = os.open(path, flags, 0o640)
                give_away(descriptor, directory)
                return descriptor, path
    raise AssertionError("there is always another name")


def _names(path: Path) -> Iterator[Path]:
    """Yield a path, and the same with _2, _3... at the end of its name."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}_{number}{path.suffix}")


def give_away(made: int | Path, directory: Path) -> None:
    """Let what root made there (`sudo ... recover`) belong to whom the directory belongs to, who works with it."""
    if os.geteuid() == 0:
        # A mount that knows no owners, or where root is nobody: then it is as it is.
        with suppress(OSError):
            owner = directory.stat()
            os.chown(made, owner.st_uid, owner.st_gid)


def make_directory(directory: Path) -> None:
    """Make a directory, and those above it, where they are not there. Raises: OSError."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    with suppress(FileExistsError):
        directory.mkdir()
        give_away(directory, directory.parent)


def write_all(descriptor: int, text: bytes | memoryview) -> None:
    """Write all of it, whatever pieces the disk takes it in. Raises: OSError: some of it may be written."""
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(directory: Path, *, strictly: bool = False) -> None:
    """Bring a directory's entries to the disk, where the mount can; `strictly`: everywhere. Raises: OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if strictly or error.errno not in CANT:
            raise
    finally:
        os.close(descriptor)


def write_at_once(path: Path, text: bytes) -> None:
    """Write a small file so that it is there whole or not at all. Raises: OSError: what was there before still is."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        try:
            write_all(descriptor, text)
            os.fsync(descriptor)
            give_away(descriptor, path.parent)
        finally:
            os.close(descriptor)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def move_beside(path: Path, directory_name: str) -> Path:
    """Move a file to a directory beside it, under a name that nobody has there; return where it is.

    Raises: OSError: it is where it was.
    """
    directory = path.parent / directory_name
    make_directory(directory)
    for target in _names(directory / path.name):
        with suppress(FileExistsError):
            # Taken first, since a rename replaces what is there.
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
            break
    try:
        _move(path, target)
    except OSError:
        with suppress(OSError):
            target.unlink()
        raise
    return target


def _move(path: Path, target: Path) -> None:
    try:
        path.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # recovered/ is on another mount: a copy that is on its disk before the original goes.
        with reading(path) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1024 * 1024)
            copy.flush()
            give_away(copy.fileno(), target.parent)
            os.fsync(copy.fileno())
        sync_directory(target.parent)
        path.unlink()


def try_out(directory: Path) -> list[str]:
    """Do with a file of its own all that a backup needs; return what the mount can't do, though files can be written.

    Raises: OSError: backups can't be written here.
    """
    path = directory / f".probe-{secrets.token_hex(8)}"
    renamed = path.with_name(f"{path.name}-renamed")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
    cant: list[str] = []
    try:
        write_all(descriptor, b"probe\n")
        os.fsync(descriptor)
        if os.pread(descriptor, 6, 0) != b"probe\n" or not os.path.samestat(path.stat(), os.fstat(descriptor)):
            raise OSError(errno.EIO, "what was written does not read back the same")
        for what, attempt in (
            ("lock a file", lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)),
            ("sync a directory", lambda: sync_directory(directory, strictly=True)),
            ("rename a file", lambda: path.replace(renamed)),
        ):
            try:
                attempt()
            except OSError as error:
                cant.append(f"{what} ({error.strerror})")
        if passing := why_passing(descriptor):
            cant.append(f"keep a file ({passing})")
    finally:
        os.close(descriptor)
        for name in (path, renamed):
            with suppress(FileNotFoundError):
                name.unlink()
    return cant
