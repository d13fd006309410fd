"""Values from one of Oracle's types to another, as raw bytes; NULL (b"") never gets here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from oracle_stand_in.data import column_types as types
from oracle_stand_in.data import datetimes
from oracle_stand_in.data.column_types import ColumnType, Kind
from oracle_stand_in.data.values import (
    DATE_SIZE,
    TIMESTAMP_SIZE,
    NumberRangeError,
    decode_double,
    decode_float,
    decode_number,
    decode_timestamp,
    encode_double,
    encode_number,
    encode_timestamp,
    number_from_text,
    number_to_text,
    round_float,
    round_number,
)
from oracle_stand_in.errors import OracleError

Converter = Callable[[bytes], bytes]
#: character set form of NVARCHAR2 binds
NCHAR_FORM = 2
#: fractional digits of a second that a TIMESTAMP can hold
NANO_DIGITS = 9


@dataclass(frozen=True)
class BindType:
    """What a client says about a bind."""

    wire_type: int
    size: int
    charset_form: int = 0


def now() -> datetime:
    """Return the database's clock: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def identity(raw: bytes) -> bytes:
    """Return the value as it is."""
    return raw


def bind_kind(bind: BindType) -> tuple[Kind, Converter]:
    """Return the data type that a bind becomes, and how its bytes get there.

    Raises: OracleError: 932, the stand-in has no such type.
    """
    if bind.wire_type in TEXT_BINDS:
        return Kind.VARCHAR, _from_nchar if bind.charset_form == NCHAR_FORM else identity
    try:
        return BINDS[bind.wire_type]
    except KeyError:
        raise OracleError(932, "NUMBER", OTHER_BINDS.get(bind.wire_type, f"type {bind.wire_type}")) from None


def _from_nchar(raw: bytes) -> bytes:
    return raw.decode("utf-16-be", "replace").encode()


def _normal_timestamp(raw: bytes) -> bytes:
    """Drop a fraction of zero, or equal moments would be different keys."""
    return raw[:DATE_SIZE] if raw[DATE_SIZE:TIMESTAMP_SIZE] in (b"", bytes(4)) else raw[:TIMESTAMP_SIZE]


def _from_zoned(raw: bytes) -> bytes:
    """Turn UTC plus an offset into the wall-clock time at that offset."""
    if len(raw) <= TIMESTAMP_SIZE:
        return _normal_timestamp(raw)
    moment, nanoseconds = decode_timestamp(raw)
    offset = timedelta(hours=raw[TIMESTAMP_SIZE] - 20, minutes=raw[TIMESTAMP_SIZE + 1] - 60)
    return encode_timestamp(moment + offset, nanoseconds)


TEXT_BINDS = (types.VARCHAR, types.CHAR, types.LONG)
BINDS: dict[int, tuple[Kind, Converter]] = {
    types.NUMBER: (Kind.NUMBER, identity),
    types.BINARY_INTEGER: (Kind.NUMBER, identity),
    types.DATE: (Kind.DATE, identity),
    types.TIMESTAMP: (Kind.TIMESTAMP, _normal_timestamp),
    types.TIMESTAMP_LTZ: (Kind.TIMESTAMP, _normal_timestamp),
    types.TIMESTAMP_TZ: (Kind.TIMESTAMP, _from_zoned),
    types.BINARY_DOUBLE: (Kind.DOUBLE, identity),
    types.BINARY_FLOAT: (Kind.DOUBLE, lambda raw: encode_double(decode_float(raw))),
    # there are no BOOLEAN columns here; true is 1, as it is for servers before 23ai
    types.BOOLEAN: (Kind.NUMBER, lambda raw: encode_number(Decimal(int(raw[-1] == 1)))),
}
#: types that are refused, by the names that the message uses
OTHER_BINDS = {types.RAW: "BINARY", 112: "CLOB", 113: "BLOB"}


def converter(source: Kind, target: Kind) -> Converter:
    """Return the function from one kind to another.

    Raises: OracleError: 932, there is no such conversion. Raises (the function): OracleError: the value has no
    counterpart (1722, 1426, 018xx).
    """
    if source is target:
        return identity
    try:
        return CONVERTERS[source, target]
    except KeyError:
        raise OracleError(932, target.value, source.value) from None


