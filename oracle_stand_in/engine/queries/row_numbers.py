"""ROWNUM: as a limit in WHERE, and as a column."""

from dataclasses import replace
from decimal import Decimal

from oracle_stand_in.data.column_types import NUMBER_TYPE
from oracle_stand_in.data.values import decode_number, encode_number
from oracle_stand_in.engine.queries.neighbours import neighbours
from oracle_stand_in.errors import unsupported
from oracle_stand_in.sql.syntax import All, Comparison, Literal, Name, Select
from oracle_stand_in.sql.walk import walk

ROWNUM = Name("ROWNUM")


def uses_row_number(select: Select) -> bool:
    """Whether a query shows or sorts by the numbers of its rows."""
    return any(node == ROWNUM for node in walk((select.items, select.order_by)))


def with_row_limit(select: Select) -> Select:
    """Turn `ROWNUM <= n` in WHERE into a row limit; any other use of ROWNUM there is refused."""
    terms = select.where.conditions if isinstance(select.where, All) else (select.where,)
    for term in terms:
        if not (isinstance(term, Comparison) and term.left == ROWNUM):
            continue
        is_first = term.operator == "=" and term.right == Literal(encode_number(Decimal(1)), NUMBER_TYPE)
        if not is_first and term.operator not in ("<=", "<"):
            raise unsupported("this use of ROWNUM")
        if select.order_by or select.fetch or select.group_by or neighbours(select):
            raise unsupported("ROWNUM together with ORDER BY, GROUP BY, FETCH, LAG or LEAD")
        limit = term.right
        if term.operator == "<":
            if not isinstance(limit, Literal):
                raise unsupported("ROWNUM < anything but a number")
            limit = Literal(encode_number(decode_number(limit.value) - 1), limit.type)
        rest = tuple(other for other in terms if other is not term and other is not None)
        where = None if not rest else rest[0] if len(rest) == 1 else All(rest)
        return replace(select, where=where, fetch=limit)
    return select
