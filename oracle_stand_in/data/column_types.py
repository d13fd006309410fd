"""The data types a column can have, and how they are described to a client and in the dictionary."""

from dataclasses import dataclass
from enum import Enum

#: wire numbers of the types that a client may bind
VARCHAR, NUMBER, BINARY_INTEGER, LONG, DATE, RAW = 1, 2, 3, 8, 12, 23
CHAR, BINARY_FLOAT, BINARY_DOUBLE = 96, 100, 101
TIMESTAMP, TIMESTAMP_TZ, TIMESTAMP_LTZ, BOOLEAN = 180, 181, 231, 252
#: bytes that a character takes at most in the database character set
BYTES_PER_CHAR = 4
#: longest VARCHAR2, in bytes, without extended data types
MAX_VARCHAR = 4000
MAX_PRECISION = 38
#: binary digits of FLOAT without a precision
MAX_BITS = 126
#: scale that says "NUMBER without precision", or, with a precision, "FLOAT of so many binary digits"
FLOATING_SCALE = -127


class Kind(Enum):
    """The stand-in's data types."""

    VARCHAR = "VARCHAR2"
    NUMBER = "NUMBER"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    DOUBLE = "BINARY_DOUBLE"


WIRE_TYPES = {
    Kind.VARCHAR: VARCHAR,
    Kind.NUMBER: NUMBER,
    Kind.DATE: DATE,
    Kind.TIMESTAMP: TIMESTAMP,
    Kind.DOUBLE: BINARY_DOUBLE,
}
FIXED_SIZES = {Kind.NUMBER: 22, Kind.DATE: 7, Kind.TIMESTAMP: 11, Kind.DOUBLE: 8}


@dataclass(frozen=True)
class ColumnType:
    """A column's type.

    length: of VARCHAR2, in characters or bytes as `in_chars` says. precision, scale: of NUMBER, None if not given;
    of TIMESTAMP, `scale` is the number of fractional digits.
    """

    kind: Kind
    length: int = 0
    in_chars: bool = False
    precision: int | None = None
    scale: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is a string type."""
        return self.kind is Kind.VARCHAR

    @property
    def max_bytes(self) -> int:
        """The most bytes a value can have."""
        if self.kind is Kind.VARCHAR:
            return min(self.length * BYTES_PER_CHAR, MAX_VARCHAR) if self.in_chars else self.length
        return FIXED_SIZES[self.kind]

    @property
    def wire_type(self) -> int:
        """The type's number in the protocol."""
        return WIRE_TYPES[self.kind]

    @property
    def wire_size(self) -> int:
        """The size that a description states; never 0, which would mean that no value follows."""
        return max(1, self.max_bytes)

    @property
    def wire_precision(self) -> int:
        """The precision that a description states."""
        return self.precision or 0

    @property
    def wire_scale(self) -> int:
        """The scale that a description states."""
        if self.kind is Kind.NUMBER:
            return FLOATING_SCALE if self.precision is None and self.scale is None else self.scale or 0
        return self.scale or 0

    @property
    def dictionary_name(self) -> str:
        """The type as USER_TAB_COLUMNS.DATA_TYPE names it."""
        return f"TIMESTAMP({self.scale})" if self.kind is Kind.TIMESTAMP else self.kind.value


NUMBER_TYPE = ColumnType(Kind.NUMBER)
DATE_TYPE = ColumnType(Kind.DATE)
TIMESTAMP_TYPE = ColumnType(Kind.TIMESTAMP, scale=6)
DOUBLE_TYPE = ColumnType(Kind.DOUBLE)


def varchar(length: int) -> ColumnType:
    """Return VARCHAR2(length BYTE)."""
    return ColumnType(Kind.VARCHAR, max(1, min(length, MAX_VARCHAR)))


@dataclass(frozen=True)
class Column:
    """A named column of a table or a query."""

    name: str
    type: ColumnType
    nullable: bool = True
