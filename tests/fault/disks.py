"""Disks that a test may fill, take away and put back: each is memory, mounted on a directory."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(directory: Path, size: str | None = None, inodes: int | None = None) -> Iterator[None]:
    """Mount a disk of so many bytes (`64k`) and files on a directory, which is made; skip where nobody may."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    directory.mkdir(exist_ok=True)
    bounds = [f"{name}={most}" for name, most in (("size", size), ("nr_inodes", inodes)) if most]
    options = ["-o", ",".join(bounds)] if bounds else []
    command = ["mount", "-t", "tmpfs", *options, "tmpfs", str(directory)]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        # Not there any more where the test took it away.
        subprocess.run(["umount", "-l", str(directory)], check=False, capture_output=True)


def take_away(directory: Path) -> None:
    """Unmount what is mounted there, whoever uses it."""
    subprocess.run(["umount", "-l", str(directory)], check=True)
