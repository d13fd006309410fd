"""What `check` finds: ok, warning or failed, each with its remedy. Pure; the table's shape is compared here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from services.writer.oracle.columns import CHARACTER_SETS, FLOATING, Column, FoundColumn, float_digits
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

_NUMBER = ("NUMBER", "BINARY_DOUBLE", "BINARY_FLOAT")


def connected(version: str, warning: str | None) -> Finding:
    """Return what a logon that went well has shown."""
    if warning is None:
        return Finding("connection", Status.OK, f"Oracle Database {version}")
    remedy = "DBA: a new password before the old one expires, or a profile without PASSWORD_LIFE_TIME for this account"
    what = f"Oracle Database {version}; at the logon it warned: {warning}"
    return Finding("connection", Status.WARNING, what, remedy)


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
    findings = []
    for column in layout.columns:
        there = by_name.pop(column.name, None)
        findings.append(Finding(f"column {column.name}", *_judged(column, there, further=by_name)))
    what = "not of the layout; whether inserts work is tried below"
    findings += [
        Finding(f"column {name}", Status.WARNING, f"{column.type_name}, {what}")
        for name, column in by_name.items()
        if name != "inserted_at" and not column.nullable
    ]
    return findings


#: How a column is, what it does to values, and the remedy.
_Judged: TypeAlias = tuple[Status, str, str]


def _judged(wanted: Column, there: FoundColumn | None, further: Iterable[str]) -> _Judged:
    if there is None:
        others = ", ".join(sorted(further)) or "none"
        remedy = "ORACLE_TABLE_LAYOUT, or add it: deploy/oracle/*.sql"
        return Status.FAILED, f"it is missing (further columns: {others})", remedy
    if not there.name.isupper():
        what = f'it was made with quotes, as "{there.name}": SQL without quotes does not find it (ORA-00904)'
        return Status.FAILED, what, f'DBA: ALTER TABLE ... RENAME COLUMN "{there.name}" TO {wanted.name}'
    if wanted.name == "timestamp":
        return _time_column(there)
    if wanted.name == "tag_value" and there.type_name in _NUMBER:
        return _number_column(there)
    return _text_column(there, wanted.max_bytes or 0)


def _time_column(column: FoundColumn) -> _Judged:
    name, remedy = f"TIMESTAMP({column.decimals})", "DBA: make it TIMESTAMP(6)"
    if column.type_name == "DATE":
        return Status.FAILED, "DATE: fractions of a second are lost, and two values of one second collide", remedy
    if not column.type_name.startswith("TIMESTAMP"):
        return Status.FAILED, f"{column.type_name} is no timestamp", remedy
    if column.decimals < DECIMALS:
        return Status.FAILED, f"{name}: microseconds are rounded away", remedy
    if column.type_name != "TIMESTAMP":
        what = (
            "the time is stored by the session's time zone, which is the writer's (TZ); a writer or a recover "
            "elsewhere stores another moment, and the same value twice"
        )
        return Status.WARNING, f"{column.type_name}: {what}", remedy
    return _or_nullable(column, name)


def _text_column(column: FoundColumn, max_bytes: int) -> _Judged:
    wanted = f"VARCHAR2({max_bytes})"
    if column.type_name not in ("VARCHAR2", "NVARCHAR2"):
        return Status.FAILED, f"{column.type_name} instead of {wanted}", f"DBA: make it {wanted}"
    is_national = column.type_name == "NVARCHAR2"
    unit, room = ("UTF-16 units", column.max_bytes // 2) if is_national else ("bytes", column.max_bytes)
    what = f"{column.type_name} of {room} {unit}"
    if room < max_bytes:
        remedy = f"DBA: ALTER TABLE ... MODIFY ({column.name.lower()} {wanted})"
        return Status.WARNING, f"{what} instead of {max_bytes}: longer values will be rejected", remedy
    return _or_nullable(column, what)


def _number_column(column: FoundColumn) -> _Judged:
    """Return what a number column makes of a value without a word."""
    if not column.nullable:
        what = f"{column.type_name} NOT NULL: readings without a value will be rejected"
        return Status.WARNING, what, "DBA: ALTER TABLE ... MODIFY (tag_value NULL)"
    remedy = "DBA: make it NUMBER, where the source has more"
    name, digits = column.type_name, SINGLE_DIGITS if column.type_name == "BINARY_FLOAT" else DOUBLE_DIGITS
    if column.type_name == "NUMBER" and column.precision:
        if column.decimals != FLOATING:
            name, before = f"NUMBER({column.precision},{column.decimals})", column.precision - column.decimals
            what = f"rounded away without a word, and more than {before} digits before the point are rejected"
            return Status.WARNING, f"{name}: more decimals are {what}", remedy
        name, digits = f"FLOAT({column.precision})", float_digits(column.precision)
    if digits < DOUBLE_DIGITS:
        return Status.WARNING, f"{name}: values are rounded to {digits} digits without a word", remedy
    return Status.OK, f"{name}: text that is no number will be rejected", ""


def _or_nullable(column: FoundColumn, detail: str) -> _Judged:
    if column.nullable:
        return Status.WARNING, f"{detail}, nullable: the layout has NOT NULL (the writer never leaves it empty)", ""
    return Status.OK, f"{detail} NOT NULL", ""


def compare_unique_keys(layout: Layout, keys: Sequence[UniqueKey]) -> list[Finding]:
    """Compare what can refuse a row by ORA-00001 with the layout's key: anything else refuses values."""
    primary = next((key for key in keys if key.is_primary), None)
    if primary is None and guards(keys, layout.key):
        findings = [Finding("primary key", Status.OK, "there is none, and a unique key in its place")]
    else:
        findings = [compare_key(layout, primary.columns if primary else ())]
    if primary is not None and primary.is_deferred:
        what = (
            "it is checked at the commit (DEFERRED): one value that comes twice takes its whole batch back "
            "(ORA-02091), which then goes to the backup"
        )
        findings.append(Finding("primary key", Status.FAILED, what, "DBA: make the primary key NOT DEFERRABLE"))
    what = "which is not the key: values that it refuses (ORA-00001) are no duplicates and go to rejected_*.csv"
    remedy = "DBA: drop it, or make sure that it never repeats (a sequence that lags after an import)"
    findings += [
        Finding(
            f"unique index {key.name.split('.')[-1]}", Status.WARNING, f"on ({', '.join(key.columns)}), {what}", remedy
        )
        for key in keys
        if not key.is_primary and set(key.columns) != set(layout.key)
    ]
    return findings


