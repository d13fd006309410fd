"""What parsed SQL is made of: small frozen dataclasses, so that equal expressions are equal (GROUP BY relies on it)."""

from dataclasses import dataclass, field
from typing import TypeAlias

from oracle_stand_in.data.column_types import ColumnType


@dataclass(frozen=True)
class Literal:
    """A constant: raw bytes and their type; without a type it is NULL."""

    value: bytes
    type: ColumnType | None


@dataclass(frozen=True)
class Bind:
    """The n-th bind of the statement, from 0."""

    index: int


@dataclass(frozen=True)
class Name:
    """A column, or a function without parentheses such as SYSTIMESTAMP."""

    name: str
    qualifier: str | None = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Call:
    """A function call; COUNT(*) has `star`.

    keep: of an aggregate, the order whose first rows alone count: KEEP (DENSE_RANK FIRST ORDER BY ...).
    """

    name: str
    arguments: tuple["Expression", ...] = ()
    distinct: bool = False
    star: bool = False
    position: int = field(default=0, compare=False)
    keep: tuple["OrderItem", ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A value of another row: LAG or LEAD(value, steps, default) OVER (PARTITION BY ... ORDER BY ...)."""

    name: str
    value: "Expression"
    steps: "Expression"
    default: "Expression"
    partition_by: tuple["Expression", ...]
    order_by: tuple["OrderItem", ...]


@dataclass(frozen=True)
class Cast:
    """CAST(value AS type)."""

    value: "Expression"
    type: ColumnType


@dataclass(frozen=True)
class AtZone:
    """value AT TIME ZONE zone; without a zone AT LOCAL."""

    value: "Expression"
    zone: "Expression | None"


@dataclass(frozen=True)
class Operation:
    """`+ - * / ||` between two values."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Case:
    """CASE WHEN condition THEN value ... ELSE default END; the simple form and DECODE become it."""

    branches: tuple[tuple["Condition", "Expression"], ...]
    default: "Expression"


@dataclass(frozen=True)
class Subquery:
    """A query in parentheses that yields one value."""

    query: "Query"


Expression: TypeAlias = Literal | Bind | Name | Call | Neighbour | Cast | AtZone | Operation | Case | Subquery


@dataclass(frozen=True)
class Comparison:
    """`= <> < <= > >=` between two values."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class InList:
    """value IN (options)."""

    value: Expression
    options: tuple[Expression, ...]


@dataclass(frozen=True)
class InQuery:
    """value IN (SELECT ...)."""

    value: Expression
    query: "Query"


@dataclass(frozen=True)
class Exists:
    """EXISTS (SELECT ...)."""

    query: "Query"


@dataclass(frozen=True)
class Same:
    """What DECODE compares by: NULL is the same as NULL."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Like:
    """value LIKE pattern [ESCAPE character]."""

    value: Expression
    pattern: Expression
    escape: Expression | None = None


@dataclass(frozen=True)
class IsNull:
    """value IS NULL."""

    value: Expression


@dataclass(frozen=True)
class Not:
    """NOT condition."""

    condition: "Condition"


@dataclass(frozen=True)
class All:
    """Conditions joined by AND."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True)
class Any:
    """Conditions joined by OR."""

    conditions: tuple["Condition", ...]


Condition: TypeAlias = Comparison | Same | InList | InQuery | Exists | Like | IsNull | Not | All | Any


@dataclass(frozen=True)
class TableRef:
    """A table or view in FROM; `schema` as it was written."""

    name: str
    alias: str
    schema: str | None = None
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class QueryRef:
    """A query in FROM."""

    query: "Query"
    alias: str


@dataclass(frozen=True)
class Join:
    """LEFT, RIGHT or FULL OUTER JOIN; inner joins are sources of their own, with a condition in WHERE."""

    kind: str
    left: "Source"
    right: "Source"
    condition: Condition


Source: TypeAlias = TableRef | QueryRef | Join


@dataclass(frozen=True)
class SelectItem:
    """One item of a select list; None as expression stands for `*` (of `qualifier`, if given)."""

    expression: Expression | None
    name: str
    qualifier: str | None = None


@dataclass(frozen=True)
class OrderItem:
    """One item of ORDER BY."""

    expression: Expression
    descending: bool
    nulls_first: bool


@dataclass(frozen=True)
class Select:
    """A query."""

    items: tuple[SelectItem, ...]
    sources: tuple[Source, ...]
    distinct: bool = False
    where: Condition | None = None
    group_by: tuple[Expression, ...] = ()
    having: Condition | None = None
    order_by: tuple[OrderItem, ...] = ()
    offset: Expression | None = None
    fetch: Expression | None = None


@dataclass(frozen=True)
class Compound:
    """Queries joined by UNION, UNION ALL, INTERSECT or MINUS, from left to right; the first has no operator."""

    parts: tuple[tuple[str, Select], ...]
    order_by: tuple[OrderItem, ...] = ()
    offset: Expression | None = None
    fetch: Expression | None = None


Query: TypeAlias = Select | Compound
