"""The items an answer is made of: status, error, query description, rows."""

from dataclasses import dataclass, field

from oracle_stand_in.data.binds import NCHAR_FORM
from oracle_stand_in.data.column_types import Column
from oracle_stand_in.data.rows import ROW_TAG
from oracle_stand_in.data.wire import clr, clr2, sb, ub
from oracle_stand_in.errors import RowError
from oracle_stand_in.flavour import FV_12_2, FV_20_1, FV_23_1, FV_ANNOTATIONS, FV_VECTOR, Flavour
from oracle_stand_in.protocol.handshake import CHARSET, NCHAR_CHARSET

#: bit of the call status: a transaction is in progress (the driver's rollback at close and release hangs on it)
TXN_IN_PROGRESS = 0x2
#: closes every answer once the end-of-response mark is negotiated
END_OF_RESPONSE = b"\x1d"
#: "the call succeeded, and its batch errors are listed"
ARRAY_DML_ERRORS = 24381
NO_DATA_FOUND = 1403
#: a list of batch errors says that each element carries its own length
ELEMENT_LENGTHS = b"\xfe"


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended: the fields of the ERROR item, which ends successful calls too."""

    in_transaction: bool
    sequence: int = 0
    code: int = 0
    text: str = ""
    position: int = 0
    cursor_id: int = 0
    row_count: int = 0
    row_errors: list[RowError] = field(default_factory=list)


def status(in_transaction: bool, sequence: int) -> bytes:
    """Build the item that ends ping, commit, rollback and logoff."""
    return b"\x09" + ub(TXN_IN_PROGRESS if in_transaction else 0) + ub(sequence)


def error(end: End, field_version: int) -> bytes:
    """Build the ERROR item."""
    parts = [
        b"\x04",
        ub(TXN_IN_PROGRESS if end.in_transaction else 0),
        ub(end.sequence),
        ub(min(end.row_count, 0xFFFFFFFF)),
        ub(end.code & 0xFFFF),
        b"\x00\x00",
        ub(end.cursor_id),
        ub(min(end.position, 0x7FFF)),
        bytes(6),  # SQL type, fatal, flags, cursor options, UPI, warnings
        bytes(5),  # row id
        bytes((0, 0, end.sequence & 0xFF, 0)),  # OS error, statement, call, padding
        ub(min(end.row_count, 0xFFFFFFFF)),  # successful iterations
        b"\x00",  # logical row id
        _batch_errors(end.row_errors),
        ub(end.code),
        ub(end.row_count),
    ]
    if field_version >= FV_20_1:
        parts.append(b"\x00\x00")
    if end.code:
        parts.append(clr(end.text.encode() + b"\n"))
    return b"".join(parts)


def _batch_errors(errors: list[RowError]) -> bytes:
    if not errors:
        return bytes(3)
    codes = b"".join(_with_length(ub(e.code)) for e in errors)
    offsets = b"".join(_with_length(ub(e.offset)) for e in errors)
    texts = [clr(e.text.encode() + b"\n") for e in errors]
    messages = b"".join(_with_length(text) + b"\x00\x00" for text in texts)
    count = ub(len(errors))
    lists = (ELEMENT_LENGTHS + codes + b"\x00", ELEMENT_LENGTHS + offsets + b"\x00", ELEMENT_LENGTHS + messages)
    return b"".join(count + each for each in lists)


def _with_length(element: bytes) -> bytes:
    return ub(len(element)) + element


def execution_parameters(cursor_id: int, row_counts: list[int] | None = None) -> bytes:
    """Build the item before the ERROR of an execution, with the rows each iteration touched if they are wanted."""
    # a system change number in two parts, the cursor, and more that means nothing; no text, keys, registration
    item = b"\x08" + ub(6) + bytes(2) + ub(cursor_id) + bytes(3) + bytes(3)
    return item if row_counts is None else item + ub(len(row_counts)) + b"".join(map(ub, row_counts))


def describe(columns: list[Column], field_version: int, *, universal_scale: bool = False) -> bytes:
    """Build the description of a query's columns."""
    parts = [b"\x10\x00", ub(sum(c.type.wire_size for c in columns)), ub(len(columns)), b"\x00"]
    parts += [
        _describe_column(column, index, field_version, universal_scale) for index, column in enumerate(columns, 1)
    ]
    parts.append(bytes(6))  # date, four cursor fields, query cache key
    return b"".join(parts)


def _describe_column(column: Column, position: int, field_version: int, universal_scale: bool) -> bytes:
    kind = column.type
    name = column.name.encode()
    parts = [
        bytes((kind.wire_type, 0, kind.wire_precision & 0xFF)),
        sb(kind.wire_scale) if universal_scale else bytes((kind.wire_scale & 0xFF,)),
        ub(kind.wire_size),
        bytes(4),  # array size, flags, object id, version
        ub((NCHAR_CHARSET if kind.is_national else CHARSET) if kind.is_text else 0),
        bytes(((NCHAR_FORM if kind.is_national else 1) if kind.is_text else 0,)),
        ub(kind.length if kind.is_text else 0),
        b"\x00" if field_version >= FV_12_2 else b"",
        bytes((column.nullable, min(len(name), 0xFF))),
        clr2(name),
        b"\x00\x00",  # schema and type name
        ub(position),
        b"\x00",
    ]
    if field_version >= FV_23_1:
        parts.append(b"\x00\x00")  # domain
    if field_version >= FV_ANNOTATIONS:
        parts.append(b"\x00")
    if field_version >= FV_VECTOR:
        parts.append(b"\x00\x00\x00")
    return b"".join(parts)


def version(flavour: Flavour, *, has_lengths: bool = True) -> bytes:
    """Build the item that says which server this is: a text and a number."""
    text = f"Oracle stand-in {flavour.name} Release {flavour.version_text}".encode()
    return b"\x08" + (clr2(text) if has_lengths else ub(len(text)) + text) + ub(flavour.version_number)


def row_header(columns: int, rows: int) -> bytes:
    """Build the item that precedes the rows of a fetch."""
    return b"\x06\x00" + ub(columns) + b"\x00" + ub(rows) + bytes(3)


def data_rows(rows: list[bytes]) -> bytes:
    """Build the rows of a fetch from stored rows."""
    tag = bytes((ROW_TAG,))
    return tag + tag.join(rows) if rows else b""
