"""Claims about what Oracle refuses: what its codes mean, and what its texts name."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
import oracledb

from services.writer.conformance.claim import Claims, expect
from services.writer.conformance.place import Place, code_of, ends, later, values
from services.writer.oracle.dictionary import TableShape
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import CONFLICT, SinkError, Verdict
from shared.models import TagValue

CLAIMS = Claims[Place]()


def _rejected(sink: OracleSink, batch: Sequence[TagValue], code: str, *, stored: int) -> str:
    """Write a batch; the rest of it must be rejected with one code."""
    outcome = sink.write(batch)
    codes = sorted({error.code for error in outcome.rejected})
    wanted = outcome.written == stored and codes == [code] and len(outcome.rejected) == len(batch) - stored
    texts = [error.message for error in (*outcome.rejected, *outcome.kept)]
    expect(wanted, f"{ends(outcome)}, codes {codes}: {texts[:1]}")
    return texts[0]


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of")
def codes(place: Place) -> str:
    """NOT NULL, CHECK, length, precision and conversion each refuse a row with a code of their own."""
    table = place.table(quality="VARCHAR2(20) NOT NULL CHECK (quality IN ('GOOD', 'BAD'))", more=", batch NUMBER(3)")
    wrong = {
        "ORA-02290": ("'UGLY'", "1"), "ORA-01400": ("NULL", "1"), "ORA-01438": ("'GOOD'", "1000"),
        "ORA-01722": ("'GOOD'", "'x'"), "ORA-12899": ("'" + "x" * 21 + "'", "1"),
    }  # fmt: skip
    found = {}
    with place.connection() as connection, connection.cursor() as cursor:
        for code, (quality, batch) in wrong.items():
            row = f"'a', '1', TIMESTAMP '2026-01-01 00:00:00', {quality}, {batch}"
            insert = f"INSERT INTO {table} VALUES ({row})"  # noqa: S608 - our own words
            found[code] = code_of(partial(cursor.execute, insert))
    expect(all(code == seen for code, seen in found.items()), f"{found}")
    return ", ".join(found)


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of")
def foreign_key(place: Place) -> str:
    """A missing parent is the row's fault: ORA-02291."""
    other = place.new_name()
    place.make(f"CREATE TABLE {other} (tag_name VARCHAR2(100) PRIMARY KEY)")
    table = place.table(more=f", CONSTRAINT {other}_fk FOREIGN KEY (tag_name) REFERENCES {other} (tag_name)")
    place.make(f"INSERT INTO {other} VALUES ('CF.D0')")  # noqa: S608 - our own words
    with place.sink(table) as sink:
        return _rejected(sink, values(2), "ORA-02291", stored=1)


@CLAIMS.relied_on_by("services.writer.oracle.refusals.Refusals")
def second_unique_index(place: Place) -> str:
    """A second unique index says ORA-00001 too, and its name: such rows are no duplicates."""
    table = place.table(more=", id NUMBER DEFAULT 7")
    place.make(f"CREATE UNIQUE INDEX {table}_u ON {table} (id)")
    with place.sink(table) as sink:
        text = _rejected(sink, values(5), "ORA-00001", stored=1)
    expect(f"{table}_u".upper() in text, f"the index is not named: {text}")
    return text


@CLAIMS.relied_on_by("services.writer.oracle.dictionary.TableShape")
def key_is_named(place: Place) -> str:
    """ORA-00001 names the primary key as the dictionary does, in the first parentheses."""
    table = place.table()
    with place.connection() as connection:
        shape = TableShape(connection, table)
        expect(shape.locate(), "the dictionary does not show the table")
        names = [key.name for key in shape.unique_keys() if key.is_primary]
        with connection.cursor() as cursor:
            insert = f"INSERT INTO {table} VALUES ('a', '1', TIMESTAMP '2026-01-01 00:00:00', 'GOOD')"  # noqa: S608 - a name of ours
            cursor.execute(insert)
            try:
                cursor.execute(insert)
            except oracledb.IntegrityError as error:
                text = str(error.args[0].message)
    named = re.search(r"\(([^()]+)\)", text)
    expect(named and [named[1]] == names, f"{text!r} and the dictionary's {names}")
    return text.splitlines()[0]


