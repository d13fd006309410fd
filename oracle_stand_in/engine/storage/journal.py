"""Committed changes on disk, so that a restart finds them: an append-only log of what was committed.

A record is its length, its CRC-32 and its content: b"D" and the text of a DDL statement, or b"C" and the rows of one
commit. It is written and handed to the operating system before the commit is answered, so it survives the death of
this process, though not of the machine. A torn record at the end is cut off when the log is opened.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from oracle_stand_in.data.rows import unpacker
from oracle_stand_in.data.wire import Reader, clr, ub
from oracle_stand_in.engine.storage.catalog import Catalog
from oracle_stand_in.engine.storage.table import Table
from oracle_stand_in.engine.storage.transactions import Overlay, Transaction, lasting
from oracle_stand_in.sql.parser.statement import parse_statement
from oracle_stand_in.sql.statements import Ddl

DEFINITION, COMMIT = b"D", b"C"
#: bytes of length and checksum
FRAME = 8


class Journal:
    """The log file. One process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._schema = ""

    def open(self, catalog: Catalog) -> int:
        """Bring the catalog to where the log ends and open the log for more; return the number of records read.

        What happens in other schemas is not kept.
        """
        self._schema = catalog.schema
        self.path.touch()
        valid = records = 0
        for end, content in _records(self.path.read_bytes()):
            _apply(content, catalog)
            valid, records = end, records + 1
        os.truncate(self.path, valid)
        self._file = self.path.open("ab")
        return records

    def write_ddl(self, sql: str, schema: str) -> None:
        """Note a DDL statement. Args: schema: that of what it makes or changes."""
        if schema == self._schema:
            self._write(DEFINITION + sql.encode())

    def write_commit(self, txn: Transaction, *, waits: bool = True) -> None:
        """Note a transaction's changes; without `waits` they are on no disk until another commit waits."""
        changes = [each for each in lasting(txn) if each[0].schema == self._schema]
        parts = [COMMIT, ub(len(changes))]
        for table, overlay in changes:
            parts += _changes(table, overlay)
        self._write(b"".join(parts), waits=waits)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, content: bytes, *, waits: bool = True) -> None:
        if self._file is None:
            raise ValueError("the journal is not open")
        frame = len(content).to_bytes(4, "big") + zlib.crc32(content).to_bytes(4, "big")
        self._file.write(frame + content)
        if waits:
            self._file.flush()


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each record with the offset of its end, up to the first that is torn or damaged."""
    pos = 0
    while pos + FRAME <= len(data):
        size = int.from_bytes(data[pos : pos + 4], "big")
        checksum = int.from_bytes(data[pos + 4 : pos + FRAME], "big")
        content = data[pos + FRAME : pos + FRAME + size]
        if len(content) < size or zlib.crc32(content) != checksum:
            return
        pos += FRAME + size
        yield pos, content


def _changes(table: Table, overlay: Overlay) -> list[bytes]:
    parts = [clr(table.name.encode()), ub(len(overlay.removed))]
    parts += map(clr, overlay.removed)
    parts.append(ub(len(overlay.added)))
    if not table.primary:  # otherwise the key is in the row
        parts += map(clr, overlay.added)
    parts += overlay.added.values()
    return parts


def _apply(content: bytes, catalog: Catalog) -> None:
    if content[:1] == DEFINITION:
        statement, _ = parse_statement(content[1:].decode())
        if isinstance(statement, Ddl):
            catalog.run(statement, Transaction())
        return
    reader = Reader(content, 1)
    for _ in range(reader.ub()):
        _apply_changes(reader, catalog.tables[reader.clr().decode()])


def _apply_changes(reader: Reader, table: Table) -> None:
    for _ in range(reader.ub()):
        table.unload(reader.clr())
    count = reader.ub()
    keys = [] if table.primary else [reader.clr() for _ in range(count)]
    rows = [_row(reader, len(table.columns)) for _ in range(count)]
    if table.primary:
        unpack = unpacker(len(table.columns))
        keys = table.keys([unpack(row) for row in rows])
    for key, row in zip(keys, rows, strict=True):
        table.load(key, row)


def _row(reader: Reader, columns: int) -> bytes:
    start = reader.pos
    for _ in range(columns):
        reader.clr()
    return reader.data[start : reader.pos]
