"""What the machine knows of a file: whether its disk keeps it, whether some program writes to it."""

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path

#: File systems whose files go with what they are part of.
_PASSING = {
    "tmpfs": "it is in memory: gone with the machine's next start",
    "ramfs": "it is in memory: gone with the machine's next start",
    "overlay": "it is the container's own layer: gone with the container, unless a volume is mounted there",
}

#: File systems of this machine alone. A share refuses leases as if somebody wrote: NFS without a delegation, SMB.
_LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "f2fs", "jfs", "tmpfs", "overlay"})

#: A lease to read is granted where nobody has the file open to write it.
_LEASE, _LEASE_SIGNAL = getattr(fcntl, "F_SETLEASE", None), getattr(fcntl, "F_SETSIG", 0)


def why_passing(descriptor: int) -> str:
    """Return why what is written to a file, or in a directory, will not last; "" where nothing speaks against it."""
    with suppress(OSError):
        return _PASSING.get(_file_system_of(descriptor), "")
    return ""


def is_being_written(descriptor: int) -> bool:
    """Tell whether some program has a file open to write it: a copy that is not whole, however long it stands still.

    Linux tells of its own disks, to the file's owner and root; False where nobody does. The descriptor only reads.
    """
    if _LEASE is None:
        return False
    with suppress(OSError):
        # A disk of this machine for certain?
        if _file_system_of(descriptor) not in _LOCAL:
            return False
        # Who wants to write just now wakes us by a signal, which by default would end the process.
        fcntl.fcntl(descriptor, _LEASE_SIGNAL, signal.SIGURG)
        try:
            fcntl.fcntl(descriptor, _LEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            return True
        fcntl.fcntl(descriptor, _LEASE, fcntl.F_UNLCK)
    return False


def _file_system_of(descriptor: int) -> str:
    """Return the type of the file system that a file is on, in Linux' words; "" where nobody says. Raises: OSError."""
    device = os.fstat(descriptor).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    # Source: proc(5), mountinfo: the third field is the device; behind " - " stands the type.
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        mount, _, kind = line.partition(" - ")
        if mount.split()[2] == number:
            return kind.split()[0]
    return ""
