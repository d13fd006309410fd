"""An OPC UA server that nobody of this project wrote: node-opcua, installed by npm into a cache outside the repository.

Only tests and the demo use it, where Node and npm are there; nothing of tagpipe needs either.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

#: The version that the server's script was written for.
VERSION = "2.186.4"

#: Seconds that npm may take.
_INSTALL_TIMEOUT_S = 110.0

#: The plant that it serves; its head says what the options are.
SCRIPT = Path(__file__).resolve().with_name("node_opcua.js")


class NodeUnavailableError(RuntimeError):
    """There is no node-opcua here; the text says why, and what would cure it."""


def install() -> Path:
    """Return the directory that node-opcua is installed in, after installing it where it is not yet.

    Raises: NodeUnavailableError.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NodeUnavailableError(f"no {program} on PATH: install Node 20 or newer with npm")
    directory = _cache() / f"node-opcua-{VERSION}"
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent) as half_done:
            _npm_install(Path(half_done))
            # Whole or not at all; another process may have been quicker.
            if not directory.exists():
                shutil.move(half_done, directory)
                Path(half_done).mkdir()
    return directory


def command(installed: Path, port: int, pki: Path, *options: str) -> tuple[list[str], Mapping[str, str]]:
    """Return the command that runs the server, and what its environment must hold beside the usual.

    Args: pki: where it keeps its certificates; one that is not there is made.
    """
    return (
        ["node", str(SCRIPT), "--port", str(port), "--pki", str(pki), *options],
        {"NODE_OPCUA": str(installed), "NODE_NO_WARNINGS": "1"},
    )


def _npm_install(directory: Path) -> None:
    (directory / "package.json").write_text('{"private": true}')
    npm = shutil.which("npm") or "npm"
    try:
        result = subprocess.run(
            [npm, "install", f"node-opcua-server@{VERSION}", "--ignore-scripts", "--no-audit", "--no-fund",
             "--fetch-retries=1", "--fetch-timeout=30000"],
            cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=_INSTALL_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NodeUnavailableError(f"npm did not install node-opcua within {_INSTALL_TIMEOUT_S:.0f} s") from None
    if result.returncode:
        reason = next((line for line in result.stderr.splitlines() if "error" in line.lower()), "no reason given")
        raise NodeUnavailableError(f"npm can't install node-opcua: {reason}")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tagpipe"
