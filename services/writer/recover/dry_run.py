"""`recover --dry-run`: what is in files, and how much of it the table holds already. Writes and moves nothing."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.writer.backup.files import shown
from services.writer.recover.console import DONE, INTERRUPTED, LEFT, Listener
from services.writer.recover.file_recovery import BAD_LINES_NAMED, Opens, Tally
from services.writer.recover.open_file import FileInUseError, OpenFile, RowsFile, UnusableFileError
from services.writer.sink import Sink, SinkError
from shared.lifecycle import StopFlag
from shared.models import TagValue

#: Rows of a file that are looked up in the table: one query.
ROWS_LOOKED_UP = 200


@dataclass(frozen=True)
class DryRun:
    """One run over files; reads `batch_rows` at a time."""

    sink: Sink
    console: Listener
    stop: StopFlag
    batch_rows: int
    opens: Opens = OpenFile

    def run(self, files: Sequence[Path]) -> int:
        """Say what is in each file; return the exit status."""
        status, read = DONE, list[Tally]()
        for path in files:
            try:
                # What would be refused is read all the same: it is what somebody wants to know who asks.
                with self.opens(path, self.sink.target, anyway=True) as file:
                    if file.warning is not None:
                        self.console.error(f"would be refused without --anyway: {file.warning}")
                        status = LEFT
                    tally, sample = self._read_through(file)
            except FileInUseError as error:
                self.console.say(str(error))
                continue
            except (UnusableFileError, OSError) as error:
                self.console.error(str(error))
                status = LEFT
                continue
            read.append(tally)
            torn = ", last line torn" if tally.torn else ""
            self.console.say(
                f"{shown(path)}: {tally.read:,} rows, {tally.bad_lines} bad lines{torn}; {self._look_up(sample)}"
            )
            if self.stop.is_set():
                return INTERRUPTED
        rows = sum(tally.read for tally in read)
        self.console.say(f"Dry run: {len(read)} files, {rows:,} rows; nothing was written or moved")
        return status

    def _read_through(self, file: RowsFile) -> tuple[Tally, list[TagValue]]:
        """Return what is in a file, and rows of it chosen evenly at random."""
        tally, sample = Tally(), list[TagValue]()
        chooser = random.Random(0)
        while not self.stop.is_set() and (batch := file.reader.read(self.batch_rows)).rows:
            for line in batch.bad_lines[: max(0, BAD_LINES_NAMED - tally.bad_lines)]:
                self.console.say(f"{file.name} line {line.line}: {line.reason}")
            tally.bad_lines += len(batch.bad_lines)
            for seen, value in enumerate(batch.values, tally.read - tally.bad_lines):
                place = len(sample) if len(sample) < ROWS_LOOKED_UP else chooser.randrange(seen + 1)
                if place < ROWS_LOOKED_UP:
                    sample[place : place + 1] = [value]
            tally.read += batch.rows
        tally.torn = int(file.reader.torn_line is not None)
        return tally, sample

    def _look_up(self, sample: list[TagValue]) -> str:
        if not sample:
            return "nothing to look up"
        try:
            found = sum(stored is not None for stored in self.sink.lookup(sample))
        except SinkError as error:
            return f"not looked up in the table ({error})"
        return f"of {len(sample)} looked up {found} are in the table already"
