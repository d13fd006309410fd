"""Which process of ours holds a file, by its lock."""

import errno
import fcntl
import os
from pathlib import Path

from services.writer.backup.files import CANT, open_to_read


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
