"""SQL functions: the few that tests, checks and people at a prompt use."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from oracle_stand_in.data import datetimes
from oracle_stand_in.data.column_types import (
    DATE_TYPE,
    DOUBLE_TYPE,
    FLOAT_TYPE,
    MAX_VARCHAR,
    MOMENTS,
    NUMBER_TYPE,
    NUMBERS,
    TEXTS,
    TIMESTAMP_TYPE,
    ZONED_TYPE,
    ColumnType,
    Kind,
    varchar,
)
from oracle_stand_in.data.convert import converter, text_to_number
from oracle_stand_in.data.values import (
    DATE_SIZE,
    DECIMALS,
    decode_number,
    encode_number,
)
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.evaluation.context import Context

#: functions over many rows; query.py computes them
AGGREGATES = frozenset(("COUNT", "MIN", "MAX", "SUM", "AVG"))
#: kinds of numbers and moments, each before those that are converted to it
NUMBER_ORDER = (Kind.DOUBLE, Kind.FLOAT, Kind.NUMBER)
MOMENT_ORDER = (Kind.ZONED, Kind.LOCAL, Kind.TIMESTAMP, Kind.DATE)
NUMBER_FORMAT = re.compile(
    r"(?P<fm>FM)?(?P<sign>S)?(?P<dollar>\$)?(?P<whole>[09,G]*)(?P<decimals>[D.][09]*)?", re.ASCII
)
TEXT = varchar(4000)


@dataclass(frozen=True)
class Argument:
    """An argument's type, and its value if that is known beforehand."""

    type: ColumnType | None
    raw: bytes | None


#: raw arguments -> raw result
Run = Callable[[Sequence[bytes]], bytes]
#: what is known of the arguments, and who asks -> type of the result, and how to get it
Function = Callable[[list[Argument], Context], tuple[ColumnType, Run]]


def within_a_text(raw: bytes) -> bytes:
    """Return a text that was made of others. Raises: OracleError: 1489, it is longer than a VARCHAR2."""
    if len(raw) > MAX_VARCHAR:
        raise OracleError(1489)
    return raw


def check_count(arguments: list[Argument], low: int, high: int) -> None:
    """Raises: OracleError: 938 or 939, there are too few or too many."""
    if len(arguments) < low:
        raise OracleError(938)
    if len(arguments) > high:
        raise OracleError(939)


