"""What the table holds, a minute of a tag at a time: the database counts, so that millions of rows are few answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import oracledb

from services.writer.oracle.errors import translated
from services.writer.oracle.layout import RowBinder

#: Rows that the driver fetches at once.
_AT_ONCE = 5_000


#: From when, and up to when, as the table shows times.
Span: TypeAlias = tuple[datetime, datetime]


@dataclass(frozen=True)
class Minute:
    """The rows of one tag in one minute, by their times as the table shows them."""

    tag: str  #: as `TagValue.tag_name` has it, with the separator of the layout
    count: int
    first: datetime
    last: datetime


def read_minutes(
    connection: oracledb.Connection, table: RowBinder, span: Span, plcs: Sequence[str], *, has_doubles: bool = False
) -> list[Minute]:
    """Return what the table holds in a span of time, by tag and time; of these PLCs where any are named.

    has_doubles: rows may be there twice, and count once: else they would make up for others that are missing.
    Raises: SinkError.
    """
    time = next(column for column in table.layout.columns if column.name == "timestamp")
    key = [name for name in table.layout.key if name != "timestamp"]
    names, at = ", ".join(key), time.read_as
    count = f"COUNT(DISTINCT {at})" if has_doubles else "COUNT(*)"
    condition, binds = _of_plcs(key, plcs, table.separator)
    sql = (
        f"SELECT {names}, {count}, MIN({at}), MAX({at}) FROM {table.table} "  # noqa: S608 - our own names
        f"WHERE timestamp >= :1 AND timestamp < :2{condition} GROUP BY {names}, TRUNC({at}, 'MI')"
    )
    with translated(), connection.cursor() as cursor:
        cursor.arraysize = cursor.prefetchrows = _AT_ONCE
        cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP, oracledb.DB_TYPE_TIMESTAMP)
        cursor.execute(sql, [*span, *binds])
        found = [
            Minute(table.separator.join(map(str.rstrip, row[: len(key)])), *row[len(key) :])  # a CHAR is padded
            for row in cursor
        ]
    return sorted(found, key=lambda minute: (minute.tag, minute.first))


def _of_plcs(key: Sequence[str], plcs: Sequence[str], separator: str) -> tuple[str, list[str]]:
    """Return the condition that a row is of one of these PLCs, and its binds from the third on."""
    if not plcs:
        return "", []
    if "plc_code" in key:
        places = ", ".join(f":{place}" for place in range(3, 3 + len(plcs)))
        return f" AND plc_code IN ({places})", list(plcs)
    prefixes = [plc + separator for plc in plcs]
    parts = [f"SUBSTR(tag_name, 1, {len(prefix)}) = :{place}" for place, prefix in enumerate(prefixes, 3)]
    return f" AND ({' OR '.join(parts)})", prefixes
