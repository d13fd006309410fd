"""Commands whose output is read: to their end, or as they go on; like all processes, none outlives this program."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from sandbox.harness.process import Process
from sandbox.harness.supervisor import python

#: Seconds that a command may take: a cold machine reads many Python modules from its disk.
PATIENCE_S = 60.0


class Command(Process):
    """A module of ours that runs; what it prints and logs comes together on `stdout`."""

    def __init__(self, module: str, *arguments: str, environ: Mapping[str, str], directory: Path | None = None) -> None:
        super().__init__(python(module, *arguments), subprocess.PIPE, environ, directory=directory)

    def output(self, timeout_s: float = PATIENCE_S) -> str:
        """Wait for its end; return what it said and nobody has read yet. Raises: TimeoutExpired."""
        return self.communicate(timeout=timeout_s)[0].decode(errors="replace")


def run_command(
    module: str,
    *arguments: str,
    environ: Mapping[str, str],
    directory: Path | None = None,
    timeout_s: float = PATIENCE_S,
) -> subprocess.CompletedProcess[str]:
    """Run a module of ours to its end; return its status, and what it said on each of its two streams.

    Raises: TimeoutExpired: it is ended.
    """
    command = python(module, *arguments)
    with Process(command, subprocess.PIPE, environ, directory=directory, errors=subprocess.PIPE) as process:
        streams = process.communicate(timeout=timeout_s)
    said, errors = (stream.decode(errors="replace") for stream in streams)
    return subprocess.CompletedProcess(command, process.returncode, said, errors)