def compare_character_set(name: str) -> Finding:
    """Tell whether VARCHAR2 columns hold every letter."""
    check, remedy = "character set", "ASCII names and texts, NVARCHAR2 columns, or a database in AL32UTF8"
    if name in ("AL32UTF8", "UTF8", ""):
        return Finding(check, Status.OK, name or "not readable; the inserts below show whether it holds every letter")
    what = (
        "names and texts with letters that it does not have will be rejected"
        if name in CHARACTER_SETS
        else "Oracle replaces letters that it does not have by ? or the like, without a word; names that differ in "
        "those alone become one"
    )
    return Finding(check, Status.WARNING, f"{name}: {what}", remedy)


def compare_key(layout: Layout, key: Sequence[str]) -> Finding:
    """Compare the primary key's columns, in its order, with the layout's."""
    check, found = "primary key", [name.lower() for name in key]
    listed, wanted = f"({', '.join(found)})", f"({', '.join(layout.key)})"
    if not found:
        what = "there is none: values that come twice are stored twice"
        return Finding(check, Status.FAILED, what, f"DBA: ALTER TABLE ... ADD PRIMARY KEY {wanted}")
    if set(found) != set(layout.key):
        return Finding(check, Status.FAILED, f"{listed} instead of {wanted}", "DBA: deploy/oracle/*.sql")
    order = "" if listed == wanted else f"; in the order {wanted} one tag's history is one range"
    return Finding(check, Status.OK, f"{listed}{order}")


def compare_indexes(first_columns: Sequence[str]) -> Finding:
    """Tell from the indexes' first columns whether time ranges are served."""
    check = "index on timestamp"
    if "timestamp" in (name.lower() for name in first_columns):
        return Finding(check, Status.OK, "time ranges are quick")
    what = "there is none: queries of a time range read the whole table"
    return Finding(check, Status.WARNING, what, "DBA: CREATE INDEX ... ON the table (timestamp)")
