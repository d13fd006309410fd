"""Is a file what its writer wrote? By its label where it has one, else by the form of its lines."""

import hashlib
from typing import BinaryIO

from services.writer.backup.format import RecordCounter, strange_form
from services.writer.backup.label import Label
from services.writer.backup.reader import BackupReader, WrongHeaderError

_PIECE = 1024 * 1024


def differences(file: BinaryIO, label: Label | None, *, may_be_edited: bool = False) -> str | None:
    """Return what shows that a file was changed since its writer wrote it; None when nothing does.

    may_be_edited: people put files of rejected rows right; then only a time in a strange form counts: it is another
    value's time, and nobody sees that.

    Reads the file from its beginning to its end, in pieces, and goes back to the beginning.
    Raises: OSError.
    """
    try:
        if may_be_edited or label is None or not label.is_closed:
            return _strange_line(file, only_time=may_be_edited)
        rows, size, sha256 = _contents(file)
        if (size, sha256) == (label.bytes, label.sha256):
            return None
        said = f"its label says {label.rows:,} rows in {label.bytes:,} bytes"
        has = f"it has {rows:,} rows in {size:,} bytes" if size != label.bytes else "its contents are others"
        strange = _strange_line(file)
        line = f"; first line that no writer wrote so: {strange}" if strange else ""
        elsewhere = f"; all that was left is in {label.moved_to} as well" if label.moved_to else ""
        return f"{said}, {has}{line}{elsewhere}"
    finally:
        file.seek(0)


def _contents(file: BinaryIO) -> tuple[int, int, str]:
    digest, counter, size = hashlib.sha256(), RecordCounter(), 0
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
        counter.feed(piece)
        size += len(piece)
    return max(0, counter.records - 1), size, digest.hexdigest()


def _strange_line(file: BinaryIO, *, only_time: bool = False) -> str | None:
    file.seek(0)
    try:
        for number, raw in BackupReader(file, may_be_edited=only_time).raw_values():
            if (strange := strange_form(raw, only_time=only_time)) is not None:
                return f"line {number}: {strange}"
    except WrongHeaderError as error:
        return str(error)
    return None
