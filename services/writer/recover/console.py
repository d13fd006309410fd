"""What the person at the terminal sees of `recover`: a progress bar, or plain lines where there is no terminal."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from services.writer.backup.files import shown
from services.writer.recover.file_recovery import Tally
from services.writer.recover.open_file import RowsFile
from shared.texts import tamed

#: Exit status: all done; a file is left that a person must see to; stopped by a signal.
DONE, LEFT, INTERRUPTED = 0, 1, 130

#: Seconds between two lines where there is no terminal.
LINE_EVERY_S = 5.0


class Listener(Protocol):
    """Who is told how far it is: the person at the terminal, or one far away."""

    def say(self, text: str) -> None:
        """Hear one line."""

    def error(self, text: str) -> None:
        """Hear one line about what went wrong."""

    def begins(self, file: RowsFile) -> None:
        """Hear that a file is begun with."""

    def progresses(self, file: RowsFile, rows: int) -> None:
        """Hear how many rows of a file are dealt with."""

    def ends(self, text: str) -> None:
        """Hear what became of the file begun last."""

    def summary(self, tallies: Sequence[Tally], seconds: float) -> None:
        """Hear what became of all files together."""


class RecoverConsole:
    """Says how far it is, on standard output; mistakes on standard error."""

    def __init__(self) -> None:
        self._out = Console(highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[rows]:,} rows"),
            TimeRemainingColumn(),
            console=self._out,
            disable=not self._out.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None
        self._next_line_at = 0.0

    def say(self, text: str) -> None:
        """Say one line."""
        self._out.print(tamed(text), markup=False)

    def error(self, text: str) -> None:
        """Say one line about what went wrong."""
        self._errors.print(f"error: {tamed(text)}")

    def begins(self, file: RowsFile) -> None:
        """Show that a file is begun with."""
        self._next_line_at = monotonic() + LINE_EVERY_S
        if self._out.is_terminal:
            self._task = self._progress.add_task(shown(Path(file.path.name)), total=file.size_bytes, rows=0)
        else:
            self.say(f"{file.name}: {file.size_bytes:,} bytes")

    def progresses(self, file: RowsFile, rows: int) -> None:
        """Show how far a file is; call it as often as you like."""
        position = file.reader.position
        if self._task is not None:
            self._progress.update(self._task, completed=position, rows=rows)
        elif monotonic() >= self._next_line_at:
            self._next_line_at = monotonic() + LINE_EVERY_S
            self.say(f"{file.name}: {100 * position / max(1, file.size_bytes):.0f} %, {rows:,} rows")

    def ends(self, text: str) -> None:
        """Show what became of the file begun last."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        self.say(text)

    def summary(self, tallies: Sequence[Tally], seconds: float) -> None:
        """Show all files together."""
        total = Tally.of_all(tallies)
        if len(tallies) > 1:
            self.say(f"All {len(tallies)} files: {total}")
        if total.read:
            self.say(f"{total.read / max(seconds, 1e-3):,.0f} rows/s over {seconds:.1f} s")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
