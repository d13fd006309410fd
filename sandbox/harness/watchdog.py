"""Ends the demo's processes when the demo itself was killed and could not.

A small process of its own, for kill -9 leaves nobody else: it learns over a pipe which process groups there are, and
the pipe's end tells it that the demo is gone. A pipe works on every system and needs nothing of the programs it
guards, of which one is no Python. Run as a script, so that it starts in a few milliseconds.

A group that nobody said was gone may be gone all the same, and its number another's: who began at another time is left.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping

#: Seconds that a process gets between SIGTERM and SIGKILL.
GRACE_S = 2.0


def main() -> None:
    """Read `+PID`, `-PID` and `!` (no grace), a line each, until the pipe ends; then end the groups that are left."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    groups: dict[int, str] = {}
    grace_s = GRACE_S
    for line in sys.stdin:
        match line[0], line[1:].strip():
            case "+", pid:
                groups[int(pid)] = beginning_of(int(pid))
            case "-", pid:
                groups.pop(int(pid), None)
            case "!", _:
                grace_s = 0.0
    end_groups(groups, grace_s)


def beginning_of(pid: int) -> str:
    """Return when a process began, in ticks of the kernel; empty where it is gone, or nobody can tell."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - pathlib takes longer to import than all else here
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def end_groups(groups: Mapping[int, str], grace_s: float) -> None:
    """End process groups: SIGTERM, and SIGKILL for those that live `grace_s` seconds later.

    `groups`: their numbers, and when their leaders began. A number whose leader is gone is not given away while the
    group has members, so whoever leads under it now, and began at another time, is none of ours.
    """
    ours = {group for group, began in groups.items() if beginning_of(group) in {"", began}}
    alive = {group for group in ours if _signal(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_s
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = {group for group in alive if _signal(group, 0)}
    for group in alive:
        _signal(group, signal.SIGKILL)


def _signal(group: int, signum: int) -> bool:
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
