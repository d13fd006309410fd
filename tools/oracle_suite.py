"""python-oracledb's own test suite against the Oracle stand-in: what it makes of it, by kind of failure.

    git clone https://github.com/oracle/python-oracledb /tmp/suite
    python -m venv /tmp/venv && /tmp/venv/bin/pip install oracledb pytest pytest-timeout anyio numpy pandas pyarrow
    python -m tools.oracle_suite /tmp/suite /tmp/venv/bin/python

Nothing of the suite is copied: it is read where it lies. Its schema is made as far as it is tables of plain types.
"""

import os
import re
import subprocess
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree as ET

import oracledb
import typer

from oracle_stand_in.process import OracleStandIn

_USER, _PASSWORD = "pythontest", "test"
_TABLE = re.compile(r"create table &main_user\.\.(\w+) \(.*?\n/", re.DOTALL)
_ZONED = "YYYY-MM-DD HH24:MI:SS.FF TZH:TZM"
_NOT_PLAIN = re.compile(r"\b(clob|nclob|blob|interval|udt_|invisible)", re.IGNORECASE)
#: Kinds of failures, the first that fits counts: what the error's text says.
KINDS = {
    "PL/SQL, REF CURSOR, arrays as binds": (
        r"PL/SQL|CURSOR|arrays as binds|CREATE OR|ORA-06550|Test!|DBMS_DEBUG|assert 900 == 20000|assert 0 == 3"
    ),
    "objects, collections, advanced queuing": r"function 122|UDT_|DPY-2035",
    "LOB, LONG, XML, JSON, VECTOR, BFILE": r"LOB|function 96|LONG|XML|JSON|VECTOR|BFILE",
    "two-phase and sessionless transactions": r"function 103|ORA-24776",
    "direct path load": r"function 128|DPY-800|DPY-4009",
    "RETURNING INTO": r"RETURNING|ORA-01745|DPY-4002",
    "scrollable cursors": r"scrollable",
    "intervals": r"INTERVAL",
    "change notification": r"function 125",
    "administration, proxy users": (
        r"GRANT|ALTER SYSTEM|function 115|ORA-01017|ORA-01031|ORA-00988|EDITION|ORA-01435|ORA-28267|ORA-28150"
    ),
    # it is newer than the suite, and runs pipelines one by one on a 19c: as a 23ai these pass
    "what the driver itself does": r"(Connect|Pool)Param|isinstance\(\d+, <class 'decimal",
    "tables of types that are not there": r"ORA-00942",
    "SQL outside of the subset": r"ORA-009\d\d|ORA-01008|ORA-01821|ROWID",
}


def _make_schema(connection: oracledb.Connection, script: str) -> None:
    with connection.cursor() as cursor:
        for found in _TABLE.finditer(script):
            lines = found[0][:-2].replace("&main_user..", "").split("\n")
            if found[1] in ("TestAllTypes", "TestDataframe"):
                lines = [line for line in lines if not _NOT_PLAIN.search(line)]
            try:
                cursor.execute(re.sub(r",\s*\n\)", "\n)", "\n".join(lines)))
            except oracledb.Error as error:
                print(f"{found[1]}: {str(error).splitlines()[0]}")
        for table, rows, types in _contents():
            cursor.setinputsizes(*types)
            places = ", ".join(f":{place}" for place in range(1, len(rows[0]) + 1))
            cursor.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
        for table, first in (("TestTimestampLTZs", 2), ("TestTimestampTZs", 3)):
            shape = f"TO_TIMESTAMP_TZ({{}}, '{_ZONED}')"
            places = ", ".join(shape.format(f":{place}") for place in range(2, 5))
            cursor.setinputsizes(None, 40, 40, 40)
            cursor.executemany(f"INSERT INTO {table} VALUES (:1, {places})", _zoned_rows(datetime(2022, 6, first)))  # noqa: DTZ001 - as the suite has it
    connection.commit()


def _zoned_rows(first: datetime) -> list[tuple[int, str, str | None, str]]:
    """Return what the suite's PL/SQL makes of moments with time zones, as texts: each row's is another."""

    def at(moment: timedelta, zone: str) -> str:
        return f"{first + moment:%Y-%m-%d %H:%M:%S.%f} {zone}"

    rows = []
    for i in range(1, 11):
        zone = f"{'+' if i % 2 else '-'}{i:02}:{'30' if i % 4 else '00'}"
        long = at(timedelta(days=i, seconds=i * 2 + float(f"0.{i * 50}")), zone)
        other = at(timedelta(days=i + 1, seconds=i * 3 + float(f"0.{i * 125}")), "+00:00") if i % 2 else None
        rows.append((i, long, other, "2009-12-14 00:00:00.000000 +00:00"))
    return rows