@CLAIMS.relied_on_by("services.writer.oracle.refusals.Refusals")
def duplicates_and_conflicts(place: Place) -> str:
    """A look-up tells what is there already from what is there with other contents."""
    table = place.table()
    with place.sink(table) as sink:
        sink.write(values(20))
        changed = [msgspec.structs.replace(value, tag_value="2") for value in values(5)]
        outcome = sink.write([*changed, *values(20)[5:], *values(5, first=20)])
    codes = {error.code for error in outcome.rejected}
    told = (outcome.written, len(outcome.duplicates), len(outcome.rejected), codes)
    expect(told == (5, 15, 5, {CONFLICT}), f"{ends(outcome)}, codes {codes}")
    return ends(outcome)


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of")
def deferred_key(place: Place) -> str:
    """A key that is checked at the commit takes the whole batch back: ORA-02091."""
    table = place.table(key="DEFERRABLE INITIALLY DEFERRED")
    with place.sink(table) as sink:
        sink.write(values(5))
        try:
            outcome = sink.write(values(10))
        except SinkError as error:
            seen = f"{error.verdict.value}: {error}"
            expect(error.code == "ORA-02091" and error.verdict is Verdict.CONFIGURATION, seen)
        else:
            expect(False, f"no error at the commit: {ends(outcome)}")  # noqa: FBT003 - it differs in any case
    found = place.count(table)
    expect(found == 5, f"{found} rows, of which 5 were there before")  # noqa: PLR2004 - of the first batch
    return seen


def _trigger(place: Place, table: str, body: str) -> None:
    place.make(f"CREATE TRIGGER {table}_t BEFORE INSERT ON {table} FOR EACH ROW BEGIN {body} END;")


@CLAIMS.relied_on_by("services.writer.oracle.refusals.Refusals")
def trigger_raises(place: Place) -> str:
    """What a trigger raises (-20001) costs its row alone."""
    table = place.table()
    _trigger(place, table, "IF :NEW.tag_name = 'CF.D1' THEN RAISE_APPLICATION_ERROR(-20001, 'not that one'); END IF;")
    with place.sink(table) as sink:
        return _rejected(sink, values(5), "ORA-20001", stored=4)


@CLAIMS.relied_on_by("services.writer.oracle.refusals.Refusals")
def trigger_with_a_key(place: Place) -> str:
    """ORA-00001 out of a trigger's own table is no duplicate."""
    audit, table = place.new_name(), place.table()
    place.make(f"CREATE TABLE {audit} (quality VARCHAR2(20) PRIMARY KEY)")
    _trigger(place, table, f"INSERT INTO {audit} VALUES (:NEW.quality);")  # noqa: S608 - a name of ours
    with place.sink(table) as sink:
        return _rejected(sink, values(3), "ORA-00001", stored=1)


@CLAIMS.relied_on_by("services.writer.oracle.refusals.Refusals")
def no_partition(place: Place) -> str:
    """A time that no partition takes costs its row alone: ORA-14400."""
    first = "PARTITION BY RANGE (timestamp) (PARTITION p1 VALUES LESS THAN (TIMESTAMP '2026-01-03 00:00:00'))"
    table = place.table(after=first)
    with place.sink(table) as sink:
        return _rejected(sink, [*values(3), later(values(1)[0], 86_400)], "ORA-14400", stored=3)


@CLAIMS.relied_on_by("services.writer.oracle.oracle_sink.OracleSink")
def partition_at_once(place: Place) -> str:
    """Several sessions may insert into a day that has no partition yet."""
    day = "PARTITION BY RANGE (timestamp) INTERVAL (NUMTODSINTERVAL(1, 'DAY'))"
    table = place.table(after=f"{day} (PARTITION p1 VALUES LESS THAN (TIMESTAMP '2025-01-01 00:00:00'))")
    batches = [values(50, first=50 * n) for n in range(4)]
    with place.sink(table) as sink, ThreadPoolExecutor(len(batches)) as threads:
        outcomes = list(threads.map(sink.write, batches))
    stored = sum(outcome.written for outcome in outcomes)
    expect(stored == 200, "; ".join(map(ends, outcomes)))  # noqa: PLR2004 - all of them
    return f"{stored} rows by {len(batches)} sessions into a day that had no partition"
