"""Row codecs, generated once per number of columns, because everything done per value is what costs.

A stored row is its columns' raw bytes, each with its length in front, in table order: the very form in which rows
travel, so a fetch is a join and a key is unambiguous. A plain loop over the columns takes three times as long as the
code generated here, which is why there is an exec() in this file; nothing but column counts enters its source. Rows
wider than any table are left to the loop: code for 65,535 binds takes a gigabyte to generate.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

from oracle_stand_in.data.wire import MAX_SHORT_LENGTH, NeedMoreError, Reader, clr

#: a row as its columns' raw bytes
Row = tuple[bytes, ...]
#: the tag in front of every row, both ways
ROW_TAG = 7
#: columns that a table has at most
MOST_COLUMNS = 1000
#: (input, offset, rows wanted, list to extend) -> offset of the first byte not consumed
BindRowParser = Callable[[bytes, int, int, list[Row]], int]
#: stored row -> its columns
Unpacker = Callable[[bytes], Row]
#: rows as tuples -> stored rows
BulkPacker = Callable[[Iterable[Row]], list[bytes]]

#: length byte for every length that has one; a longer value raises IndexError and takes the slow way
LENGTH_BYTES = [bytes((n,)) for n in range(MAX_SHORT_LENGTH + 1)]


class RowError(ValueError):
    """Bytes that should begin a row do not."""


def _long_value(data: bytes, pos: int) -> tuple[bytes, int]:
    """Read a value whose length byte is not a plain length. Raises: IndexError: it goes on in another packet."""
    reader = Reader(data, pos)
    try:
        return reader.clr(), reader.pos
    except NeedMoreError:
        raise IndexError from None


def _compile(source: str, name: str, **names: object) -> Any:
    scope: dict[str, Any] = dict(names)
    exec(source, scope)  # noqa: S102 - see the module's docstring
    return scope[name]


def _read_column(index: int, indent: str) -> str:
    lines = (
        "size = data[pos]",
        f"if size < {MAX_SHORT_LENGTH + 1}:",
        "    after = pos + size + 1",
        f"    v{index} = data[pos + 1:after]",
        "    pos = after",
        "else:",
        f"    v{index}, pos = long_value(data, pos)",
    )
    return "".join(f"{indent}{line}\n" for line in lines)


def _tuple_source(columns: int) -> str:
    return "(" + "".join(f"v{i}, " for i in range(columns)) + ")"


@cache
def bind_row_parser(columns: int) -> BindRowParser:
    """Return the parser for bind rows of so many columns.

    It stops at the first row that is not complete, so that a batch spread over many packets is read once only.
    Raises (the parser): RowError: the stream is out of step.
    """
    if columns > MOST_COLUMNS:
        return partial(_parse_wide_rows, columns)
    body = "".join(_read_column(i, " " * 12) for i in range(columns))
    source = f"""
def parse(data, pos, wanted, rows):
    start = pos
    end = len(data)
    add = rows.append
    try:
        for _ in range(wanted):
            if data[pos] != {ROW_TAG}:
                raise RowError("a row was expected")
            pos += 1
{body}            if pos > end:
                return start
            add({_tuple_source(columns)})
            start = pos
    except IndexError:
        pass
    return start
"""
    parser: BindRowParser = _compile(source, "parse", long_value=_long_value, RowError=RowError)
    return parser


def _parse_wide_rows(columns: int, data: bytes, pos: int, wanted: int, rows: list[Row]) -> int:
    reader = Reader(data, pos)
    start = pos
    try:
        for _ in range(wanted):
            if reader.u8() != ROW_TAG:
                raise RowError("a row was expected")
            rows.append(tuple([reader.clr() for _ in range(columns)]))
            start = reader.pos
    except NeedMoreError:
        pass
    return start


def _unpack_wide(columns: int, data: bytes) -> Row:
    reader = Reader(data)
    return tuple([reader.clr() for _ in range(columns)])


@cache
def unpacker(columns: int) -> Unpacker:
    """Return the function that splits a stored row into its columns."""
    if columns > MOST_COLUMNS:
        return partial(_unpack_wide, columns)
    body = "".join(_read_column(i, " " * 4) for i in range(columns))
    source = f"def unpack(data):\n    pos = 0\n{body}    return {_tuple_source(columns)}\n"
    unpack: Unpacker = _compile(source, "unpack", long_value=_long_value)
    return unpack


@cache
def bulk_packer(columns: int) -> BulkPacker:
    """Return the function that packs many rows of so many columns."""
    if columns > MOST_COLUMNS:
        return lambda rows: list(map(pack_row, rows))
    parts = ", ".join(f"size[len(v{i})], v{i}" for i in range(columns))
    source = f"def pack(rows):\n    return [join(({parts})) for {_tuple_source(columns)} in rows]\n"
    fast: BulkPacker = _compile(source, "pack", size=LENGTH_BYTES, join=b"".join)

    def pack(rows: Iterable[tuple[bytes, ...]]) -> list[bytes]:
        rows = list(rows)
        try:
            return fast(rows)
        except IndexError:  # a value over 252 bytes
            return [pack_row(row) for row in rows]

    return pack


def pack_row(columns: Iterable[bytes]) -> bytes:
    """Pack one row of any length."""
    return b"".join(map(clr, columns))
