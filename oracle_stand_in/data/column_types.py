"""The data types a column can have, and how they are described to a client and in the dictionary."""

from dataclasses import dataclass
from enum import Enum

#: wire numbers of the types that a client may bind
VARCHAR, NUMBER, BINARY_INTEGER, LONG, DATE, RAW = 1, 2, 3, 8, 12, 23
CHAR, BINARY_FLOAT, BINARY_DOUBLE = 96, 100, 101
TIMESTAMP, TIMESTAMP_TZ, TIMESTAMP_LTZ, INTERVAL, BOOLEAN = 180, 181, 231, 183, 252
#: bytes that a character takes at most in the database character set, and a code unit in the national one (AL16UTF16)
BYTES_PER_CHAR, BYTES_PER_UNIT = 4, 2
#: longest VARCHAR2, CHAR and RAW, in bytes, without extended data types
MAX_VARCHAR, MAX_CHAR, MAX_RAW = 4000, 2000, 2000
MAX_PRECISION = 38
#: binary digits of FLOAT without a precision
MAX_BITS = 126
#: scale that says "NUMBER without precision", or, with a precision, "FLOAT of so many binary digits"
FLOATING_SCALE = -127


class Kind(Enum):
    """The stand-in's data types, by the names that error messages use."""

    VARCHAR = "VARCHAR2"
    CHAR = "CHAR"
    NVARCHAR = "NVARCHAR2"
    NCHAR = "NCHAR"
    RAW = "BINARY"
    NUMBER = "NUMBER"
    FLOAT = "BINARY_FLOAT"
    DOUBLE = "BINARY_DOUBLE"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    ZONED = "TIMESTAMP WITH TIME ZONE"
    LOCAL = "TIMESTAMP WITH LOCAL TIME ZONE"
    #: of expressions alone: no column has it
    INTERVAL = "INTERVAL DAY TO SECOND"


NATIONAL, PADDED = frozenset((Kind.NVARCHAR, Kind.NCHAR)), frozenset((Kind.CHAR, Kind.NCHAR))
TEXTS = NATIONAL | PADDED | {Kind.VARCHAR}
NUMBERS = frozenset((Kind.NUMBER, Kind.FLOAT, Kind.DOUBLE))
#: moments with a fraction of a second, and all moments
TIMESTAMPS = frozenset((Kind.TIMESTAMP, Kind.ZONED, Kind.LOCAL))
MOMENTS = TIMESTAMPS | {Kind.DATE}

WIRE_TYPES = {
    Kind.VARCHAR: VARCHAR,
    Kind.CHAR: CHAR,
    Kind.NVARCHAR: VARCHAR,
    Kind.NCHAR: CHAR,
    Kind.RAW: RAW,
    Kind.NUMBER: NUMBER,
    Kind.FLOAT: BINARY_FLOAT,
    Kind.DOUBLE: BINARY_DOUBLE,
    Kind.DATE: DATE,
    Kind.TIMESTAMP: TIMESTAMP,
    Kind.ZONED: TIMESTAMP_TZ,
    Kind.LOCAL: TIMESTAMP_LTZ,
    Kind.INTERVAL: INTERVAL,
}
FIXED_SIZES = {
    Kind.NUMBER: 22, Kind.FLOAT: 4, Kind.DOUBLE: 8, Kind.DATE: 7, Kind.TIMESTAMP: 11, Kind.ZONED: 13, Kind.LOCAL: 11,
    Kind.INTERVAL: 11,
}  # fmt: skip


@dataclass(frozen=True)
class ColumnType:
    """A column's type.

    length: of texts, in characters or bytes as `in_chars` says, in UTF-16 code units for national ones; of RAW in
    bytes. precision, scale: of NUMBER, None if not given (INTEGER has but a
    scale); of timestamps, `scale` is the number of fractional digits.
    """

    kind: Kind
    length: int = 0
    in_chars: bool = False
    precision: int | None = None
    scale: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is a string type."""
        return self.kind in TEXTS

    @property
    def is_national(self) -> bool:
        """Whether it is a string type in the national character set."""
        return self.kind in NATIONAL

    @property
    def max_bytes(self) -> int:
        """The most bytes a value can have."""
        if self.is_national:
            return self.length * BYTES_PER_UNIT
        if self.is_text and self.in_chars:
            return min(self.length * BYTES_PER_CHAR, MAX_CHAR if self.kind is Kind.CHAR else MAX_VARCHAR)
        return FIXED_SIZES.get(self.kind, self.length)

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
        is_integer = self.kind is Kind.NUMBER and self.scale is not None
        return self.precision or (MAX_PRECISION if is_integer else 0)

    @property
    def wire_scale(self) -> int:
        """The scale that a description states."""
        if self.kind is Kind.NUMBER:
            return FLOATING_SCALE if self.precision is None and self.scale is None else self.scale or 0
        return self.scale or 0

    @property
    def is_rounded(self) -> bool:
        """Whether it is a NUMBER that rounds."""
        return self.kind is Kind.NUMBER and (self.precision is not None or self.scale is not None)

    @property
    def is_decimal_float(self) -> bool:
        """Whether it is FLOAT(b), a NUMBER of so many binary digits."""
        return self.kind is Kind.NUMBER and self.scale == FLOATING_SCALE and self.precision is not None

    @property
    def dictionary_name(self) -> str:
        """The type as USER_TAB_COLUMNS.DATA_TYPE names it."""
        if self.kind in TIMESTAMPS:
            return self.kind.value.replace("TIMESTAMP", f"TIMESTAMP({self.scale})")
        if self.kind is Kind.RAW:
            return "RAW"
        return "FLOAT" if self.is_decimal_float else self.kind.value


NUMBER_TYPE = ColumnType(Kind.NUMBER)
DATE_TYPE = ColumnType(Kind.DATE)
TIMESTAMP_TYPE = ColumnType(Kind.TIMESTAMP, scale=6)
ZONED_TYPE = ColumnType(Kind.ZONED, scale=6)
LOCAL_TYPE = ColumnType(Kind.LOCAL, scale=6)
DOUBLE_TYPE = ColumnType(Kind.DOUBLE)
FLOAT_TYPE = ColumnType(Kind.FLOAT)
INTERVAL_TYPE = ColumnType(Kind.INTERVAL, precision=9, scale=6)


def varchar(length: int) -> ColumnType:
    """Return VARCHAR2(length BYTE)."""
    return ColumnType(Kind.VARCHAR, max(1, min(length, MAX_VARCHAR)))


@dataclass(frozen=True)
class Column:
    """A named column of a table or a query."""

    name: str
    type: ColumnType
    nullable: bool = True
