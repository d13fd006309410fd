"""Ends the demo's processes when the demo itself was killed and could not.

A small process of its own, for kill -9 leaves nobody else: it learns over a pipe which process groups there are, and
the pipe's end tells it that the demo is gone. A pipe works on every system and needs nothing of the programs it
guards, of which one is no Python. Run as a script, so that it starts in a few milliseconds.
"""

import os
import signal
import sys
import time

#: Seconds that a process gets between SIGTERM and SIGKILL.
GRACE_S = 2.0


def main() -> None:
    """Read `+PID`, `-PID` and `!` (no grace), a line each, until the pipe ends; then end the groups that are left."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    groups: set[int] = set()
    grace_s = GRACE_S
    for line in sys.stdin:
        match line[0], line[1:].strip():
            case "+", pid:
                groups.add(int(pid))
            case "-", pid:
                groups.discard(int(pid))
            case "!", _:
                grace_s = 0.0
    end_groups(groups, grace_s)


def end_groups(groups: set[int], grace_s: float) -> None:
    """End process groups: SIGTERM, and SIGKILL for those that live `grace_s` seconds later."""
    alive = {group for group in groups if _signal(group, signal.SIGTERM)}
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
