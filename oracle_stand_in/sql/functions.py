"""SQL functions: the few that tests, checks and people at a prompt use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from oracle_stand_in.data import datetimes
from oracle_stand_in.data.column_types import DATE_TYPE, NUMBER_TYPE, TIMESTAMP_TYPE, ColumnType, Kind, varchar
from oracle_stand_in.data.convert import converter, text_to_number
from oracle_stand_in.data.values import (
    DATE_SIZE,
    DECIMALS,
    NumberRangeError,
    decode_number,
    decode_timestamp,
    encode_number,
    encode_timestamp,
)
from oracle_stand_in.errors import OracleError, unsupported

#: functions over many rows; query.py computes them
AGGREGATES = frozenset(("COUNT", "MIN", "MAX", "SUM", "AVG"))
SECONDS_PER_DAY = 86_400
TEXT = varchar(4000)


@dataclass(frozen=True)
class Argument:
    """An argument's type, and its value if that is known beforehand."""

    type: ColumnType | None
    raw: bytes | None


#: raw arguments -> raw result
Run = Callable[[Sequence[bytes]], bytes]
#: what is known of the arguments, and the time -> type of the result, and how to get it
Function = Callable[[list[Argument], datetime], tuple[ColumnType, Run]]


def _check_count(arguments: list[Argument], low: int, high: int) -> None:
    if len(arguments) < low:
        raise OracleError(938)
    if len(arguments) > high:
        raise OracleError(939)


def _text(change: Callable[[str], str]) -> Function:
    def function(arguments: list[Argument], _now: datetime) -> tuple[ColumnType, Run]:
        _check_count(arguments, 1, 1)
        to_text = _to_text(arguments[0])
        return TEXT, lambda raws: change(to_text(raws[0]).decode()).encode()

    return function


def _to_text(argument: Argument) -> Callable[[bytes], bytes]:
    if argument.type is None or argument.type.kind is Kind.VARCHAR:
        return lambda raw: raw
    change = converter(argument.type.kind, Kind.VARCHAR)
    return lambda raw: change(raw) if raw else b""


def _length(in_bytes: bool) -> Function:
    def function(arguments: list[Argument], _now: datetime) -> tuple[ColumnType, Run]:
        _check_count(arguments, 1, 1)
        to_text = _to_text(arguments[0])

        def run(raws: Sequence[bytes]) -> bytes:
            raw = to_text(raws[0])
            return encode_number(Decimal(len(raw) if in_bytes else len(raw.decode()))) if raw else b""

        return NUMBER_TYPE, run

    return function


def _moment(kind: ColumnType, default_format: str) -> Function:
    def function(arguments: list[Argument], now: datetime) -> tuple[ColumnType, Run]:
        _check_count(arguments, 1, 2)
        source = arguments[0].type
        if source is not None and source.kind in (Kind.DATE, Kind.TIMESTAMP):
            change = converter(source.kind, kind.kind)
            return kind, lambda raws: change(raws[0]) if raws[0] else b""

        def run(raws: Sequence[bytes]) -> bytes:
            if not raws[0]:
                return b""
            picture = raws[1].decode() if len(raws) > 1 else default_format
            raw = datetimes.parse(raws[0].decode(), picture, now)
            return raw[:DATE_SIZE] if kind is DATE_TYPE else raw

        return ColumnType(kind.kind, scale=9) if kind is TIMESTAMP_TYPE else kind, run

    return function


def _to_char(arguments: list[Argument], _now: datetime) -> tuple[ColumnType, Run]:
    _check_count(arguments, 1, 2)
    kind = arguments[0].type
    if len(arguments) == 1:
        to_text = _to_text(arguments[0])
        return TEXT, lambda raws: to_text(raws[0])
    if kind is None or kind.kind not in (Kind.DATE, Kind.TIMESTAMP):
        raise unsupported("TO_CHAR with a number format")
    return TEXT, lambda raws: datetimes.write(raws[0], raws[1].decode()).encode() if raws[0] else b""


def _to_number(arguments: list[Argument], _now: datetime) -> tuple[ColumnType, Run]:
    _check_count(arguments, 1, 1)
    to_text = _to_text(arguments[0])
    return NUMBER_TYPE, lambda raws: text_to_number(to_text(raws[0])) if raws[0] else b""


def _coalesce(arguments: list[Argument], _now: datetime) -> tuple[ColumnType, Run]:
    if len(arguments) < 2:
        raise OracleError(938)
    kinds = [a.type for a in arguments if a.type is not None]
    kind = kinds[0] if kinds else TEXT
    for argument in arguments:
        if argument.type is not None and argument.type.kind is not kind.kind:
            raise OracleError(932, kind.kind.value, argument.type.kind.value)
    longest = max(kinds, key=lambda each: each.length) if kind.is_text and kinds else kind
    return longest, lambda raws: next((raw for raw in raws if raw), b"")


def _substr(arguments: list[Argument], _now: datetime) -> tuple[ColumnType, Run]:
    _check_count(arguments, 2, 3)
    to_text = _to_text(arguments[0])

    def run(raws: Sequence[bytes]) -> bytes:
        if not all(raws):
            return b""
        text = to_text(raws[0]).decode()
        start = int(decode_number(raws[1]))
        start = max(start - 1, 0) if start >= 0 else max(len(text) + start, 0)
        end = start + int(decode_number(raws[2])) if len(raws) > 2 else len(text)
        return text[start:end].encode()

    return TEXT, run


def _number(change: Callable[[Decimal], Decimal]) -> Function:
    def function(arguments: list[Argument], _now: datetime) -> tuple[ColumnType, Run]:
        _check_count(arguments, 1, 1)
        if arguments[0].type is not None and arguments[0].type.kind is not Kind.NUMBER:
            raise unsupported("this function of anything but a number")
        return NUMBER_TYPE, lambda raws: encode_number(change(decode_number(raws[0]))) if raws[0] else b""

    return function


FUNCTIONS: dict[str, Function] = {
    "UPPER": _text(str.upper),
    "LOWER": _text(str.lower),
    "TRIM": _text(lambda text: text.strip(" ")),
    "LENGTH": _length(in_bytes=False),
    "LENGTHB": _length(in_bytes=True),
    "SUBSTR": _substr,
    "NVL": _coalesce,
    "COALESCE": _coalesce,
    "ABS": _number(abs),
    "ROUND": _number(lambda value: value.quantize(Decimal(1), context=DECIMALS)),
    "TO_CHAR": _to_char,
    "TO_NUMBER": _to_number,
    "TO_TIMESTAMP": _moment(TIMESTAMP_TYPE, datetimes.NLS_TIMESTAMP_FORMAT),
    "TO_DATE": _moment(DATE_TYPE, datetimes.NLS_DATE_FORMAT),
}


def shift(raw: bytes, by: timedelta | bytes, sign: int = 1) -> bytes:
    """Add an interval, or a NUMBER of days, to a DATE or TIMESTAMP; NULL stays NULL."""
    if not raw or by == b"":
        return b""
    if isinstance(by, bytes):
        by = timedelta(seconds=round(decode_number(by) * SECONDS_PER_DAY)) * sign
    moment, nanoseconds = decode_timestamp(raw)
    shifted = moment + by
    return encode_timestamp(shifted, shifted.microsecond * 1000 + nanoseconds % 1000)


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
