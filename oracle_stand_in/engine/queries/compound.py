"""UNION, INTERSECT, MINUS: rows of several queries, in the types that they share."""

from collections import Counter
from collections.abc import Sequence

from oracle_stand_in.data.column_types import Column, varchar
from oracle_stand_in.data.convert import converter
from oracle_stand_in.data.nls import Nls
from oracle_stand_in.data.rows import bulk_packer, unpacker
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.functions import result_type


def combined_columns(parts: Sequence[list[Column]]) -> list[Column]:
    """Return the columns of the whole: the first query's names, the types that all of them share.

    Raises: OracleError: 1789, they have not as many; 1790, they are of different types.
    """
    if any(len(columns) != len(parts[0]) for columns in parts):
        raise OracleError(1789)
    combined = []
    for same in zip(*parts, strict=True):
        # a NULL in a select list has no type of its own, and is described as the shortest text
        known = [column.type for column in same if column.type != varchar(1)] or [same[0].type]
        try:
            kind = result_type(known) or same[0].type
        except OracleError:
            raise OracleError(1790) from None
        combined.append(Column(same[0].name, kind))
    return combined


def as_columns(rows: list[bytes], found: list[Column], wanted: list[Column], nls: Nls) -> list[bytes]:
    """Return stored rows in other types."""
    if all(a.type.kind is b.type.kind for a, b in zip(found, wanted, strict=True)):
        return rows
    changes = [converter(a.type.kind, b.type.kind, nls) for a, b in zip(found, wanted, strict=True)]
    unpack = unpacker(len(found))
    return bulk_packer(len(found))(
        tuple(change(raw) if raw else raw for change, raw in zip(changes, unpack(row), strict=True)) for row in rows
    )


def combine(operator: str, left: list[bytes], right: list[bytes]) -> list[bytes]:
    """Return the rows of two queries joined by a set operator; without one, the right ones."""
    if not operator:
        return right
    if operator == "UNION ALL":
        return left + right
    if operator == "UNION":
        return sorted(dict.fromkeys(left + right))
    if operator.endswith(" ALL"):
        counted = Counter(left) & Counter(right) if operator == "INTERSECT ALL" else Counter(left) - Counter(right)
        return list(counted.elements())
    others = set(right)
    return sorted(row for row in dict.fromkeys(left) if (row in others) is (operator == "INTERSECT"))
