"""An OPC UA server that nobody of this project wrote: node-opcua, installed by npm into a cache outside the repository.

Only tests and the demo use it, where Node and npm are there; nothing of tagpipe needs either.
"""

from collections.abc import Mapping
from pathlib import Path

from sandbox.npm import npm_install

#: What npm installs: the version that the server's script was written for.
_LOCKED = Path(__file__).resolve().with_name("strangers")

#: The plant that it serves; its head says what the options are.
SCRIPT = Path(__file__).resolve().with_name("node_opcua.js")


def install() -> Path:
    """Return the directory that node-opcua is installed in, after installing it where it is not yet.

    Raises: NodeUnavailableError.
    """
    return npm_install("node-opcua", _LOCKED)


def command(installed: Path, port: int, pki: Path, *options: str) -> tuple[list[str], Mapping[str, str]]:
    """Return the command that runs the server, and what its environment must hold beside the usual.

    Args: pki: where it keeps its certificates; one that is not there is made.
    """
    return (
        ["node", str(SCRIPT), "--port", str(port), "--pki", str(pki), *options],
        {"NODE_OPCUA": str(installed), "NODE_NO_WARNINGS": "1"},
    )
