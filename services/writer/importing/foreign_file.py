"""A file of another program that is to be imported: opened, its dialect known, its first rows looked at."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from services.writer.backup.files import reading
from services.writer.backup.reader import MAX_BATCH_BYTES, BadLine, ReadBatch
from services.writer.importing.columns import NEEDED, QUALITY, TIMESTAMP, Columns, RowReader
from services.writer.recover.open_file import FileInUseError, RowsFile, UnusableFileError
from shared.disks import is_being_written
from shared.foreign_csv.dialect import DialectError, Said, find_dialect
from shared.foreign_csv.lines import Records

#: Rows at the beginning that are looked at before anything is written.
LOOKED_AT = 2_000


@dataclass(frozen=True)
class ForeignReader:
    """The rows of one file."""

    records: Records
    rows: RowReader
    torn_line: int | None = None  #: never: who wrote it is not known to die in the middle of a line

    @property
    def position(self) -> int:
        """Bytes of the file that are read, in steps of a buffer."""
        return self.records.position

    def read(self, max_rows: int) -> ReadBatch:
        """Return the next rows; an empty batch at the end of the file."""
        batch, begin = ReadBatch(), self.position
        for record in islice(self.records, max_rows):
            if record.trouble is not None:
                batch.bad_lines.append(BadLine(record.line, record.text, record.trouble))
            else:
                try:
                    batch.values.append(self.rows.value(record.cells))
                except (ValueError, OverflowError) as error:
                    batch.bad_lines.append(BadLine(record.line, record.text, str(error)))
            if self.position - begin > MAX_BATCH_BYTES:
                break
        return batch


class ForeignFile(RowsFile):
    """A file that somebody else wrote; it is only read.

    Raises: UnusableFileError: it can't be read, or not for certain, or is not whole yet; the text says what to do. For
        a file that is in use now nobody comes again by himself, as `recover` is called again.
    """

    def __init__(self, path: Path, said: Said, columns: Columns) -> None:
        super().__init__(path)
        with self._taking():
            self._file = self._held.enter_context(reading(path))
            self.size_bytes = os.fstat(self._file.fileno()).st_size
            # In UTF-16 and UTF-32 NULs may stand behind it.
            end = os.pread(self._file.fileno(), 4, max(0, self.size_bytes - 4)).rstrip(b"\0")
            self._is_torn = not end.endswith((b"\n", b"\r"))
            if self._is_torn and is_being_written(self._file.fileno()):
                raise UnusableFileError(
                    f"{self.name}: left out, another program has it open to write it, and its last line has no end: "
                    "import it once that program has closed it"
                )
            try:
                self._dialect = find_dialect(self._file, said, columns.are_in, columns.of_values)
                self._rows = columns.reader(self._dialect)
                self._naive = self._look()
            except DialectError as error:
                raise UnusableFileError(f"{self.name}: {_with_remedy(error)}") from error
            self._file.seek(0)
            self.reader = ForeignReader(Records(self._file, self._dialect), self._rows)

    @property
    def notes(self) -> Sequence[str]:
        """How it is read: what a person who knows the file should see."""
        zone, times = self._dialect.times.zone, "times become UTC"
        if self._naive and zone is None:
            times = "times without a zone are stored as they are (--time-zone says which it is)"
        elif self._naive:
            times = f"times without a zone are those of {zone}, stored in UTC"
        parts = [str(self._dialect), times]
        parts += ["its last line has no end: is it whole?"] if self._is_torn else []
        parts += [] if QUALITY in self._rows.places else ["no column quality: GOOD where there is a value"]
        return [f"{self.name}: {'; '.join(parts)}"]

    def put_away(self) -> Path:
        """Leave it where it is. Raises: FileInUseError: it has grown since it was opened."""
        if self.has_grown:
            raise FileInUseError(f"{self.name}: has grown meanwhile: import it again, what is there is skipped")
        return self.path

    def _look(self) -> bool:
        """Look at the first rows; return whether times name no zone.

        Raises: UnusableFileError: they would not be what they are.
        """
        records, naive, read = Records(self._file, self._dialect), False, 0
        seen: dict[tuple[str, str, datetime], tuple[str | None, int]] = {}
        trouble = None
        for record in islice(records, LOOKED_AT):
            try:
                value = self._rows.value(record.cells) if record.trouble is None else None
            except (ValueError, OverflowError) as error:
                trouble = trouble or f"line {record.line}: {error}"
                continue
            if value is None:
                continue
            read += 1
            time = record.cells[self._rows.places[TIMESTAMP]]
            naive = naive or self._dialect.times.names_no_zone(time)
            key = value.plc_code, value.tag_address, value.timestamp
            before, line = seen.setdefault(key, (value.tag_value, record.line))
            if before != value.tag_value and self._dialect.times.is_to_the_minute(time):
                raise UnusableFileError(
                    f"{self.name}: lines {line} and {record.line} have two values of {value.tag_name} at one time, "
                    f"{time!r}, without seconds: save it with them (in Excel: cell format yyyy-mm-dd hh:mm:ss)"
                )
        records.detach()
        if trouble is not None and not read:
            raise UnusableFileError(f"{self.name}: none of its first rows can be read; {trouble}. {_OPTIONS}")
        return naive


_OPTIONS = "--time-format, --time-zone, --decimal, --delimiter, --encoding and --column say what can't be found out"


def _with_remedy(error: DialectError) -> str:
    if error.option is None:
        return str(error)
    if error.option == "delimiter":
        return f"{error}. Its columns must be {NEEDED}: --column timestamp=NAME says what one is called, or --delimiter"
    return f"{error}: say --{error.option.replace('_', '-')}"
