"""What npm installs for tests and the demo, into a cache outside the repository; nothing of tagpipe needs it."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

#: Seconds that npm may take.
_INSTALL_TIMEOUT_S = 110.0


class NodeUnavailableError(RuntimeError):
    """There is no Node, or npm can't install; the text says why, and what would cure it."""


def npm_install(name: str, locked: Path) -> Path:
    """Return a directory of the cache in which npm has installed what a lock file pins, each package by its hash.

    Args: name: for messages. locked: where package.json and package-lock.json lie.
    Raises: NodeUnavailableError.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NodeUnavailableError(f"no {program} on PATH: install Node 20 or newer with npm")
    files = [locked / file for file in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    directory = _cache() / f"{name}-{digest}"
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent) as half_done:
            for file in files:
                shutil.copy(file, half_done)
            _npm_ci(name, Path(half_done))
            # Whole or not at all; another process may have been quicker.
            if not directory.exists():
                shutil.move(half_done, directory)
                Path(half_done).mkdir()
    return directory


def _npm_ci(name: str, directory: Path) -> None:
    npm = shutil.which("npm") or "npm"
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000"]
    try:
        result = subprocess.run(
            [npm, "ci", *options], cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=_INSTALL_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NodeUnavailableError(f"npm did not install {name} within {_INSTALL_TIMEOUT_S:.0f} s") from None
    if result.returncode:
        reason = next((line for line in result.stderr.splitlines() if "error" in line.lower()), "no reason given")
        raise NodeUnavailableError(f"npm can't install {name}: {reason}")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tagpipe"
