r"""Reading backup files back: cells -> TagValues. What can't be read is handed out with its reason, never skipped.

A record ends at a line feed outside quotes. The last one may be torn: the writer died while writing it, and its batch
was not settled then, so its values reach the table by another way. Anything else that is no value is a bad line; where
its quotes swallowed the lines after it, reading goes on at the next line that begins like a record.
"""

import csv
import re
from collections import deque
from dataclasses import dataclass, field
from typing import BinaryIO

from services.writer.backup.csv_backup import HEADER, NOT_A_VALUE, REJECTED_HEADER
from shared.models import TagValue, stored_timestamp

#: Bytes of one record at most: a stray quote must not draw a whole file into memory.
MAX_RECORD_BYTES = 16 * 1024 * 1024

#: How a record begins: with its timestamp.
_BEGINNING = re.compile(rb'"?\d{4}-\d\d-\d\d[ T]\d\d:')

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: Error code of what is no value; it stands in a rejected file so that a person can see to it.
MALFORMED = "MALFORMED"


class WrongHeaderError(Exception):
    """The file does not begin as a backup file does; the text says how it begins."""


class _NeverAValueError(ValueError):
    """A row of a rejected file that an earlier reader could not read either."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(reason)
        self.text = text


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

    Raises: WrongHeaderError; OSError by every method.
    """

    def __init__(self, file: BinaryIO) -> None:
        # The module's own limit is 128 KiB a cell; a value too long for its column may have more.
        csv.field_size_limit(MAX_RECORD_BYTES)
        self._file = file
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
        while batch.rows < max_rows:
            record = self._next_record()
            if record is None:
                break
            number, raw = record
            try:
                batch.values.append(_value_of(_cells_of(raw), self._width))
            except UnicodeDecodeError as error:
                text = raw.decode(errors="backslashreplace")
                batch.bad_lines.append(BadLine(number, text, f"not UTF-8 at byte {error.start + 1}"))
            except _NeverAValueError as error:
                batch.bad_lines.append(BadLine(number, error.text, str(error)))
            except (ValueError, OverflowError, csv.Error) as error:
                batch.bad_lines.append(BadLine(number, raw.decode().rstrip("\r\n"), str(error)))
        return batch

    def _read_header(self) -> int:
        line = self._next_line().removeprefix(_BYTE_ORDER_MARK)
        if not line.endswith(b"\n"):
            # Killed before the header was written: there is nothing in it.
            if any(",".join(header).encode().startswith(line) for header in (HEADER, REJECTED_HEADER)):
                self.torn_line = 1 if line else None
                return len(HEADER)
            line = line[:200]
        for header in (HEADER, REJECTED_HEADER):
            if line.rstrip(b"\r\n").decode(errors="replace").replace('"', "") == ",".join(header):
                return len(header)
        begins = line.rstrip(b"\r\n")[:80].decode(errors="backslashreplace")
        raise WrongHeaderError(f"line 1 is {begins!r}, a backup file begins with {','.join(HEADER)!r}")

    def _next_record(self) -> tuple[int, bytes] | None:
        """Return the next record and its line's number; None at the end, torn or not."""
        while True:
            number = self._number + 1
            lines, is_whole = self._take_record()
            if not lines:
                return None
            if is_whole and (len(lines) == 1 or _is_value(b"".join(lines), self._width)):
                if lines[0].strip(b"\r\n"):
                    return number, lines[0] if len(lines) == 1 else b"".join(lines)
                continue
            restart = next((place for place, line in enumerate(lines[1:], 1) if _BEGINNING.match(line)), None)
            if restart is not None:
                self._put_back(lines[restart:])
            elif not is_whole and not self._more_follows():
                self.torn_line = number
                return None
            return number, b"".join(lines[:restart])

    def _take_record(self) -> tuple[list[bytes], bool]:
        """Take lines up to one that ends outside quotes; False when the end, or too much text, comes before that."""
        lines: list[bytes] = []
        size, in_quotes = 0, False
        while line := self._next_line():
            lines.append(line)
            size += len(line)
            in_quotes ^= bool(line.count(b'"') % 2)
            if not in_quotes:
                return lines, line.endswith(b"\n")
            if size > MAX_RECORD_BYTES:
                break
        return lines, False

    def _next_line(self) -> bytes:
        line = self._lines.popleft() if self._lines else self._file.readline(MAX_RECORD_BYTES)
        self._number += bool(line)
        self.position += len(line)
        return line

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
        _value_of(_cells_of(raw), width)
    except (ValueError, OverflowError, csv.Error):
        return False
    return True


def _cells_of(raw: bytes) -> list[str]:
    text = raw.decode()
    if '"' not in text:
        # As most are: several times faster than the module.
        return text.rstrip("\r\n").split(",")
    return next(csv.reader([text], strict=True))


def _value_of(cells: list[str], width: int) -> TagValue:
    """Return the value of a row.

    Raises: ValueError, OverflowError: it holds none; the text says why.
    """
    if len(cells) != width:
        raise ValueError(f"{len(cells)} cells instead of {width}")
    time, plc_code, tag_address, tag_name, tag_value, quality = cells[:6]
    if width > len(HEADER) and cells[len(HEADER)] in (NOT_A_VALUE, MALFORMED):
        raise _NeverAValueError(tag_value, cells[-1])
    if tag_name != f"{plc_code}.{tag_address}":
        raise ValueError(f"tag_name {tag_name!r} is not plc_code, dot, tag_address")
    try:
        moment = stored_timestamp(time)
    except ValueError:
        raise ValueError(f"{time!r} is no timestamp") from None
    # An empty cell is no value: Oracle takes empty text for that too.
    return TagValue(moment, plc_code, tag_address, tag_value or None, quality)
