"""Binds as clients send them, and the form in which they are stored."""

from dataclasses import dataclass
from decimal import Decimal

from oracle_stand_in.data import column_types as types
from oracle_stand_in.data.column_types import Kind
from oracle_stand_in.data.convert import Converter, identity
from oracle_stand_in.data.values import (
    DATE_SIZE,
    DOUBLE_MINUS_ZERO,
    FLOAT_MINUS_ZERO,
    TIMESTAMP_SIZE,
    decode_timestamp,
    encode_double,
    encode_float,
    encode_number,
    encode_zoned,
    zone_of,
)
from oracle_stand_in.errors import OracleError, unsupported

#: character set form of NVARCHAR2 and NCHAR
NCHAR_FORM = 2
#: an offset of zero, as it stands behind a TIMESTAMP WITH TIME ZONE
NO_OFFSET = bytes((20, 60))
#: in place of the offset's hours: a region's number follows instead; the moment is that of the zone's clocks, not UTC
IS_REGION, IS_LOCAL = 0x80, 0x40
#: Etc/UTC, GMT, UTC. Source: go-ora's converters/type_conversion.go, oracleZones
REGIONS_OF_UTC = (28, 513, 5121)


@dataclass(frozen=True)
class BindType:
    """What a client says about a bind."""

    wire_type: int
    size: int
    charset_form: int = 0
    #: elements of a PL/SQL array at most; 0: it is none
    elements: int = 0

    @property
    def refusal(self) -> OracleError | None:
        """Why values of this bind can't be read: nobody knows here where they end. None: they can."""
        if self.elements:
            return unsupported("arrays as binds")
        if self.wire_type not in TEXT_BINDS and self.wire_type not in BINDS:
            return OracleError(932, "NUMBER", OTHER_BINDS.get(self.wire_type, f"type {self.wire_type}"))
        return None


def bind_kind(bind: BindType) -> tuple[Kind, Converter]:
    """Return the data type that a bind becomes, and how its bytes get there.

    Raises: OracleError: 932, the stand-in has no such type.
    """
    if bind.wire_type in TEXT_BINDS:
        return TEXT_BINDS[bind.wire_type][bind.charset_form == NCHAR_FORM], identity
    try:
        return BINDS[bind.wire_type]
    except KeyError:
        raise OracleError(932, "NUMBER", OTHER_BINDS.get(bind.wire_type, f"type {bind.wire_type}")) from None


def _normal_timestamp(raw: bytes) -> bytes:
    """Drop a fraction of zero, or equal moments would be different keys."""
    return raw[:DATE_SIZE] if raw[DATE_SIZE:TIMESTAMP_SIZE] in (b"", bytes(4)) else raw[:TIMESTAMP_SIZE]


def _normal_zoned(raw: bytes) -> bytes:
    """Bring it to its form: UTC with its fraction, then the offset; a client may leave out either.

    Raises: OracleError: 1882, the zone is one of those regions whose offsets are not known here.
    """
    moment = raw[:TIMESTAMP_SIZE].ljust(TIMESTAMP_SIZE, b"\x00")
    zone = raw[TIMESTAMP_SIZE:] or NO_OFFSET
    if zone[0] & IS_REGION:
        if ((zone[0] & ~IS_REGION) << 6 | zone[1] >> 2) not in REGIONS_OF_UTC:
            raise OracleError(1882)
        zone = NO_OFFSET
    if zone[0] & IS_LOCAL:
        zone = bytes((zone[0] & ~IS_LOCAL, zone[1]))
        local, nanoseconds = decode_timestamp(moment)
        return encode_zoned(local - zone_of(moment + zone), nanoseconds, zone_of(moment + zone))
    return moment + zone


def _normal_double(raw: bytes) -> bytes:
    return encode_double(0.0) if raw == DOUBLE_MINUS_ZERO else raw


def _normal_float(raw: bytes) -> bytes:
    return encode_float(0.0) if raw == FLOAT_MINUS_ZERO else raw


#: text types by number: in the database's character set, and in the national one
TEXT_BINDS = {
    types.VARCHAR: (Kind.VARCHAR, Kind.NVARCHAR),
    types.CHAR: (Kind.CHAR, Kind.NCHAR),
    types.LONG: (Kind.VARCHAR, Kind.NVARCHAR),
}
BINDS: dict[int, tuple[Kind, Converter]] = {
    types.NUMBER: (Kind.NUMBER, identity),
    types.BINARY_INTEGER: (Kind.NUMBER, identity),
    types.RAW: (Kind.RAW, identity),
    types.DATE: (Kind.DATE, identity),
    types.TIMESTAMP: (Kind.TIMESTAMP, _normal_timestamp),
    types.TIMESTAMP_LTZ: (Kind.LOCAL, _normal_timestamp),
    types.TIMESTAMP_TZ: (Kind.ZONED, _normal_zoned),
    types.INTERVAL: (Kind.INTERVAL, identity),
    types.BINARY_DOUBLE: (Kind.DOUBLE, _normal_double),
    types.BINARY_FLOAT: (Kind.FLOAT, _normal_float),
    # there are no BOOLEAN columns here; true is 1, as it is for servers before 23ai
    types.BOOLEAN: (Kind.NUMBER, lambda raw: encode_number(Decimal(int(raw[-1] == 1)))),
}
#: types that are refused, by the names that the message uses
OTHER_BINDS = {
    24: "LONG BINARY", 94: "LONG VARCHAR", 95: "LONG VARRAW", 102: "CURSOR", 104: "ROWID", 109: "OBJECT", 112: "CLOB",
    113: "BLOB", 114: "BFILE", 119: "JSON", 127: "VECTOR", 182: "INTERVAL YEAR TO MONTH", 208: "UROWID",
}  # fmt: skip
