"""Claims about a batch: one call, many rows, some of them refused."""

import oracledb

from services.writer.conformance.claim import Claims, expect
from services.writer.conformance.place import MOMENT, Place, ends, values
from services.writer.oracle.statements import LOOKUP_SIZES

#: Rows of a batch in which some are refused.
_ROWS = 50

_INSERT = "INSERT INTO {} (tag_name, tag_value, timestamp, quality) VALUES (:1, :2, :3, :4)"


CLAIMS = Claims[Place]()


def _insert(
    connection: oracledb.Connection, table: str, rows: list[tuple[str | None, str | None]]
) -> list[tuple[int, str]]:
    """Insert names and values with batch errors; return place and code of each that was refused, in Oracle's order."""
    with connection.cursor() as cursor:
        cursor.setinputsizes(200, 300, oracledb.DB_TYPE_TIMESTAMP, 20)
        cells = [(name, value, MOMENT, "GOOD") for name, value in rows]
        cursor.executemany(_INSERT.format(table), cells, batcherrors=True)
        return [(error.offset, error.full_code) for error in cursor.getbatcherrors()]


@CLAIMS.relied_on_by("services.writer.oracle.statements.insert")
def commit_travels(place: Place) -> str:
    """With autocommit a batch without faults is committed by its own call."""
    table = place.table()
    with place.connection() as connection:
        connection.autocommit = True
        errors = _insert(connection, table, [(f"a{n}", "1") for n in range(_ROWS)])
        expect(not errors, f"refused: {errors}")
        expect(not connection.transaction_in_progress, "a transaction is open after autocommit")
        found = place.count(table)
    expect(found == _ROWS, f"{found} of {_ROWS} rows are seen by another connection")
    return f"{_ROWS} rows seen by another connection after one call"


@CLAIMS.relied_on_by("services.writer.oracle.statements.insert")
def errors_commit_nothing(place: Place) -> str:
    """Where rows of a batch are refused, autocommit commits nothing: the commit of the others is a trip more."""
    table = place.table()
    with place.connection() as connection:
        connection.autocommit = True
        errors = _insert(connection, table, [("a", "1"), ("b", "1"), ("a", "2")])
        expect(errors == [(2, "ORA-00001")], f"refused: {errors}")
        before, is_open = place.count(table), connection.transaction_in_progress
        expect(before == 0, f"{before} of 2 rows were committed although the third was refused")
        expect(is_open, "the driver knows of no open transaction, and would not roll it back")
        connection.commit()
    after = place.count(table)
    expect(after == 2, f"{after} of 2 rows after the commit")  # noqa: PLR2004 - those that were sound
    return "0 rows before the commit, 2 after it"


def _mixed() -> tuple[list[tuple[str | None, str | None]], dict[int, str]]:
    """Return a batch with faults of several kinds, and the code that each place is to get."""
    rows: list[tuple[str | None, str | None]] = [(f"a{n}", "1") for n in range(_ROWS)]
    rows[7], rows[21] = ("a3", "2"), ("a4", "2")
    rows[11], rows[40] = ("b", "x" * 256), ("y" * 101, "1")
    rows[20] = (None, "1")
    return rows, {7: "ORA-00001", 11: "ORA-12899", 20: "ORA-01400", 21: "ORA-00001", 40: "ORA-12899"}


@CLAIMS.relied_on_by("services.writer.sink.decide")
def errors_all_listed(place: Place) -> str:
    """Every refused row is listed once, by its place and code; all others are stored."""
    table = place.table()
    rows, expected = _mixed()
    with place.connection() as connection:
        errors = _insert(connection, table, rows)
        stored = connection.cursor().execute(f"SELECT COUNT(*) FROM {table}").fetchone()  # noqa: S608 - a name of ours
    expect(len(errors) == len(dict(errors)), f"a row is listed twice: {errors}")
    expect(dict(errors) == expected, f"refused: {sorted(errors)}; expected: {sorted(expected.items())}")
    expect(stored == (_ROWS - len(expected),), f"{stored} of {_ROWS - len(expected)} sound rows are there")
    return f"places and codes in Oracle's order: {', '.join(f'{place} {code}' for place, code in errors)}"


@CLAIMS.relied_on_by("services.writer.sink.decide")
def errors_order(place: Place) -> str:
    """Batch errors come in the rows' order, ORA-00001 after all others (no code relies on the order)."""
    table = place.table()
    rows, _ = _mixed()
    with place.connection() as connection:
        places = [place for place, _ in _insert(connection, table, rows)]
    expect(places == [11, 20, 40, 7, 21], f"in this order: {places}")
    return "what rows break by themselves first, then what the key refuses, each in the order of the rows"


@CLAIMS.relied_on_by("services.writer.oracle.statements.insert")
def batch_of_one(place: Place) -> str:
    """The only row of a batch is refused as one of many is."""
    table = place.table()
    with place.connection() as connection:
        first, second = (_insert(connection, table, [("a", "1")]) for _ in range(2))
    expect((first, second) == ([], [(0, "ORA-00001")]), f"first {first}, then {second}")
    return "the refused row is a batch error, no exception"


@CLAIMS.relied_on_by("services.writer.oracle.statements.lookup")
def all_refused(place: Place) -> str:
    """A batch may be refused to its last row, and is looked up by all of its keys in one query."""
    table = place.table()
    with place.sink(table) as sink:
        many = values(LOOKUP_SIZES[-1])
        first, again = sink.write(many), sink.write(many)
    expect(first.written == len(many), f"the first time: {ends(first)}")
    expect(len(again.duplicates) == len(many), f"the second time: {ends(again)}")
    return f"{ends(again)}, looked up by {3 * len(many)} binds at once"


@CLAIMS.relied_on_by("services.writer.oracle.columns.bind_type")
def long_binds(place: Place) -> str:
    """Texts in columns of VARCHAR2(n CHAR) are bound by four times their bytes, over 4,000 declared."""
    table = place.table(tag_name="VARCHAR2(100 CHAR) NOT NULL", tag_value="VARCHAR2(255 CHAR) NOT NULL")
    text = "\N{THERMOMETER}" * 255
    with place.sink(table) as sink:
        outcome = sink.write(values(20, text))
        expect(outcome.written == 20, f"{ends(outcome)}: {[e.message for e in outcome.rejected][:1]}")  # noqa: PLR2004 - all
        (found,) = sink.lookup(values(1, text))
    expect(found == (text, "GOOD"), f"{str(found)[:60]} came back")
    return "255 letters of 4 bytes, in a bind that declares 4,080"
