"""Making values of the right kind fit a column: lengths, padding, rounding."""

from datetime import timedelta

from oracle_stand_in.data import column_types as types
from oracle_stand_in.data.column_types import ColumnType, Kind
from oracle_stand_in.data.values import (
    DATE_SIZE,
    TIMESTAMP_SIZE,
    NumberRangeError,
    decode_timestamp,
    encode_date,
    encode_timestamp,
    round_float,
    round_number,
)
from oracle_stand_in.errors import OracleError

#: fractional digits of a second that a TIMESTAMP can hold
NANO_DIGITS = 9
SECOND = 1_000_000_000
#: a blank in the national character set
NATIONAL_BLANK = b"\x00 "


def fit(raw: bytes, kind: ColumnType, column: str) -> bytes:
    """Make a value of the right kind fit the column, padding and rounding where Oracle does.

    Raises: OracleError: 12899 too long, 1438 too large for the precision.
    """
    if kind.is_text or kind.kind is Kind.RAW:
        return _fit_length(raw, kind, column)
    if kind.is_rounded:
        precision = kind.precision or types.MAX_PRECISION
        try:
            if kind.is_decimal_float:
                return round_float(raw, precision)
            return round_number(raw, precision, kind.scale or 0)
        except NumberRangeError:
            raise OracleError(1438) from None
    if kind.kind in types.TIMESTAMPS and kind.scale is not None and len(raw) > DATE_SIZE:
        return round_timestamp(raw, kind.scale)
    return raw


def _fit_length(raw: bytes, kind: ColumnType, column: str) -> bytes:
    size = length_of(raw, kind)
    most_bytes = types.MAX_CHAR if kind.kind in types.PADDED else types.MAX_VARCHAR
    if size > kind.length or len(raw) > most_bytes:
        limit = kind.length if size > kind.length else most_bytes
        raise OracleError(12899, column, size, limit)
    return padded(raw, kind) if kind.kind in types.PADDED else raw


def length_of(raw: bytes, kind: ColumnType) -> int:
    """Return a text's length in the units of the type's own: UTF-16 code units, characters or bytes."""
    if kind.is_national:
        return len(raw) // types.BYTES_PER_UNIT
    return len(raw.decode("utf-8", "replace")) if kind.in_chars else len(raw)


def padded(raw: bytes, kind: ColumnType) -> bytes:
    """Fill a CHAR or NCHAR up with blanks."""
    blank = NATIONAL_BLANK if kind.is_national else b" "
    return raw + blank * (kind.length - length_of(raw, kind))


def shortened(raw: bytes, kind: ColumnType) -> bytes:
    """Cut a text off at the type's length, as CAST does."""
    if kind.is_national:
        return raw[: kind.max_bytes]
    if kind.in_chars:
        return raw.decode("utf-8", "replace")[: kind.length].encode()
    return raw[: kind.length].decode("utf-8", "ignore").encode() if kind.is_text else raw[: kind.length]


def without_blanks(raw: bytes, *, is_national: bool) -> bytes:
    """Return a CHAR or NCHAR without the blanks at its end, in which two of them compare."""
    if not is_national:
        return raw.rstrip(b" ")
    while raw.endswith(NATIONAL_BLANK):
        raw = raw[:-2]
    return raw


def round_timestamp(raw: bytes, scale: int) -> bytes:
    """Round a timestamp of any kind to so many digits of a second."""
    moment, nanoseconds = decode_timestamp(raw)
    unit: int = 10 ** (NANO_DIGITS - scale)
    rounded = (nanoseconds + unit // 2) // unit * unit
    whole, nanoseconds = divmod(rounded, SECOND)
    moment = moment.replace(microsecond=0) + timedelta(seconds=whole)
    if len(raw) > TIMESTAMP_SIZE:
        return encode_date(moment) + nanoseconds.to_bytes(4, "big") + raw[TIMESTAMP_SIZE:]
    return encode_timestamp(moment, nanoseconds)
