"""Files that people name in the polling groups: regular ones only, opened without waiting, read up to a bound."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from services.poller.source import SourceError

#: Bytes of the file of polling groups, and of a CSV file of tags: each has room for a million tags or so.
MAX_GROUPS_BYTES, MAX_TAGS_BYTES = 64_000_000, 128_000_000

#: Bytes of a certificate, a key or a password.
MAX_SECRET_BYTES = 1_000_000


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file.

    Raises: OSError: it can't be opened, or is a pipe, a device or a directory: those would make all groups wait.
    """
    _refuse_irregular(path.stat())  # Before it is opened as well: to open a device may be to set it going.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _refuse_irregular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Return what is in a regular file.

    Raises: OSError: as `open_regular`, or there are more than so many bytes in it.
    """
    with open_regular(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"larger than {max_bytes} bytes")
    return content


def read_named(path: Path, max_bytes: int) -> bytes:
    """Return what is in a regular file that a source names. Raises: SourceError: it can't be read."""
    try:
        return read_regular(path, max_bytes)
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror or error}") from error


def _refuse_irregular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
