"""Disks that a test may fill, take away and put back: each is memory, mounted on a directory."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(directory: Path, size: str | None = None) -> Iterator[None]:
    """Mount a disk of so many bytes (`64k`) on a directory, which is made; skip the test where nobody may."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    directory.mkdir(exist_ok=True)
    options = ["-o", f"size={size}"] if size else []
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
