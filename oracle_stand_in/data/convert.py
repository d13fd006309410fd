"""Values from one of Oracle's types to another, as raw bytes; NULL (b"") never gets here."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from oracle_stand_in.data import datetimes
from oracle_stand_in.data.clock import now
from oracle_stand_in.data.column_types import MOMENTS, NATIONAL, NUMBERS, TEXTS, Kind
from oracle_stand_in.data.fit import without_blanks
from oracle_stand_in.data.nls import Nls
from oracle_stand_in.data.values import (
    DATE_SIZE,
    TIMESTAMP_SIZE,
    NumberRangeError,
    decode_double,
    decode_float,
    decode_number,
    decode_timestamp,
    encode_double,
    encode_float,
    encode_number,
    encode_timestamp,
    encode_zoned,
    number_from_text,
    number_to_text,
    zone_of,
)
from oracle_stand_in.errors import OracleError

Converter = Callable[[bytes], bytes]
#: numbers of binary digits by their kind: how they are read and written
DECODERS = {Kind.FLOAT: decode_float, Kind.DOUBLE: decode_double}
ENCODERS = {Kind.FLOAT: encode_float, Kind.DOUBLE: encode_double}


def identity(raw: bytes) -> bytes:
    """Return the value as it is."""
    return raw


def converter(source: Kind, target: Kind, nls: Nls) -> Converter:
    """Return the function from one kind to another, by a session's settings.

    Raises: OracleError: 932, there is no such conversion. Raises (the function): OracleError: the value has no
    counterpart (1722, 1426, 018xx).
    """
    if source is target:
        return identity
    if Kind.INTERVAL in (source, target):
        raise OracleError(932, target.value, source.value)
    if source in TEXTS and target in TEXTS:
        return transcoder(source, target)
    if source in TEXTS:
        read = transcoder(source, Kind.VARCHAR)
        parse = _from_text(target, nls)
        return parse if read is identity else lambda raw: parse(read(raw))
    if target in TEXTS:
        write, encode = _to_text(source, nls), transcoder(Kind.VARCHAR, target)
        return write if encode is identity else lambda raw: encode(write(raw))
    if source in NUMBERS and target in NUMBERS:
        return _number(source, target)
    if source in MOMENTS and target in MOMENTS:
        return _moment(source, target, nls)
    raise OracleError(932, target.value, source.value)


def transcoder(source: Kind, target: Kind) -> Converter:
    """Return the function from the database's character set to the national one, or back."""
    if (source in NATIONAL) is (target in NATIONAL):
        return identity
    if source in NATIONAL:
        return lambda raw: raw.decode("utf-16-be", "replace").encode()
    return lambda raw: raw.decode("utf-8", "replace").encode("utf-16-be")


def comparable(kind: Kind) -> Converter:
    """Return the function to the form in which values of a kind compare as bytes."""
    if kind is Kind.ZONED:
        return lambda raw: raw[:TIMESTAMP_SIZE]
    if kind in (Kind.CHAR, Kind.NCHAR):
        # all but blanks is b"" otherwise, which would be NULL
        is_national = kind in NATIONAL
        return lambda raw: without_blanks(raw, is_national=is_national) or raw[:1]
    return identity


def _from_text(target: Kind, nls: Nls) -> Converter:
    if target in MOMENTS:
        return _moment_from_text(target, nls)
    if target is Kind.NUMBER:
        return text_to_number
    if target is Kind.RAW:
        return _hex_to_raw
    encode = ENCODERS[target]
    return lambda raw: encode(_binary_number(raw))


def _moment_from_text(target: Kind, nls: Nls) -> Converter:
    picture = nls.picture(target)
    if target is Kind.ZONED:
        return lambda raw: datetimes.parse_zoned(raw.decode(), picture, now(), nls)
    change = converter(Kind.TIMESTAMP, target, nls)
    return lambda raw: change(datetimes.parse(raw.decode(), picture, now()))


