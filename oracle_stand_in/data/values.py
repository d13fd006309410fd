"""Oracle's data types as raw bytes, and back.

All of these compare like the values they stand for when compared byte by byte, which is why the store never decodes
them: NUMBER, DATE, TIMESTAMP and BINARY_DOUBLE sort and make unique keys as they are. b"" is NULL in every type.

Source: python-oracledb, src/oracledb/impl/base/encoders.pyx and decoders.pyx.
"""

import ctypes
import math
import struct
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

from oracle_stand_in.errors import OracleError

#: most base-100 digits of a NUMBER
MAX_PAIRS = 20
#: NUMBER reaches from 1e-130 to just under 1e126
MAX_EXPONENT, MIN_EXPONENT = 126, -130
#: the byte that ends a negative NUMBER, so that it compares right
NEGATIVE_END = 102
ZERO = b"\x80"
#: minus zero, which Oracle stores as zero
DOUBLE_MINUS_ZERO, FLOAT_MINUS_ZERO = b"\x7f" + b"\xff" * 7, b"\x7f" + b"\xff" * 3
MIN_NUMBER = b"\x00"
#: decimal digits that survive in a NUMBER, and the arithmetic that keeps them
PRECISION = 40
DECIMALS = Context(prec=PRECISION, rounding=ROUND_HALF_UP)
DATE_SIZE, TIMESTAMP_SIZE, ZONED_SIZE = 7, 11, 13
#: what is added to the days and nanoseconds of an interval
SIGN_OFFSET = 1 << 31


class NumberRangeError(ValueError):
    """The number is too large for NUMBER."""


def encode_number(value: Decimal) -> bytes:
    """Encode a finite number; what is too small becomes 0.

    Raises: NumberRangeError: 1e126 or more, either sign.
    """
    sign, digits, exponent = DECIMALS.plus(value).as_tuple()
    if not isinstance(exponent, int):
        raise NumberRangeError("not a finite number")
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return ZERO
    if exponent % 2:  # base-100 digits begin at an even power of ten
        text += "0"
        exponent -= 1
    if len(text) % 2:
        text = "0" + text
    pairs = [int(text[i : i + 2]) for i in range(0, len(text), 2)]
    power = exponent // 2 + len(pairs)
    pairs = pairs[:MAX_PAIRS]
    while pairs[-1] == 0:
        pairs.pop()
    if power * 2 > MAX_EXPONENT:
        raise NumberRangeError("too large for NUMBER")
    if power * 2 < MIN_EXPONENT + 2:
        return ZERO
    if sign:
        end = bytes((NEGATIVE_END,)) if len(pairs) < MAX_PAIRS else b""
        return bytes((0x3F - power,)) + bytes(101 - pair for pair in pairs) + end
    return bytes((0xC0 + power,)) + bytes(pair + 1 for pair in pairs)


def decode_number(raw: bytes) -> Decimal:
    """Decode a NUMBER that is not NULL."""
    if raw == ZERO:
        return Decimal(0)
    if raw == MIN_NUMBER:
        return Decimal("-1e126")
    if raw[0] & 0x80:
        sign, power, pairs = 0, raw[0] - 0xC0, [byte - 1 for byte in raw[1:]]
    else:
        digits = raw[1:-1] if raw[-1] == NEGATIVE_END else raw[1:]
        sign, power, pairs = 1, 0x3F - raw[0], [101 - byte for byte in digits]
    if not pairs or min(pairs) < 0 or max(pairs) > 99:
        raise OracleError(1722)  # what a client sent is no NUMBER
    coefficient = tuple(int(digit) for pair in pairs for digit in f"{pair:02}")
    return Decimal((sign, coefficient, (power - len(pairs)) * 2))


