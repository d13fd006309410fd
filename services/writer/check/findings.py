"""What `check` finds: ok, warning or failed, each with its remedy. Pure; the table's shape is compared here."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from services.writer.oracle.columns import CHARACTER_SETS, FLOATING, FoundColumn, float_digits
from services.writer.oracle.dictionary import UniqueKey, guards
from services.writer.oracle.layout import Layout
from services.writer.sink import SinkError


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
    remedy: str = ""


#: Digits of a second's fraction that a timestamp has: microseconds.
DECIMALS = 6

#: Digits that a value of 64 bits has at most.
DOUBLE_DIGITS = 17

#: Digits that 24 binary ones hold for certain.
SINGLE_DIGITS = 6

_TEXT, _NUMBER, _TIME = ("VARCHAR2", "NVARCHAR2"), ("NUMBER", "BINARY_DOUBLE", "BINARY_FLOAT"), ("TIMESTAMP",)


def connected(version: str, warning: str | None) -> Finding:
    """Return what a logon that went well has shown."""
    if warning is None:
        return Finding("connection", Status.OK, f"Oracle Database {version}")
    return Finding(
        "connection", Status.WARNING, f"Oracle Database {version}; at the logon it warned: {warning}",
        "DBA: a new password before the old one expires, or a profile without PASSWORD_LIFE_TIME for this account",
    )  # fmt: skip


def committed(refused: SinkError | None) -> Finding:
    """Return whether the session may have its commits wait for the disk."""
    check = "commits wait for the disk"
    if refused is None:
        return Finding(check, Status.OK, "each session asks for it (COMMIT_WAIT), whatever the database's setting is")
    return Finding(
        check, Status.WARNING, f"the session may not ask for it: {refused}",
        "DBA: SHOW PARAMETER commit: with COMMIT_WAIT or COMMIT_WRITE at NOWAIT a crash takes what was confirmed",
    )  # fmt: skip


def compare_columns(layout: Layout, found: Sequence[FoundColumn]) -> list[Finding]:
    """Compare a table with its layout: names, types, lengths, NOT NULL."""
    by_name = {column.name.lower(): column for column in found}
    quoted = {name: column.name for name, column in by_name.items() if not column.name.isupper()}
    findings = []
    for column in layout.columns:
        there = by_name.pop(column.name, None)
        if column.name in quoted:
            findings.append(_made_with_quotes(column.name, quoted[column.name]))
        elif there is None:
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
            f"column {name}",
            Status.WARNING,
            f"{column.type_name}, not of the layout; whether inserts work is tried below",
        )
        for name, column in by_name.items()
        if name != "inserted_at" and not column.nullable
    ]
    return findings


def _made_with_quotes(name: str, as_made: str) -> Finding:
    return Finding(
        f"column {name}", Status.FAILED,
        f'it was made with quotes, as "{as_made}": SQL without quotes does not find it (ORA-00904)',
        f'DBA: ALTER TABLE ... RENAME COLUMN "{as_made}" TO {name}',
    )  # fmt: skip


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
        return Finding(
            check, Status.WARNING,
            f"{column.type_name}: the time is stored by the session's time zone, which is the writer's (TZ); a writer "
            "or a recover elsewhere stores another moment, and the same value twice",
            "DBA: make it TIMESTAMP(6)",
        )  # fmt: skip
    return _or_nullable(column, name)


def _value_column(column: FoundColumn, max_bytes: int, *, may_be_number: bool) -> Finding:
    check = f"column {column.name.lower()}"
    if column.type_name in _NUMBER and may_be_number:
        if not column.nullable:
            return Finding(
                check, Status.WARNING, f"{column.type_name} NOT NULL: readings without a value will be rejected",
                "DBA: ALTER TABLE ... MODIFY (tag_value NULL)",
            )  # fmt: skip
        return _number_column(column)
    if column.type_name not in _TEXT:
        wanted = f"VARCHAR2({max_bytes})"
        return Finding(check, Status.FAILED, f"{column.type_name} instead of {wanted}", f"DBA: make it {wanted}")
    unit, room = (
        ("bytes", column.max_bytes) if column.type_name == "VARCHAR2" else ("UTF-16 units", column.max_bytes // 2)
    )
    if room < max_bytes:
        return Finding(
            check, Status.WARNING,
            f"{column.type_name} of {room} {unit} instead of {max_bytes}: longer values will be rejected",
            f"DBA: ALTER TABLE ... MODIFY ({column.name.lower()} VARCHAR2({max_bytes}))",
        )  # fmt: skip
    return _or_nullable(column, f"{column.type_name} of {room} {unit}")


def _number_column(column: FoundColumn) -> Finding:
    """Return what a number column makes of a value without a word."""
    check = f"column {column.name.lower()}"
    if column.type_name == "BINARY_FLOAT":
        return _rounded_to(check, "BINARY_FLOAT", SINGLE_DIGITS)
    if column.precision and column.type_name == "NUMBER":
        return _rounding_number(column) or Finding(
            check, Status.WARNING,
            f"NUMBER({column.precision},{column.decimals}): more decimals are rounded away without a word, and "
            f"more than {column.precision - column.decimals} digits before the point are rejected",
            "DBA: make it NUMBER, where the source has more",
        )  # fmt: skip
    return Finding(check, Status.OK, f"{column.type_name}: text that is no number will be rejected")


def _rounding_number(column: FoundColumn) -> Finding | None:
    """Return what a FLOAT makes of a value; None where the column is none."""
    if column.decimals != FLOATING:
        return None
    check, digits = f"column {column.name.lower()}", float_digits(column.precision)
    if digits >= DOUBLE_DIGITS:
        return Finding(check, Status.OK, f"FLOAT({column.precision}): text that is no number will be rejected")
    return _rounded_to(check, f"FLOAT({column.precision})", digits)


def _rounded_to(check: str, type_name: str, digits: int) -> Finding:
    return Finding(
        check, Status.WARNING, f"{type_name}: values are rounded to {digits} digits without a word",
        "DBA: make it NUMBER, where the source has more",
    )  # fmt: skip


def _or_nullable(column: FoundColumn, detail: str) -> Finding:
    check = f"column {column.name.lower()}"
    if column.nullable:
        return Finding(
            check, Status.WARNING, f"{detail}, nullable: the layout has NOT NULL (the writer never leaves it empty)"
        )
    return Finding(check, Status.OK, f"{detail} NOT NULL")


def compare_unique_keys(layout: Layout, keys: Sequence[UniqueKey]) -> list[Finding]:
    """Compare what can refuse a row by ORA-00001 with the layout's key: anything else refuses values."""
    primary = next((key for key in keys if key.is_primary), None)
    if primary is None and guards(keys, layout.key):
        findings = [Finding("primary key", Status.OK, "there is none, and a unique key in its place")]
    else:
        findings = [compare_key(layout, primary.columns if primary else ())]
    if primary is not None and primary.is_deferred:
        findings.append(
            Finding(
                "primary key", Status.FAILED,
                "it is checked at the commit (DEFERRED): one value that comes twice takes its whole batch back "
                "(ORA-02091), which then goes to the backup",
                "DBA: make the primary key NOT DEFERRABLE",
            )
        )  # fmt: skip
    findings += [
        Finding(
            f"unique index {key.name.split('.')[-1]}", Status.WARNING,
            f"on ({', '.join(key.columns)}), which is not the key: values that it refuses (ORA-00001) are no "
            "duplicates and go to rejected_*.csv",
            "DBA: drop it, or make sure that it never repeats (a sequence that lags after an import)",
        )
        for key in keys
        if not key.is_primary and set(key.columns) != set(layout.key)
    ]  # fmt: skip
    return findings


def compare_character_set(name: str) -> Finding:
    """Tell whether VARCHAR2 columns hold every letter."""
    check = "character set"
    if name in ("AL32UTF8", "UTF8", ""):
        return Finding(check, Status.OK, name or "not readable; the inserts below show whether it holds every letter")
    if name in CHARACTER_SETS:
        return Finding(
            check, Status.WARNING, f"{name}: names and texts with letters that it does not have will be rejected",
            "ASCII names and texts, NVARCHAR2 columns, or a database in AL32UTF8",
        )  # fmt: skip
    return Finding(
        check, Status.WARNING,
        f"{name}: Oracle replaces letters that it does not have by ? or the like, without a word; names that differ in "
        "those alone become one",
        "ASCII names and texts, NVARCHAR2 columns, or a database in AL32UTF8",
    )  # fmt: skip


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