def _to_text(source: Kind, nls: Nls) -> Converter:
    if source is Kind.NUMBER:
        return lambda raw: number_to_text(raw).encode()
    if source in DECODERS:
        digits, decode = (8, decode_float) if source is Kind.FLOAT else (16, decode_double)
        return lambda raw: _binary_text(decode(raw), digits)
    if source is Kind.RAW:
        return lambda raw: raw.hex().upper().encode()
    if source is Kind.LOCAL:
        to_wall = _moment(Kind.LOCAL, Kind.TIMESTAMP, nls)
        return lambda raw: datetimes.write(to_wall(raw), nls.timestamp_format).encode()
    picture = nls.picture(source)
    return lambda raw: datetimes.write(raw, picture).encode()


def text_to_number(raw: bytes) -> bytes:
    """Convert as TO_NUMBER does. Raises: OracleError: 1722 or 1426."""
    try:
        return number_from_text(raw.decode("utf-8", "replace"))
    except NumberRangeError:
        raise OracleError(1426) from None
    except ValueError:
        raise OracleError(1722) from None


def _number(source: Kind, target: Kind) -> Converter:
    if source is Kind.NUMBER:
        encode = ENCODERS[target]
        return lambda raw: encode(float(decode_number(raw)))
    decode = DECODERS[source]
    if target is not Kind.NUMBER:
        encode = ENCODERS[target]
        return lambda raw: encode(decode(raw))
    if source is Kind.FLOAT:
        return lambda raw: _decimal(f"{decode_float(raw):.9g}")
    return lambda raw: _decimal(repr(decode_double(raw)))


def _decimal(text: str) -> bytes:
    try:
        return encode_number(Decimal(text))
    except (NumberRangeError, InvalidOperation):
        raise OracleError(1426) from None


def _binary_number(raw: bytes) -> float:
    try:
        return float(raw)
    except ValueError:
        raise OracleError(1722) from None


def _binary_text(value: float, digits: int) -> bytes:
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is the only one of its kind
        return {"nan": b"Nan", "inf": b"Inf", "-inf": b"-Inf"}[str(value)]
    mantissa, exponent = f"{value:.{digits}E}".split("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{exponent[0]}{int(exponent[1:]):03}".encode()


def _hex_to_raw(raw: bytes) -> bytes:
    try:
        return bytes.fromhex(raw.decode())
    except ValueError:
        raise OracleError(1465) from None


def _moment(source: Kind, target: Kind, nls: Nls) -> Converter:
    """Convert between moments: those without a zone show what clocks in the session's zone show."""
    if source is Kind.ZONED:
        if target is Kind.LOCAL:
            return _without_zone
        to_wall = _zoned_to_wall
    elif source is Kind.LOCAL:
        if target is Kind.ZONED:
            return lambda raw: _with_zone(raw, nls.zone_offset_at(decode_timestamp(raw)[0]), shown=False)
        to_wall = lambda raw: _shifted(raw, nls.zone_offset_at(decode_timestamp(raw)[0]))  # noqa: E731
    elif target is Kind.ZONED:
        return lambda raw: _with_zone(raw, nls.zone_offset(decode_timestamp(raw)[0]), shown=True)
    elif target is Kind.LOCAL:
        return lambda raw: _shifted(raw, -nls.zone_offset(decode_timestamp(raw)[0]))
    else:
        to_wall = identity
    if target is Kind.DATE:
        return lambda raw: to_wall(raw)[:DATE_SIZE]
    return to_wall


def _zoned_to_wall(raw: bytes) -> bytes:
    return _shifted(_without_zone(raw), zone_of(raw))


def _without_zone(raw: bytes) -> bytes:
    return encode_timestamp(*decode_timestamp(raw))


def _shifted(raw: bytes, by: timedelta) -> bytes:
    if not by:
        return raw
    moment, nanoseconds = decode_timestamp(raw)
    try:
        return encode_timestamp(moment + by, nanoseconds)
    except OverflowError:
        raise OracleError(1841) from None


def _with_zone(raw: bytes, offset: timedelta, *, shown: bool) -> bytes:
    """Add an offset to a moment that is UTC or, if `shown`, what clocks at that offset show."""
    moment, nanoseconds = decode_timestamp(_shifted(raw, -offset) if shown else raw)
    return encode_zoned(moment, nanoseconds, offset)


def at_zone(raw: bytes, offset: timedelta) -> bytes:
    """Return a TIMESTAMP WITH TIME ZONE at another offset: the same moment."""
    moment, nanoseconds = decode_timestamp(raw)
    return encode_zoned(moment, nanoseconds, offset)