def _contents() -> list[tuple[str, list[Any], list[Any]]]:
    """Return what the suite's PL/SQL puts into its tables of plain types: table, rows, bind types."""
    numbers = range(1, 11)
    national, moment = oracledb.DB_TYPE_NVARCHAR, oracledb.DB_TYPE_TIMESTAMP
    first, other = datetime(2002, 12, 9), datetime(2009, 12, 14)  # noqa: DTZ001 - as the suite has it

    def odd(number: int, value: object) -> object:
        return value if number % 2 else None

    def after(number: int, seconds: int, fraction: int) -> timedelta:
        return timedelta(days=number, seconds=seconds + float(f"0.{fraction}"))

    return [
        ("TestNumbers", [
            (i, 38**i, i * Decimal("1.25"), i * Decimal("1.75"), i**3 + i * Decimal("0.5"), odd(i, 143**i))
            for i in numbers
        ], [None]),
        ("TestStrings", [
            (i, f"String {i}", f"Raw {i}".encode(), f"Fixed Char {i}", odd(i, f"Nullable {i}")) for i in numbers
        ], [None]),
        ("TestUnicodes", [
            (i, f"Unicode \N{HIRAGANA LETTER A} {i}", f"Fixed Unicode {i}", odd(i, f"Nullable {i}")) for i in numbers
        ], [None, national, national, national]),
        ("TestDates", [
            (i, first + timedelta(days=i * 1.1), odd(i, first + timedelta(days=i * 2.15))) for i in numbers
        ], [None]),
        ("TestTimestamps", [
            (i, first + after(i, i * 2, i * 50), odd(i, first + after(i + 1, i * 3, i * 125)), other) for i in numbers
        ], [None, moment, moment, moment]),
    ]  # fmt: skip


def _table(report: Path) -> str:
    counted: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it
        failure = next((child for child in case if child.tag in ("failure", "error")), None)
        if failure is None:
            counted["skipped" if case.find("skipped") is not None else "passed"] += 1
            continue
        counted["failed"] += 1
        text = str(failure.get("message"))[:400]
        kind = next((kind for kind, pattern in KINDS.items() if re.search(pattern, text)), "others")
        kinds[kind] += 1
        if kind == "others":
            unknown[text.partition("\n")[0][:150]] += 1
    lines = [", ".join(f"{number} {state}" for state, number in counted.items())]
    return "\n".join(
        [
            *lines, "", "| failed | kind |", "|---|---|", *(f"| {n} | {k} |" for k, n in kinds.most_common()),
            "", "Others:", *(f"{n} x {text}" for text, n in unknown.most_common()),
        ]
    )  # fmt: skip


def main(
    suite: Annotated[Path, typer.Argument(help="A checkout of python-oracledb.")],
    python: Annotated[str, typer.Argument(help="A Python with the driver and pytest.")],
    field_version: Annotated[str, typer.Option(help="19c or 23ai.")] = "19c",
) -> None:
    """Run the suite and print the table."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        OracleStandIn(user=_USER, password=_PASSWORD, field_version=field_version) as stand_in,
    ):
        with oracledb.connect(user=_USER, password=_PASSWORD, dsn=stand_in.dsn) as connection:
            _make_schema(connection, (suite / "tests/sql/create_schema.sql").read_text())
        report = Path(scratch) / "report.xml"
        environment = {
            "PYO_TEST_MAIN_USER": _USER, "PYO_TEST_MAIN_PASSWORD": _PASSWORD, "PYO_TEST_CONNECT_STRING": stand_in.dsn,
            "PYO_TEST_ADMIN_USER": _USER, "PYO_TEST_ADMIN_PASSWORD": _PASSWORD, "PYO_TEST_PROXY_USER": "proxy",
            "PYO_TEST_PROXY_PASSWORD": _PASSWORD,
        }  # fmt: skip
        options = ["-q", "--timeout", "20", "-p", "no:cacheprovider", f"--junitxml={report}"]
        subprocess.run([python, "-m", "pytest", *options], cwd=suite, env={**os.environ, **environment}, check=False)
        print(_table(report))
        print(f"internal errors of the stand-in: {stand_in.log_text().count('internal error')}")


if __name__ == "__main__":
    typer.run(main)
