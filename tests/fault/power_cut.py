"""A power cut: what was written and not flushed is gone, which `kill -9` alone does not show."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


def compiled(directory: Path) -> Path | None:
    """Return the library that watches what is flushed; None: no C compiler is here."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = directory / "power_cut.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"], check=True)
    return library


class PowerCut:
    """Watches what a process flushes below a directory."""

    def __init__(self, library: Path, directory: Path) -> None:
        self._flushed = Path(tempfile.mkdtemp(dir=library.parent))
        #: What the watched process must be started with.
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "POWER_CUT_DIRECTORY": str(directory),
            "POWER_CUT_LEFT": str(self._flushed),
        }

    def leave(self, directory: Path) -> None:
        """Make a directory of what a disk would hold now, after the process was killed."""
        shutil.copytree(self._flushed, directory, ignore=shutil.ignore_patterns(".flushed"))
