r"""Reading backup files back: cells -> TagValues. What can't be read is handed out with its reason, never skipped.

A record ends at a line feed outside quotes. The last one may be torn: the writer died while writing it, and its batch
was not settled then, so its values reach the table by another way. Anything else that is no value is a bad line; where
its quotes swallowed the lines after it, reading goes on at the next line that begins like a record.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from services.writer.backup.format import MALFORMED, NeverAValueError, cells_of, value_of
from shared.errors import RejectedError
from shared.models import TagValue
from shared.records.files import HEADER, REJECTED_HEADER

#: Bytes of one record at most: a stray quote must not draw a whole file into memory.
MAX_RECORD_BYTES = 16 * 1024 * 1024

#: Bytes after which a batch ends though it has fewer rows than it may: rows may be large.
MAX_BATCH_BYTES = 4 * 1024 * 1024

#: Bytes that are kept of a line which is longer than a record may be; no writer wrote it.
_HEAD_BYTES = 1_000

#: How a record begins: with its timestamp.
_BEGINNING = re.compile(rb'"?\d{4}-\d\d-\d\d[ T]\d\d:')

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


#: How files begin that are packed, or a workbook, and what to do.
_NO_TEXT = {
    b"\x1f\x8b": "it is packed: gunzip it", b"\x28\xb5\x2f\xfd": "it is packed: unzstd it",
    b"\xfd7zXZ": "it is packed: unxz it", b"PK\x03\x04": "it is a workbook or a ZIP archive",
}  # fmt: skip


class WrongHeaderError(RejectedError):
    """The file does not begin as a backup file does; the text says how it begins."""


class _Cut(bytes):
    """The beginning of a line that is too long, and how long it is."""


@dataclass(frozen=True)
class BadLine:
    """A record that holds no value: its first line's number from 1, its text, and why."""

    line: int
    text: str
    reason: str

    def rejected_row(self, file_name: str, attempted_at: str) -> tuple[str, ...]:
        """Return the cells for a rejected file: the text stands where the value would."""
        reason = self.reason if self.reason.startswith("backup_") else f"{file_name} line {self.line}: {self.reason}"
        return ("", "", "", "", self.text, "BAD", attempted_at, MALFORMED, reason)


