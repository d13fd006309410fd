"""What a process id counts within. Without imports that cost: the health check runs every few seconds."""

from functools import cache
from pathlib import Path


@cache
def pid_space() -> str:
    """Return the boot of the machine and the pid namespace of this process; empty when unknown.

    Source: proc(5), /proc/sys/kernel/random/boot_id; namespaces(7), /proc/[pid]/ns/pid.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return ""
