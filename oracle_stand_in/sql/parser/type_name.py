"""Data types."""

from oracle_stand_in.data.column_types import (
    DATE_TYPE,
    DOUBLE_TYPE,
    FLOAT_TYPE,
    FLOATING_SCALE,
    MAX_BITS,
    MAX_CHAR,
    MAX_PRECISION,
    MAX_RAW,
    MAX_VARCHAR,
    NUMBER_TYPE,
    ColumnType,
    Kind,
)
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.parser.lexer import TokenStream

_INTEGER = ColumnType(Kind.NUMBER, scale=0)
_PLAIN_TYPES = {
    "INTEGER": _INTEGER, "INT": _INTEGER, "SMALLINT": _INTEGER, "DATE": DATE_TYPE, "BINARY_DOUBLE": DOUBLE_TYPE,
    "BINARY_FLOAT": FLOAT_TYPE,
}  # fmt: skip
#: most units of each text type
_MOST = {Kind.VARCHAR: MAX_VARCHAR, Kind.CHAR: MAX_CHAR, Kind.NVARCHAR: MAX_VARCHAR // 2, Kind.NCHAR: MAX_CHAR // 2}


def data_type(stream: TokenStream) -> ColumnType:
    """Parse a data type. Raises: OracleError: 902 for one that the stand-in does not have."""
    token = stream.next()
    name = token.text
    text = _text_kind(stream, name)
    if text is not None:
        return _text_type(stream, text)
    if name in ("NUMBER", "NUMERIC", "DECIMAL"):
        return _number_type(stream)
    if name in ("FLOAT", "REAL") or (name == "DOUBLE" and stream.accept("PRECISION")):
        return _float_type(stream, name)
    if name in _PLAIN_TYPES:
        return _PLAIN_TYPES[name]
    if name == "RAW":
        return ColumnType(Kind.RAW, _length(stream, MAX_RAW))
    if name == "TIMESTAMP":
        return _timestamp_type(stream)
    raise OracleError(902, text=f"invalid datatype (the stand-in has no {name})", position=token.position)


def _text_kind(stream: TokenStream, name: str) -> Kind | None:
    if name == "NATIONAL":
        stream.expect("CHARACTER" if stream.at("CHARACTER") else "CHAR", code=902)
        return Kind.NVARCHAR if stream.accept("VARYING") else Kind.NCHAR
    if name in ("CHAR", "CHARACTER") and stream.accept("VARYING"):
        return Kind.VARCHAR
    return {
        "VARCHAR2": Kind.VARCHAR, "VARCHAR": Kind.VARCHAR, "CHAR": Kind.CHAR, "CHARACTER": Kind.CHAR,
        "NVARCHAR2": Kind.NVARCHAR, "NCHAR": Kind.NCHAR,
    }.get(name)  # fmt: skip


def _text_type(stream: TokenStream, kind: Kind) -> ColumnType:
    if kind in (Kind.CHAR, Kind.NCHAR) and not stream.at_symbol("("):
        return ColumnType(kind, 1)
    stream.expect_symbol("(", 906)
    length = stream.integer()
    in_chars = kind in (Kind.VARCHAR, Kind.CHAR) and stream.accept("CHAR")
    if not in_chars:
        stream.accept("BYTE")
    stream.expect_symbol(")")
    return ColumnType(kind, _checked(length, _MOST[kind], stream), in_chars)


def _length(stream: TokenStream, most: int) -> int:
    stream.expect_symbol("(", 906)
    length = stream.integer()
    stream.expect_symbol(")")
    return _checked(length, most, stream)


def _checked(length: int, most: int, stream: TokenStream) -> int:
    if length > most:
        raise OracleError(910, text="specified length too long for its datatype", position=stream.current.position)
    if not length:
        raise OracleError(1723, text="zero-length columns are not allowed", position=stream.current.position)
    return length


def _timestamp_type(stream: TokenStream) -> ColumnType:
    scale = 6
    if stream.accept_symbol("("):
        scale = stream.integer()
        stream.expect_symbol(")")
    if scale > 9:
        position = stream.current.position
        raise OracleError(30088, text="datetime/interval precision is out of range", position=position)
    if not stream.accept("WITH"):
        return ColumnType(Kind.TIMESTAMP, scale=scale)
    is_local = stream.accept("LOCAL")
    stream.expect("TIME", "ZONE")
    return ColumnType(Kind.LOCAL if is_local else Kind.ZONED, scale=scale)


def _float_type(stream: TokenStream, name: str) -> ColumnType:
    """FLOAT(b): a NUMBER of so many binary digits, described by its scale; REAL is FLOAT(63)."""
    bits = 63 if name == "REAL" else MAX_BITS
    if name == "FLOAT" and stream.accept_symbol("("):
        bits = stream.integer()
        stream.expect_symbol(")")
    return ColumnType(Kind.NUMBER, precision=bits, scale=FLOATING_SCALE)


def _number_type(stream: TokenStream) -> ColumnType:
    if not stream.accept_symbol("("):
        return NUMBER_TYPE
    precision = None if stream.accept_symbol("*") else stream.integer()
    scale = 0
    if stream.accept_symbol(","):
        sign = -1 if stream.accept_symbol("-") else 1
        scale = sign * stream.integer()
    stream.expect_symbol(")")
    if precision is not None and not 1 <= precision <= MAX_PRECISION:
        raise OracleError(1727, text="numeric precision specifier is out of range (1 to 38)")
    return ColumnType(Kind.NUMBER, precision=precision, scale=scale)
