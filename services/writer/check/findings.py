"""What `check` finds: ok, warning or failed, each with its cure. Pure; the table's shape is compared here."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from services.writer.oracle.layout import Layout


class Status(Enum):
    """How a check ended; SKIPPED: it could not be made because an earlier one failed."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"
    SKIPPED = "-"


@dataclass(frozen=True)
class Finding:
    """One line of the answer."""

    check: str
    status: Status
    detail: str
    cure: str = ""


@dataclass(frozen=True)
class FoundColumn:
    """A column as Oracle describes it. `max_bytes` for text, `decimals` for times: digits of the seconds' fraction."""

    name: str
    type_name: str  #: VARCHAR2, NUMBER, TIMESTAMP, DATE...
    max_bytes: int
    decimals: int
    nullable: bool


#: Digits of a second's fraction that a timestamp has: microseconds.
DECIMALS = 6

_TEXT, _NUMBER, _TIME = ("VARCHAR2", "NVARCHAR2"), ("NUMBER", "BINARY_DOUBLE", "BINARY_FLOAT"), ("TIMESTAMP",)


def compare_columns(layout: Layout, found: Sequence[FoundColumn]) -> list[Finding]:
    """Compare a table with its layout: names, types, lengths, NOT NULL."""
    by_name = {column.name.lower(): column for column in found}
    findings = []
    for column in layout.columns:
        there = by_name.pop(column.name, None)
        if there is None:
            others = ", ".join(sorted(by_name)) or "none"
            findings.append(
                Finding(
                    f"column {column.name}", Status.FAILED, f"it is missing (further columns: {others})",
                    "ORACLE_TABLE_LAYOUT, or add it: deploy/oracle/*.sql",
                )
            )  # fmt: skip
        elif column.name == "timestamp":
            findings.append(_time_column(there))
        else:
            findings.append(_value_column(there, column.max_bytes or 0, may_be_number=column.name == "tag_value"))
    findings += [
        Finding(
            f"column {name}", Status.WARNING, f"{column.type_name}, not of the layout; the trials show if inserts work"
        )
        for name, column in by_name.items()
        if name != "inserted_at" and not column.nullable
    ]
    return findings


def _time_column(column: FoundColumn) -> Finding:
    check = "column timestamp"
    if column.type_name == "DATE":
        return Finding(
            check, Status.FAILED, "DATE: fractions of a second are lost, and two values of one second collide",
            "DBA: make it TIMESTAMP(6)",
        )  # fmt: skip
    if not column.type_name.startswith(_TIME):
        return Finding(check, Status.FAILED, f"{column.type_name} is no timestamp", "DBA: make it TIMESTAMP(6)")
    name = f"TIMESTAMP({column.decimals})"
    if column.decimals < DECIMALS:
        return Finding(check, Status.FAILED, f"{name}: microseconds are rounded away", "DBA: make it TIMESTAMP(6)")
    if column.type_name != "TIMESTAMP":
        return Finding(check, Status.WARNING, f"{column.type_name}: the session's time zone plays a part")
    return _or_nullable(column, name)


def _value_column(column: FoundColumn, max_bytes: int, *, may_be_number: bool) -> Finding:
    check = f"column {column.name.lower()}"
    if column.type_name in _NUMBER and may_be_number:
        if not column.nullable:
            return Finding(
                check, Status.WARNING, f"{column.type_name} NOT NULL: readings without a value will be rejected",
                "DBA: ALTER TABLE ... MODIFY (tag_value NULL)",
            )  # fmt: skip
        return Finding(check, Status.OK, f"{column.type_name}: text that is no number will be rejected")
    if column.type_name not in _TEXT:
        wanted = f"VARCHAR2({max_bytes})"
        return Finding(check, Status.FAILED, f"{column.type_name} instead of {wanted}", f"DBA: make it {wanted}")
    if column.max_bytes < max_bytes:
        return Finding(
            check, Status.WARNING,
            f"{column.type_name} of {column.max_bytes} bytes instead of {max_bytes}: longer values will be rejected",
            f"DBA: ALTER TABLE ... MODIFY ({column.name.lower()} VARCHAR2({max_bytes}))",
        )  # fmt: skip
    return _or_nullable(column, f"{column.type_name} of {column.max_bytes} bytes")


def _or_nullable(column: FoundColumn, detail: str) -> Finding:
    check = f"column {column.name.lower()}"
    if column.nullable:
        return Finding(
            check, Status.WARNING, f"{detail}, nullable: the layout has NOT NULL (the writer never leaves it empty)"
        )
    return Finding(check, Status.OK, f"{detail} NOT NULL")


def compare_key(layout: Layout, key: Sequence[str]) -> Finding:
    """Compare the primary key's columns, in its order, with the layout's."""
    found, wanted = tuple(name.lower() for name in key), layout.key
    listed = ", ".join(found)
    if not found:
        return Finding(
            "primary key", Status.FAILED, "there is none: values that come twice are stored twice",
            f"DBA: ALTER TABLE ... ADD PRIMARY KEY ({', '.join(wanted)})",
        )  # fmt: skip
    if set(found) != set(wanted):
        return Finding(
            "primary key", Status.FAILED, f"({listed}) instead of ({', '.join(wanted)})", "DBA: deploy/oracle/*.sql"
        )
    if found != wanted:
        return Finding(
            "primary key", Status.OK, f"({listed}); in the order ({', '.join(wanted)}) one tag's history is one range"
        )
    return Finding("primary key", Status.OK, f"({listed})")


def compare_indexes(first_columns: Sequence[str]) -> Finding:
    """Tell from the indexes' first columns whether time ranges are served."""
    if "timestamp" in (name.lower() for name in first_columns):
        return Finding("index on timestamp", Status.OK, "time ranges are quick")
    return Finding(
        "index on timestamp", Status.WARNING, "there is none: queries of a time range read the whole table",
        "DBA: CREATE INDEX ... ON the table (timestamp)",
    )  # fmt: skip
