"""SQL functions of texts, numbers and moments that need no more than their arguments."""

import calendar
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from itertools import zip_longest

from oracle_stand_in.data.column_types import DATE_TYPE, MAX_VARCHAR, MOMENTS, NUMBER_TYPE, ColumnType, Kind
from oracle_stand_in.data.convert import converter
from oracle_stand_in.data.values import (
    DATE_SIZE,
    DECIMALS,
    decode_number,
    decode_timestamp,
    encode_date,
    encode_number,
)
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.evaluation.context import Context
from oracle_stand_in.sql.evaluation.extract import extract
from oracle_stand_in.sql.evaluation.functions import (
    TEXT,
    Argument,
    Function,
    Run,
    check_count,
    result_type,
    within_a_text,
)

#: units to which TRUNC cuts a moment: the fields from which on it is the first of them
UNITS = {
    "YYYY": ("month", "day", "hour", "minute"), "YEAR": ("month", "day", "hour", "minute"),
    "Y": ("month", "day", "hour", "minute"), "MM": ("day", "hour", "minute"), "MONTH": ("day", "hour", "minute"),
    "MON": ("day", "hour", "minute"), "DD": ("hour", "minute"), "DDD": ("hour", "minute"),
    "HH": ("minute",), "HH24": ("minute",), "MI": (),
}  # fmt: skip


#: before and behind the point of any NUMBER
MOST_DIGITS = 150
#: from here on numbers are no characters
FIRST_SURROGATE = 0xD800


def _converted(arguments: Sequence[Argument], kinds: Sequence[Kind], context: Context) -> Callable[[int, bytes], bytes]:
    """Return the function that brings an argument, by its place, to the kind that a function wants."""
    changes = [
        converter((argument.type or ColumnType(kind)).kind, kind, context.nls)
        for argument, kind in zip(arguments, kinds, strict=False)
    ]
    return lambda place, raw: changes[place](raw)