def _text(change: Callable[[str], str]) -> Function:
    def function(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
        check_count(arguments, 1, 1)
        to_text = _to_text(arguments[0], context)
        return TEXT, lambda raws: change(to_text(raws[0]).decode()).encode()

    return function


def _to_text(argument: Argument, context: Context) -> Callable[[bytes], bytes]:
    if argument.type is None:
        return lambda raw: raw
    change = converter(argument.type.kind, Kind.VARCHAR, context.nls)
    return lambda raw: change(raw) if raw else b""


def _length(in_bytes: bool) -> Function:
    def function(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
        check_count(arguments, 1, 1)
        to_text = _to_text(arguments[0], context)

        def run(raws: Sequence[bytes]) -> bytes:
            raw = to_text(raws[0])
            return encode_number(Decimal(len(raw) if in_bytes else len(raw.decode()))) if raw else b""

        return NUMBER_TYPE, run

    return function


def _moment(kind: ColumnType) -> Function:
    """TO_DATE, TO_TIMESTAMP, TO_TIMESTAMP_TZ: without a format they convert as Oracle does without being asked."""

    def function(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
        check_count(arguments, 1, 3)
        result = kind if kind is DATE_TYPE else ColumnType(kind.kind, scale=9)
        source = arguments[0].type
        if source is None or len(arguments) == 1:
            change = converter(source.kind if source else Kind.VARCHAR, kind.kind, context.nls)
            return result, lambda raws: change(raws[0]) if raws[0] else b""
        to_text = _to_text(arguments[0], context)

        def run(raws: Sequence[bytes]) -> bytes:
            if not raws[0]:
                return b""
            text, picture = to_text(raws[0]).decode(), raws[1].decode()
            if kind is ZONED_TYPE:
                return datetimes.parse_zoned(text, picture, context.now, context.nls)
            raw = datetimes.parse(text, picture, context.now)
            return raw[:DATE_SIZE] if kind is DATE_TYPE else raw

        return result, run

    return function


def _to_char(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 1, 3)
    kind = arguments[0].type
    if len(arguments) == 1 or kind is None:
        to_text = _to_text(arguments[0], context)
        return TEXT, lambda raws: to_text(raws[0])
    if kind.kind in NUMBERS:
        change = converter(kind.kind, Kind.NUMBER, context.nls)
        return TEXT, lambda raws: number_format(decode_number(change(raws[0])), raws[1].decode()) if raws[0] else b""
    if kind.kind not in MOMENTS:
        raise unsupported(f"TO_CHAR of {kind.kind.value} with a format")
    # a moment with a local time zone is shown in the session's
    shown = converter(kind.kind, Kind.ZONED if kind.kind is Kind.LOCAL else kind.kind, context.nls)
    return TEXT, lambda raws: datetimes.write(shown(raws[0]), raws[1].decode()).encode() if raws[0] else b""


def number_format(value: Decimal, picture: str) -> bytes:
    """Write a number by a format of 9, 0, D, G, `.`, `,`, S, $ and FM. Raises: OracleError: 1481."""
    match = NUMBER_FORMAT.fullmatch(picture.upper())
    if match is None:
        raise OracleError(1481)
    whole, decimals = match["whole"], (match["decimals"] or "").lstrip("D.")
    rounded = value.quantize(Decimal(1).scaleb(-len(decimals)), context=DECIMALS)
    digits, _, fraction = f"{abs(rounded):f}".partition(".")
    places = whole.replace(",", "").replace("G", "")
    digits = digits.lstrip("0")
    least = len(places) - places.index("0") if "0" in places else (0 if decimals else 1)
    if len(digits) > len(places):
        return b"#" * (len(picture) + 1)
    digits = digits.rjust(least, "0")
    for comma in re.finditer("[,G]", whole):
        after = len(whole[comma.end() :].replace(",", "").replace("G", ""))
        if len(digits.replace(",", "")) > after:
            cut = len(digits) - after - digits[::-1][:after].count(",")
            digits = f"{digits[:cut]},{digits[cut:]}"
    text = (match["dollar"] or "") + digits + (f".{fraction}" if decimals else "")
    sign = "-" if rounded < 0 else "+" if match["sign"] else "" if match["fm"] else " "
    text = sign + text
    return text.encode() if match["fm"] else text.rjust(len(picture) + (0 if match["sign"] else 1)).encode()


def _to_number(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 1, 1)
    to_text = _to_text(arguments[0], context)
    return NUMBER_TYPE, lambda raws: text_to_number(to_text(raws[0])) if raws[0] else b""


def _lenient_number(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    """TO_NUMBER(text DEFAULT other ON CONVERSION ERROR)."""
    kind, convert = _to_number(arguments[:1], context)
    _, other = _to_number(arguments[1:], context)

    def run(raws: Sequence[bytes]) -> bytes:
        try:
            return convert(raws[:1])
        except OracleError:
            return other(raws[1:])

    return kind, run


def _nvl(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    if len(arguments) < 2:
        raise OracleError(938)
    kind = result_type([argument.type for argument in arguments]) or TEXT
    changes = [converter((argument.type or kind).kind, kind.kind, context.nls) for argument in arguments]
    return kind, lambda raws: next((change(raw) for change, raw in zip(changes, raws, strict=True) if raw), b"")


def result_type(types: Sequence[ColumnType | None]) -> ColumnType | None:
    """Return the type of a value that is one of several: of NVL, CASE, UNION. Raises: OracleError: 932."""
    known = [each for each in types if each is not None]
    if not known:
        return None
    first = known[0]
    if all(each == first for each in known):
        return first
    for group, order in ((TEXTS, None), (NUMBERS, NUMBER_ORDER), (MOMENTS, MOMENT_ORDER)):
        if first.kind not in group:
            continue
        for each in known:
            if each.kind not in group:
                raise OracleError(932, first.kind.value, each.kind.value)
        if order is not None:
            kind = min((each.kind for each in known), key=order.index)
            return {Kind.NUMBER: NUMBER_TYPE, Kind.DATE: DATE_TYPE}.get(kind, ColumnType(kind, scale=9))
        if all(each.is_national for each in known):
            return ColumnType(Kind.NVARCHAR, max(each.length for each in known))
        return varchar(max(each.max_bytes for each in known))
    longest = max(known, key=lambda each: each.length)
    if any(each.kind is not longest.kind for each in known):
        raise OracleError(932, first.kind.value, longest.kind.value)
    return longest


def _substr(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 2, 3)
    to_text = _to_text(arguments[0], context)

    def run(raws: Sequence[bytes]) -> bytes:
        if not all(raws):
            return b""
        text = to_text(raws[0]).decode()
        start = int(decode_number(raws[1]))
        start = max(start - 1, 0) if start >= 0 else max(len(text) + start, 0)
        end = start + int(decode_number(raws[2])) if len(raws) > 2 else len(text)
        return text[start:end].encode()

    return TEXT, run


def _converted(kind: ColumnType) -> Function:
    """Return a function that does nothing but convert."""

    def function(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
        check_count(arguments, 1, 1)
        change = converter((arguments[0].type or kind).kind, kind.kind, context.nls)
        return kind, lambda raws: change(raws[0]) if raws[0] else b""

    return function


def _extract_utc(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 1, 1)
    to_zoned = converter((arguments[0].type or ZONED_TYPE).kind, Kind.ZONED, context.nls)
    to_utc = converter(Kind.ZONED, Kind.LOCAL, context.nls)
    return ColumnType(Kind.TIMESTAMP, scale=9), lambda raws: to_utc(to_zoned(raws[0])) if raws[0] else b""


def _from_tz(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 2, 2)

    def run(raws: Sequence[bytes]) -> bytes:
        if not all(raws):
            return b""
        change = converter(Kind.TIMESTAMP, Kind.ZONED, replace(context.nls, time_zone=raws[1].decode()))
        return change(raws[0])

    return ColumnType(Kind.ZONED, scale=9), run


FUNCTIONS: dict[str, Function] = {
    "UPPER": _text(str.upper),
    "LOWER": _text(str.lower),
    "TRIM": _text(lambda text: text.strip(" ")),
    "LENGTH": _length(in_bytes=False),
    "LENGTHB": _length(in_bytes=True),
    "SUBSTR": _substr,
    "NVL": _nvl,
    "COALESCE": _nvl,
    "TO_CHAR": _to_char,
    "TO_NUMBER": _to_number,
    "TO_NUMBER DEFAULT": _lenient_number,
    "TO_NCHAR": _converted(ColumnType(Kind.NVARCHAR, 2000)),
    "TO_BINARY_FLOAT": _converted(FLOAT_TYPE),
    "TO_BINARY_DOUBLE": _converted(DOUBLE_TYPE),
    "HEXTORAW": _converted(ColumnType(Kind.RAW, 2000)),
    "RAWTOHEX": _converted(TEXT),
    "TO_TIMESTAMP": _moment(TIMESTAMP_TYPE),
    "TO_TIMESTAMP_TZ": _moment(ZONED_TYPE),
    "TO_DATE": _moment(DATE_TYPE),
    "SYS_EXTRACT_UTC": _extract_utc,
    "FROM_TZ": _from_tz,
}