def text_to_number(raw: bytes) -> bytes:
    """Convert as TO_NUMBER does. Raises: OracleError: 1722 or 1426."""
    try:
        return number_from_text(raw.decode("utf-8", "replace"))
    except NumberRangeError:
        raise OracleError(1426) from None
    except ValueError:
        raise OracleError(1722) from None


def _number_to_double(raw: bytes) -> bytes:
    return encode_double(float(decode_number(raw)))


def _double_to_number(raw: bytes) -> bytes:
    try:
        return encode_number(Decimal(repr(decode_double(raw))))
    except (NumberRangeError, InvalidOperation):
        raise OracleError(1426) from None


def _text_to_double(raw: bytes) -> bytes:
    try:
        return encode_double(float(raw))
    except ValueError:
        raise OracleError(1722) from None


def _double_to_text(raw: bytes) -> bytes:
    mantissa, exponent = f"{decode_double(raw):.16E}".split("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{exponent[0]}{int(exponent[1:]):03}".encode()


CONVERTERS: dict[tuple[Kind, Kind], Converter] = {
    (Kind.VARCHAR, Kind.NUMBER): text_to_number,
    (Kind.VARCHAR, Kind.DOUBLE): _text_to_double,
    (Kind.VARCHAR, Kind.DATE): lambda raw: datetimes.parse(raw.decode(), datetimes.NLS_DATE_FORMAT, now())[:DATE_SIZE],
    (Kind.VARCHAR, Kind.TIMESTAMP): lambda raw: datetimes.parse(raw.decode(), datetimes.NLS_TIMESTAMP_FORMAT, now()),
    (Kind.NUMBER, Kind.VARCHAR): lambda raw: number_to_text(raw).encode(),
    (Kind.NUMBER, Kind.DOUBLE): _number_to_double,
    (Kind.DOUBLE, Kind.NUMBER): _double_to_number,
    (Kind.DOUBLE, Kind.VARCHAR): _double_to_text,
    (Kind.DATE, Kind.TIMESTAMP): identity,
    (Kind.TIMESTAMP, Kind.DATE): lambda raw: raw[:DATE_SIZE],
    (Kind.DATE, Kind.VARCHAR): lambda raw: datetimes.write(raw, datetimes.NLS_DATE_FORMAT).encode(),
    (Kind.TIMESTAMP, Kind.VARCHAR): lambda raw: datetimes.write(raw, datetimes.NLS_TIMESTAMP_FORMAT).encode(),
}


def fit(raw: bytes, kind: ColumnType, column: str) -> bytes:
    """Make a value of the right kind fit the column, rounding where Oracle rounds.

    Raises: OracleError: 12899 too long, 1438 too large for the precision.
    """
    if kind.kind is Kind.VARCHAR:
        size = len(raw.decode("utf-8", "replace")) if kind.in_chars else len(raw)
        if size > kind.length or len(raw) > types.MAX_VARCHAR:
            limit = kind.length if size > kind.length else types.MAX_VARCHAR
            raise OracleError(12899, column, size, limit)
        return raw
    if kind.kind is Kind.NUMBER and kind.precision is not None:
        try:
            if kind.scale == types.FLOATING_SCALE:
                return round_float(raw, kind.precision)
            return round_number(raw, kind.precision, kind.scale or 0)
        except NumberRangeError:
            raise OracleError(1438) from None
    if kind.kind is Kind.TIMESTAMP and kind.scale is not None and len(raw) > DATE_SIZE:
        return round_timestamp(raw, kind.scale)
    return raw


def round_timestamp(raw: bytes, scale: int) -> bytes:
    """Round a TIMESTAMP to so many digits of a second."""
    moment, nanoseconds = decode_timestamp(raw)
    unit = 10 ** (NANO_DIGITS - scale)
    rounded = (nanoseconds + unit // 2) // unit * unit
    whole, nanoseconds = divmod(rounded, 10**NANO_DIGITS)
    return encode_timestamp(moment.replace(microsecond=0) + timedelta(seconds=whole), nanoseconds)