def _of_texts(low: int, high: int, run: Callable[..., str], *kinds: Kind) -> Function:
    """Return a function of texts (and of numbers, by `kinds`); NULL in the first argument makes it NULL."""

    def function(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
        check_count(arguments, low, high)
        wanted = [*kinds, *[Kind.VARCHAR] * (len(arguments) - len(kinds))]
        convert = _converted(arguments, wanted, context)

        def call(raws: Sequence[bytes]) -> bytes:
            if not raws[0]:
                return b""
            values: list[object] = []
            for place, raw in enumerate(raws):
                changed = convert(place, raw) if raw else b""
                is_number = wanted[place] is Kind.NUMBER
                values.append(int(decode_number(changed)) if is_number and changed else changed.decode())
            return within_a_text(run(*values).encode())

        return TEXT, call

    return function


def _of_numbers(low: int, high: int, run: Callable[..., Decimal]) -> Function:
    """Return a function of numbers; any NULL makes it NULL."""

    def function(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
        check_count(arguments, low, high)
        convert = _converted(arguments, [Kind.NUMBER] * len(arguments), context)

        def call(raws: Sequence[bytes]) -> bytes:
            if not all(raws):
                return b""
            return encode_number(run(*(decode_number(convert(place, raw)) for place, raw in enumerate(raws))))

        return NUMBER_TYPE, call

    return function


def _rounded(rounding: str) -> Callable[..., Decimal]:
    def run(value: Decimal, digits: Decimal = Decimal(0)) -> Decimal:
        context = DECIMALS.copy()
        context.prec = 2 * MOST_DIGITS
        places = max(-MOST_DIGITS, min(int(digits), MOST_DIGITS))
        return value.quantize(Decimal(1).scaleb(-places), rounding=rounding, context=context)

    return run


def _modulo(value: Decimal, divisor: Decimal) -> Decimal:
    return value if not divisor else DECIMALS.remainder(value, divisor)


def _trunc(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 1, 2)
    kind = arguments[0].type
    if kind is None or kind.kind not in MOMENTS:
        return _of_numbers(1, 2, _rounded(ROUND_DOWN))(arguments, context)
    to_date = converter(kind.kind, Kind.DATE, context.nls)

    def call(raws: Sequence[bytes]) -> bytes:
        unit = raws[1].decode().upper() if len(raws) > 1 else "DDD"
        if unit not in UNITS:
            raise unsupported(f"TRUNC of a date to {unit}")
        if not raws[0]:
            return b""
        moment, _ = decode_timestamp(to_date(raws[0])[:DATE_SIZE])
        first = {name: int(name in ("month", "day")) for name in UNITS[unit]}
        fields = {name: first.get(name, getattr(moment, name)) for name in ("year", "month", "day", "hour", "minute")}
        return encode_date(datetime(**fields))  # noqa: DTZ001 - a DATE has no zone

    return DATE_TYPE, call


def _add_months(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 2, 2)
    convert = _converted(arguments, [Kind.DATE, Kind.NUMBER], context)

    def call(raws: Sequence[bytes]) -> bytes:
        if not all(raws):
            return b""
        moment, _ = decode_timestamp(convert(0, raws[0]))
        months = moment.year * 12 + moment.month - 1 + int(decode_number(convert(1, raws[1])))
        year, month = divmod(months, 12)
        if not 1 <= year <= 9999:
            raise OracleError(1841)
        last = calendar.monthrange(year, month + 1)[1]
        was_last = moment.day == calendar.monthrange(moment.year, moment.month)[1]
        return encode_date(moment.replace(year=year, month=month + 1, day=last if was_last else min(moment.day, last)))

    return DATE_TYPE, call


def _choice(pick: Callable[[Sequence[bytes]], bytes]) -> Function:
    """GREATEST and LEAST: of values as they compare."""

    def function(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
        check_count(arguments, 1, 255)
        kind = result_type([argument.type for argument in arguments]) or TEXT
        convert = _converted(arguments, [kind.kind] * len(arguments), context)
        return kind, lambda raws: pick([convert(n, raw) for n, raw in enumerate(raws)]) if all(raws) else b""

    return function


def _nvl2(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 3, 3)
    kind = result_type([argument.type for argument in arguments[1:]]) or TEXT
    convert = _converted(arguments[1:], [kind.kind] * 2, context)

    def call(raws: Sequence[bytes]) -> bytes:
        place = 1 if raws[0] else 2
        return convert(place - 1, raws[place]) if raws[place] else b""

    return kind, call


def _nullif(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 2, 2)
    kind = arguments[0].type or TEXT
    convert = _converted(arguments, [kind.kind] * 2, context)
    return kind, lambda raws: b"" if raws[1] and raws[0] == convert(1, raws[1]) else raws[0]


def _position(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    """INSTR(text, part[, start])."""
    check_count(arguments, 2, 3)
    convert = _converted(arguments, [Kind.VARCHAR, Kind.VARCHAR, Kind.NUMBER], context)

    def call(raws: Sequence[bytes]) -> bytes:
        if not all(raws):
            return b""
        text, part = convert(0, raws[0]).decode(), convert(1, raws[1]).decode()
        start = int(decode_number(convert(2, raws[2]))) if len(raws) > 2 else 1
        found = text.find(part, start - 1) if start > 0 else text.rfind(part, 0, len(text) + start + len(part))
        return encode_number(Decimal(found + 1))

    return NUMBER_TYPE, call


def _ascii(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 1, 1)
    convert = _converted(arguments, [Kind.VARCHAR], context)
    return NUMBER_TYPE, lambda raws: encode_number(Decimal(ord(convert(0, raws[0]).decode()[0]))) if raws[0] else b""


def _concat(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 2, 255)
    convert = _converted(arguments, [Kind.VARCHAR] * len(arguments), context)
    return TEXT, lambda raws: within_a_text(b"".join(convert(place, raw) for place, raw in enumerate(raws) if raw))


def _character(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    check_count(arguments, 1, 1)
    convert = _converted(arguments, [Kind.NUMBER], context)

    def call(raws: Sequence[bytes]) -> bytes:
        code = int(decode_number(convert(0, raws[0]))) if raws[0] else 0
        if not 0 <= code < FIRST_SURROGATE:
            raise OracleError(1428, code)
        return chr(code).encode() if raws[0] else b""

    return replace(TEXT, length=4), call


def _padded(text: str, size: int, blank: str, *, left: bool) -> str:
    size = min(size, MAX_VARCHAR)
    filling = (blank * size)[: max(0, size - len(text))]
    return text[:size] if len(text) >= size else filling + text if left else text + filling


def _translated(text: str, before: str, after: str) -> str:
    """Replace each character of `before` by the one of `after` at its place; those without one are dropped."""
    return text.translate({ord(old): new for old, new in reversed([*zip_longest(before, after[: len(before)])])})


PLAIN: dict[str, Function] = {
    "LTRIM": _of_texts(1, 2, lambda text, characters=" ": text.lstrip(characters)),
    "RTRIM": _of_texts(1, 2, lambda text, characters=" ": text.rstrip(characters)),
    "REPLACE": _of_texts(2, 3, lambda text, old, new="": text.replace(old, new) if old else text),
    "INITCAP": _of_texts(1, 1, str.title),
    "LPAD": _of_texts(
        2, 3, lambda text, size, blank=" ": _padded(text, size, blank, left=True), Kind.VARCHAR, Kind.NUMBER
    ),
    "RPAD": _of_texts(
        2, 3, lambda text, size, blank=" ": _padded(text, size, blank, left=False), Kind.VARCHAR, Kind.NUMBER
    ),
    "TRANSLATE": _of_texts(3, 3, _translated),
    "CONCAT": _concat,
    "INSTR": _position,
    "ASCII": _ascii,
    "CHR": _character,
    "ABS": _of_numbers(1, 1, abs),
    "ROUND": _of_numbers(1, 2, _rounded(ROUND_HALF_UP)),
    "FLOOR": _of_numbers(1, 1, _rounded(ROUND_FLOOR)),
    "CEIL": _of_numbers(1, 1, _rounded(ROUND_CEILING)),
    "MOD": _of_numbers(2, 2, _modulo),
    "SIGN": _of_numbers(1, 1, lambda value: Decimal((value > 0) - (value < 0))),
    "POWER": _of_numbers(2, 2, DECIMALS.power),
    "SQRT": _of_numbers(1, 1, DECIMALS.sqrt),
    "TRUNC": _trunc,
    "EXTRACT": extract,
    "ADD_MONTHS": _add_months,
    "GREATEST": _choice(max),
    "LEAST": _choice(min),
    "NVL2": _nvl2,
    "NULLIF": _nullif,
}