@dataclass
class ReadBatch:
    """What was read at once, in the file's order."""

    values: list[TagValue] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Number of records."""
        return len(self.values) + len(self.bad_lines)


class BackupReader:
    """Reads one file from its beginning to its end.

    is_closed: its writer closed it, so that nothing at its end is torn. may_be_edited: a person may have saved it, and
    many editors leave the last line without an end.

    Raises: WrongHeaderError; OSError by every method.
    """

    def __init__(self, file: BinaryIO, *, is_closed: bool = False, may_be_edited: bool = False) -> None:
        # The module's own limit is 128 KiB a cell; a value too long for its column may have more.
        csv.field_size_limit(MAX_RECORD_BYTES)
        self._file = file
        self._is_closed = is_closed
        self._may_be_edited = may_be_edited
        self._lines: deque[bytes] = deque()  #: read, but not used yet
        self._number = 0
        #: Bytes used so far.
        self.position = 0
        #: Number of the line at which the torn end begins; None while there is none.
        self.torn_line: int | None = None
        self._width = self._read_header()

    def read(self, max_rows: int) -> ReadBatch:
        """Return the next records; an empty batch at the end of the file."""
        batch = ReadBatch()
        begin = self.position
        while batch.rows < max_rows and self.position - begin < MAX_BATCH_BYTES:
            record = self._next_record()
            if record is None:
                break
            number, raw = record
            try:
                batch.values.append(value_of(cells_of(raw), self._width))
            except UnicodeDecodeError as error:
                text = raw.decode(errors="backslashreplace")
                batch.bad_lines.append(BadLine(number, text, f"not UTF-8 at byte {error.start + 1}"))
            except NeverAValueError as error:
                batch.bad_lines.append(BadLine(number, error.text, str(error)))
            except (ValueError, OverflowError, csv.Error) as error:
                batch.bad_lines.append(BadLine(number, raw.decode().rstrip("\r\n"), str(error)))
        return batch

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Yield all records as they stand in the file, whatever they hold, each with its line's number."""
        while (record := self._next_record()) is not None:
            yield record

    def raw_values(self) -> Iterator[tuple[int, bytes]]:
        """Yield the records that hold values, as they stand in the file, each with its line's number."""
        for record in self.records():
            if _is_value(record[1], self._width):
                yield record

    def _read_header(self) -> int:
        # No more than a header may have: the first line of what is no backup file may be the whole of it.
        line = self._file.readline(_HEAD_BYTES)
        self._number += bool(line)
        self.position += len(line)
        line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line.endswith(b"\n"):
            # Killed before the header was written: there is nothing in it.
            if any(",".join(header).encode().startswith(line) for header in (HEADER, REJECTED_HEADER)):
                self.torn_line = 1 if line else None
                return len(HEADER)
            line = line[:200]
        for header in (HEADER, REJECTED_HEADER):
            if line.rstrip(b"\r\n").decode(errors="replace").replace('"', "") == ",".join(header):
                return len(header)
        for beginning, what in _NO_TEXT.items():
            if line.startswith(beginning):
                raise WrongHeaderError(f"line 1 is no text, {what}")
        begins = line.rstrip(b"\r\n")[:80].decode(errors="backslashreplace")
        raise WrongHeaderError(f"line 1 is {begins!r}, a backup file begins with {','.join(HEADER)!r}")

    def _next_record(self) -> tuple[int, bytes] | None:
        """Return the next record and its line's number; None at the end, torn or not."""
        while True:
            number = self._number + 1
            lines, is_whole = self._record_lines()
            if not lines:
                return None
            if is_whole and (len(lines) == 1 or _is_value(b"".join(lines), self._width)):
                if lines[0].strip(b"\r\n"):
                    return number, lines[0] if len(lines) == 1 else b"".join(lines)
                continue
            restart = next((place for place, line in enumerate(lines[1:], 1) if _BEGINNING.match(line)), None)
            if restart is not None:
                self._put_back(lines[restart:])
            elif not is_whole and not self._more_follows() and self._is_torn(lines):
                self.torn_line = number
                return None
            return number, b"".join(lines[:restart])

    def _is_torn(self, lines: list[bytes]) -> bool:
        """Tell whether a last line without an end is one that its writer died of writing."""
        return not (self._is_closed or (self._may_be_edited and _is_value(b"".join(lines), self._width)))

    def _record_lines(self) -> tuple[list[bytes], bool]:
        """Take lines up to one that ends outside quotes; False when the end, or too much text, comes before that."""
        lines: list[bytes] = []
        size, in_quotes = 0, False
        while line := self._next_line():
            lines.append(line)
            if isinstance(line, _Cut):
                return lines, line.endswith(b"\n")
            size += len(line)
            in_quotes ^= bool(line.count(b'"') % 2)
            if not in_quotes:
                return lines, line.endswith(b"\n")
            if size > MAX_RECORD_BYTES:
                break
        return lines, False

    def _next_line(self) -> bytes:
        line = self._lines.popleft() if self._lines else self._file.readline(MAX_RECORD_BYTES)
        if len(line) >= MAX_RECORD_BYTES and not line.endswith(b"\n"):
            line = self._cut(line)
        self._number += bool(line)
        self.position += len(line)
        return line

    def _cut(self, line: bytes) -> bytes:
        """Read over a line that is too long, a piece at a time; return its beginning and its length."""
        size, last = len(line), b""
        while not last.endswith(b"\n") and (piece := self._file.readline(1024 * 1024)):
            size, last = size + len(piece), piece
        end = b"\n" if last.endswith(b"\n") else b""
        cut = _Cut(line[:_HEAD_BYTES] + f" [cut: the line has {size:,} bytes]".encode() + end)
        self.position += size - len(cut)
        return cut

    def _put_back(self, lines: list[bytes]) -> None:
        self._lines.extendleft(reversed(lines))
        self._number -= len(lines)
        self.position -= sum(map(len, lines))

    def _more_follows(self) -> bool:
        line = self._next_line()
        if line:
            self._put_back([line])
        return bool(line)


def _is_value(raw: bytes, width: int) -> bool:
    try:
        value_of(cells_of(raw), width)
    except (ValueError, OverflowError, csv.Error):
        return False
    return True