def number_from_text(text: str) -> bytes:
    """Encode a number written as text. Raises: ValueError: it is not one (or NumberRangeError: too large)."""
    try:
        value = DECIMALS.create_decimal(text.strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not value.is_finite() or "_" in text:
        raise ValueError("not a number")
    return encode_number(value)


def number_to_text(raw: bytes) -> str:
    """Write a NUMBER as Oracle's TO_CHAR without a format does: no exponent, no zero before the point."""
    value = decode_number(raw)
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text.startswith(("0.", "-0.")):
        text = text.replace("0.", ".", 1)
    return text


def round_number(raw: bytes, precision: int, scale: int) -> bytes:
    """Round to NUMBER(precision, scale). Raises: NumberRangeError: it does not fit."""
    value = decode_number(raw).quantize(Decimal(1).scaleb(-scale), context=Context(prec=200, rounding=ROUND_HALF_UP))
    if value and value.adjusted() >= precision - scale:
        raise NumberRangeError("does not fit the precision")
    return encode_number(value)


def round_float(raw: bytes, bits: int) -> bytes:
    """Round to FLOAT(bits): so many decimal digits as the bits are worth. Source: SQL Language Reference, FLOAT."""
    digits = math.ceil(bits * 0.30103)
    return encode_number(Context(prec=digits, rounding=ROUND_HALF_UP).plus(decode_number(raw)))


def encode_timestamp(value: datetime, nanoseconds: int | None = None) -> bytes:
    """Encode a TIMESTAMP: 7 bytes when the fraction is zero, else 11, as the drivers do."""
    base = encode_date(value)
    fraction = value.microsecond * 1000 if nanoseconds is None else nanoseconds
    return base + fraction.to_bytes(4, "big") if fraction else base


def encode_date(value: datetime) -> bytes:
    """Encode a DATE: whole seconds, 7 bytes."""
    century, year = divmod(value.year, 100)
    return bytes(
        (century + 100, year + 100, value.month, value.day, value.hour + 1, value.minute + 1, value.second + 1)
    )


def decode_timestamp(raw: bytes) -> tuple[datetime, int]:
    """Decode a DATE or TIMESTAMP; the second element is the fraction in nanoseconds."""
    if len(raw) < DATE_SIZE:
        raise OracleError(1841)
    nanoseconds = int.from_bytes(raw[DATE_SIZE:TIMESTAMP_SIZE], "big")
    year = (raw[0] - 100) * 100 + raw[1] - 100
    second = raw[6] - 1
    try:
        moment = datetime(year, raw[2], raw[3], raw[4] - 1, raw[5] - 1, second, nanoseconds // 1000)  # noqa: DTZ001 - Oracle's TIMESTAMP has no zone either
    except ValueError:
        raise OracleError(1841) from None  # what a client sent is no moment
    return moment, nanoseconds


def encode_zoned(moment: datetime, nanoseconds: int, offset: timedelta) -> bytes:
    """Encode a TIMESTAMP WITH TIME ZONE: UTC with all of its fraction, then the offset, 13 bytes."""
    minutes = int(offset.total_seconds()) // 60
    hours, rest = int(minutes / 60), minutes - int(minutes / 60) * 60
    return encode_date(moment) + nanoseconds.to_bytes(4, "big") + bytes((hours + 20, rest + 60))


def zone_of(raw: bytes) -> timedelta:
    """Return the offset of an encoded TIMESTAMP WITH TIME ZONE."""
    return timedelta(hours=raw[TIMESTAMP_SIZE] - 20, minutes=raw[TIMESTAMP_SIZE + 1] - 60)


def encode_interval(value: timedelta) -> bytes:
    """Encode an INTERVAL DAY TO SECOND: days, hours, minutes, seconds, nanoseconds, all of one sign."""
    sign = -1 if value < timedelta() else 1
    value = abs(value)
    minutes, second = divmod(value.seconds, 60)
    clock = bytes(60 + sign * part for part in (minutes // 60, minutes % 60, second))
    return b"%b%b%b" % (_signed(sign * value.days), clock, _signed(sign * value.microseconds * 1000))


def _signed(number: int) -> bytes:
    return (number + SIGN_OFFSET).to_bytes(4, "big")


def decode_interval(raw: bytes) -> timedelta:
    """Decode an INTERVAL DAY TO SECOND. Raises: OracleError: 1867, what a client sent is none."""
    try:
        hours, minutes, seconds = (byte - 60 for byte in raw[4:7])
        days, nanoseconds = (int.from_bytes(part, "big") - SIGN_OFFSET for part in (raw[:4], raw[7:11]))
        return timedelta(days, seconds, int(nanoseconds / 1000), minutes=minutes, hours=hours)
    except (ValueError, OverflowError):
        raise OracleError(1867) from None


def encode_double(value: float) -> bytes:
    """Encode a BINARY_DOUBLE so that bytes compare like numbers."""
    bits = int.from_bytes(struct.pack(">d", value), "big")
    bits = bits ^ 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else bits | 1 << 63
    return bits.to_bytes(8, "big")


def decode_double(raw: bytes) -> float:
    """Decode a BINARY_DOUBLE."""
    bits = int.from_bytes(raw, "big")
    bits = bits & ~(1 << 63) if bits >> 63 else bits ^ 0xFFFF_FFFF_FFFF_FFFF
    value: float = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    return value


def encode_float(value: float) -> bytes:
    """Encode a BINARY_FLOAT, rounded to 24 binary digits; what is too large becomes infinity."""
    bits = int.from_bytes(struct.pack(">f", ctypes.c_float(value).value), "big")
    bits = bits ^ 0xFFFF_FFFF if bits >> 31 else bits | 1 << 31
    return bits.to_bytes(4, "big")


def decode_float(raw: bytes) -> float:
    """Decode a BINARY_FLOAT."""
    bits = int.from_bytes(raw, "big")
    bits = bits & ~(1 << 31) if bits >> 31 else bits ^ 0xFFFF_FFFF
    value: float = struct.unpack(">f", bits.to_bytes(4, "big"))[0]
    return value
