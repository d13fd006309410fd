"""Sums of numbers, moments and intervals."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from oracle_stand_in.data.values import (
    DECIMALS,
    TIMESTAMP_SIZE,
    NumberRangeError,
    decode_number,
    decode_timestamp,
    encode_interval,
    encode_number,
    encode_timestamp,
    encode_zoned,
    zone_of,
)
from oracle_stand_in.errors import OracleError

SECONDS_PER_DAY = 86_400


def days(raw: bytes) -> timedelta:
    """Return what a NUMBER of days means."""
    return timedelta(seconds=round(decode_number(raw) * SECONDS_PER_DAY))


def shift(raw: bytes, by: timedelta) -> bytes:
    """Add an interval to a moment; a time zone stays what it is."""
    moment, nanoseconds = decode_timestamp(raw)
    try:
        shifted = moment + by
    except OverflowError:
        raise OracleError(1841) from None
    nanoseconds = shifted.microsecond * 1000 + nanoseconds % 1000
    if len(raw) > TIMESTAMP_SIZE:
        return encode_zoned(shifted, nanoseconds, zone_of(raw))
    return encode_timestamp(shifted, nanoseconds)


def days_between(later: bytes, earlier: bytes) -> bytes:
    """Return the days from one DATE to another as a NUMBER; NULL makes it NULL."""
    if not later or not earlier:
        return b""
    between = decode_timestamp(later)[0] - decode_timestamp(earlier)[0]
    seconds = between.days * SECONDS_PER_DAY + between.seconds
    return encode_number(DECIMALS.divide(Decimal(seconds), Decimal(SECONDS_PER_DAY)))


def interval_between(later: bytes, earlier: bytes) -> bytes:
    """Return the interval from one moment to another; NULL makes it NULL."""
    if not later or not earlier:
        return b""
    return encode_interval(decode_timestamp(later)[0] - decode_timestamp(earlier)[0])


def arithmetic(operator: str) -> Callable[[bytes, bytes], bytes]:
    """Return an operation on NUMBERs; NULL makes the result NULL.

    Raises (the operation): OracleError: 1426 too large, 1476 division by zero.
    """
    operations: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
        "+": DECIMALS.add,
        "-": DECIMALS.subtract,
        "*": DECIMALS.multiply,
        "/": DECIMALS.divide,
    }
    operation = operations[operator]

    def run(left: bytes, right: bytes) -> bytes:
        if not left or not right:
            return b""
        a, b = decode_number(left), decode_number(right)
        if operator == "/" and not b:
            raise OracleError(1476)
        try:
            return encode_number(operation(a, b))
        except NumberRangeError:
            raise OracleError(1426) from None

    return run
