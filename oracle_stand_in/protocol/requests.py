"""Requests of a logged-on client, parsed. Parsers start again from the message's first byte when it is incomplete."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from operator import itemgetter

from oracle_stand_in.data.binds import BindType
from oracle_stand_in.data.column_types import MAX_VARCHAR
from oracle_stand_in.data.rows import Row
from oracle_stand_in.data.wire import Reader
from oracle_stand_in.flavour import FV_11, FV_12_2, FV_12_2_EXT, FV_TOKEN
from oracle_stand_in.protocol.packets import ProtocolError
from oracle_stand_in.protocol.piggyback import PIGGYBACKS, Piggybacks

#: message types in front of a request
FUNCTION, PIGGYBACK, ONE_WAY = 3, 17, 26


class Function(IntEnum):
    """What a request wants."""

    REEXECUTE = 4
    FETCH = 5
    LOGOFF = 9
    COMMIT = 14
    ROLLBACK = 15
    VERSION = 59
    REEXECUTE_AND_FETCH = 78
    EXECUTE = 94
    AUTH_TWO = 115
    AUTH_ONE = 118
    PING = 147
    RELEASE = 163
    END_PIPELINE = 200


class Option(IntFlag):
    """Options of execute."""

    PARSE = 0x1
    DEFINE = 0x10
    EXECUTE = 0x20
    FETCH = 0x40
    COMMIT = 0x100
    BATCH_ERRORS = 0x80000


#: flag in al8i4[9]: return the rows that each execution touched
DML_ROW_COUNTS = 0x4000
#: flag in al8i4[9]: the cursor is scrollable
SCROLLABLE = 0x2
#: option of re-execute: commit
REEXECUTE_COMMIT = 0x1
#: elements of al8i4
VECTOR_LENGTH = 13
#: more than any statement has, so a larger count means that the place in the stream is lost
MAX_BINDS = 65_535
#: the same of a batch's rows: without binds they cost no bytes on the wire, but memory here
MAX_EXECUTIONS = 5_000_000


class UnknownFunctionError(Exception):
    """A request that cannot be parsed; where it ends is unknown."""

    def __init__(self, code: int) -> None:
        super().__init__(f"function {code}")
        self.code = code


@dataclass(frozen=True)
class Header:
    """The beginning of a request."""

    function: int
    sequence: int
    piggybacks: Piggybacks
    is_one_way: bool


def read_header(reader: Reader, field_version: int, *, has_lengths: bool = True) -> Header:
    """Read piggybacks and the function's header.

    Raises: NeedMoreError; ProtocolError: this is no request; UnknownFunctionError: a piggyback that is not known.
    """
    piggybacks = Piggybacks(has_lengths)
    while True:
        kind, code, sequence = reader.u8(), reader.u8(), reader.u8()
        if field_version >= FV_TOKEN:
            reader.ub()
        if kind != PIGGYBACK:
            break
        if code not in PIGGYBACKS:
            raise UnknownFunctionError(code)
        PIGGYBACKS[code](reader, piggybacks)
    if kind not in (FUNCTION, ONE_WAY):
        raise ProtocolError(f"message type {kind} is not a request")
    return Header(code, sequence, piggybacks, kind == ONE_WAY)


@dataclass(frozen=True)
class Execute:
    """EXECUTE, without its rows."""

    options: int
    cursor_id: int
    sql: str | None
    prefetch_rows: int
    executions: int
    is_query: bool
    wants_row_counts: bool
    is_scrollable: bool
    bind_types: tuple[BindType, ...]


def read_execute(reader: Reader, field_version: int, *, has_lengths: bool = True) -> Execute:
    """Read EXECUTE up to its rows."""
    options, cursor_id = reader.ub(), reader.ub()
    reader.skip("b")
    size = reader.ub()
    reader.skip("b")
    vector_length = reader.ub()
    reader.skip("bbu")
    prefetch_rows = reader.ub()
    reader.skip("ub")
    binds = reader.ub()
    reader.skip("bbbbbb")
    defines = reader.ub()
    reader.skip("ubbbubuubub")
    if field_version >= FV_12_2:
        reader.skip("bubub")
    if field_version >= FV_12_2_EXT:
        reader.skip("bu")
    has_sql = cursor_id == 0 or options & Option.PARSE
    sql = reader.characters(size, has_length=has_lengths).decode("utf-8", "replace") if has_sql else None
    vector = [reader.ub() for _ in range(vector_length)]
    if len(vector) < VECTOR_LENGTH:
        raise ProtocolError("EXECUTE without its vector")
    if binds > MAX_BINDS or defines > MAX_BINDS:
        raise ProtocolError("more binds than a statement can have")
    if options & Option.DEFINE:
        for _ in range(defines):
            _read_bind_type(reader, field_version)
        binds = 0
    if vector[1] > MAX_EXECUTIONS:
        raise ProtocolError("more executions than a batch can have")
    bind_types = tuple(_read_bind_type(reader, field_version) for _ in range(binds))
    is_query = bool(vector[7])
    return Execute(
        options=options,
        cursor_id=cursor_id,
        sql=sql,
        prefetch_rows=prefetch_rows,
        executions=1 if is_query else vector[1],
        is_query=is_query,
        wants_row_counts=bool(vector[9] & DML_ROW_COUNTS),
        is_scrollable=bool(vector[9] & SCROLLABLE),
        bind_types=bind_types,
    )


def _read_bind_type(reader: Reader, field_version: int) -> BindType:
    wire_type = reader.u8()
    reader.skip("bbu")  # flags, precision, scale
    size = reader.ub()
    elements = reader.ub()
    reader.skip("u")
    if reader.ub():
        reader.clr()
    reader.skip("uu")
    form = reader.u8()
    reader.skip("uu" if field_version >= FV_12_2 else "u")
    return BindType(wire_type, size, form, elements)


@dataclass(frozen=True)
class Reexecute:
    """RE-EXECUTE, without its rows."""

    cursor_id: int
    count: int
    commit: bool


def read_reexecute(reader: Reader) -> Reexecute:
    """Read RE-EXECUTE or RE-EXECUTE AND FETCH up to its rows."""
    cursor_id, count = reader.ub(), reader.ub()
    if count > MAX_EXECUTIONS:
        raise ProtocolError("more executions than a batch can have")
    reader.ub()
    return Reexecute(cursor_id, count, bool(reader.ub() & REEXECUTE_COMMIT))


def read_fetch(reader: Reader) -> tuple[int, int]:
    """Read FETCH: the cursor and how many rows."""
    return reader.ub(), reader.ub()


def read_version(reader: Reader, field_version: int) -> None:
    """Read VERSION, the question which server this is."""
    reader.skip("bubb")
    if field_version >= FV_11:
        reader.ub()


def read_release(reader: Reader) -> None:
    """Read SESSION RELEASE, which asks for nothing here."""
    reader.skip("bbu")


def read_end_pipeline(reader: Reader) -> None:
    """Read END PIPELINE, which wants an answer after all others."""
    reader.ub()


def in_bind_order(bind_types: Sequence[BindType]) -> Callable[[Row], Row] | None:
    """Return the function that puts a row's values in the order of the binds; None if they are already.

    Values that could be too long for a VARCHAR2 are sent behind all others.
    """
    long = [index for index, bind in enumerate(bind_types) if bind.size > MAX_VARCHAR]
    order = [index for index in range(len(bind_types)) if index not in long] + long
    if order == sorted(order):
        return None
    return itemgetter(*(order.index(index) for index in range(len(bind_types))))
