"""Who holds a file: another process of ours, by its lock; some program that writes to it, by what the kernel knows."""

import errno
import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path

from services.writer.backup.files import CANT, file_system_of, open_to_read, reading

#: File systems of this machine alone. A share refuses leases as if somebody wrote: NFS without a delegation, SMB.
_LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "f2fs", "jfs", "tmpfs", "overlay"})

#: A lease to read is granted where nobody has the file open to write it.
_LEASE, _LEASE_SIGNAL = getattr(fcntl, "F_SETLEASE", None), getattr(fcntl, "F_SETSIG", 0)


def lock(descriptor: int) -> bool | None:
    """Lock a file against other processes until it is closed; return False when another one holds it.

    None: its mount has no locks, and nothing was locked. Nothing is lost by that: a writer notices before it settles
    that its file was moved away, and `recover` that a file grew while it was read.
    """
    for kind in (fcntl.LOCK_EX, fcntl.LOCK_SH):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno == errno.EBADF:
                continue  # NFS, and the descriptor can't write: a shared lock is what it can have.
            if error.errno not in CANT:
                raise
            return None
        return True
    return None


def is_in_use(path: Path) -> bool:
    """Tell whether a writer or a recovery holds a file. One that can't be opened is held by nobody of ours."""
    try:
        descriptor = open_to_read(path)
    except OSError:
        return False
    try:
        return lock(descriptor) is False
    except OSError:
        return True
    finally:
        os.close(descriptor)


def is_being_written(path: Path) -> bool:
    """Tell whether some program has a file open to write it: a copy that is not whole, however long it stands still.

    Linux tells of its own disks, to the file's owner and root; False where nobody does.
    """
    if _LEASE is None:
        return False
    with suppress(OSError), reading(path) as file:
        # A disk of this machine for certain?
        if file_system_of(file.fileno()) not in _LOCAL:
            return False
        # Who wants to write just now wakes us by a signal, which by default would end the process.
        fcntl.fcntl(file, _LEASE_SIGNAL, signal.SIGURG)
        try:
            fcntl.fcntl(file, _LEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            return True
        fcntl.fcntl(file, _LEASE, fcntl.F_UNLCK)
    return False
