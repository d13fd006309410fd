"""EXTRACT: a part of a moment or of an interval."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from oracle_stand_in.data.column_types import MOMENTS, NUMBER_TYPE, ColumnType, Kind
from oracle_stand_in.data.convert import converter
from oracle_stand_in.data.values import decode_interval, decode_timestamp, encode_number
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.evaluation.context import Context
from oracle_stand_in.sql.evaluation.functions import Argument, Run, check_count


def extract(arguments: list[Argument], context: Context) -> tuple[ColumnType, Run]:
    """EXTRACT(field FROM moment); the parser makes two arguments of it."""
    check_count(arguments, 2, 2)
    kind = arguments[1].type
    if kind is not None and kind.kind is Kind.INTERVAL:
        return NUMBER_TYPE, _part_of_interval
    if kind is None or kind.kind not in MOMENTS:
        raise OracleError(30076, text="invalid extract field for extract source")
    to_wall = converter(kind.kind, Kind.TIMESTAMP if kind.kind is not Kind.DATE else Kind.DATE, context.nls)

    def call(raws: Sequence[bytes]) -> bytes:
        if not raws[1]:
            return b""
        moment, nanoseconds = decode_timestamp(to_wall(raws[1]))
        field = raws[0].decode().lower()
        if field == "second":
            return encode_number(moment.second + Decimal(nanoseconds).scaleb(-9))
        if field not in ("year", "month", "day", "hour", "minute"):
            raise unsupported(f"EXTRACT({field.upper()})")
        return encode_number(Decimal(getattr(moment, field)))

    return NUMBER_TYPE, call


def _part_of_interval(raws: Sequence[bytes]) -> bytes:
    if not raws[1]:
        return b""
    value = decode_interval(raws[1])
    sign, value = (-1, -value) if value < timedelta() else (1, value)
    parts: dict[str, int | Decimal] = {
        "DAY": value.days, "HOUR": value.seconds // 3600, "MINUTE": value.seconds // 60 % 60,
        "SECOND": value.seconds % 60 + Decimal(value.microseconds).scaleb(-6),
    }  # fmt: skip
    field = raws[0].decode().upper()
    if field not in parts:
        raise OracleError(30076, text="invalid extract field for extract source")
    return encode_number(Decimal(parts[field]) * sign)
