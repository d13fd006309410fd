"""Claims about columns: how they are described, and what they make of a value without a word."""

import msgspec
import oracledb

from services.writer.conformance.claim import Claims, expect
from services.writer.conformance.place import MOMENT, Place, code_of, ends, values
from services.writer.oracle.columns import CHARACTER_SETS, FoundColumn
from services.writer.oracle.dictionary import TableShape
from shared.models import TagValue

#: Letters of several scripts, one of them of 4 bytes in UTF-8 and of two units in UTF-16.
_LETTERS = "온도 Ω é € \N{THERMOMETER}"


CLAIMS = Claims[Place]()


def _texts(*texts: str) -> list[TagValue]:
    return [
        msgspec.structs.replace(value, tag_value=text) for value, text in zip(values(len(texts)), texts, strict=True)
    ]


def _comes_back(place: Place, declared: str, texts: tuple[str, ...], held: tuple[object, ...]) -> str:
    """Store texts, look at what is held; when they come again they must be duplicates."""
    table = place.table(tag_value=declared)
    batch = _texts(*texts)
    with place.sink(table) as sink:
        first = sink.write(batch)
        expect(first.written == len(batch), f"{ends(first)}: {[error.message for error in first.rejected][:1]}")
        found = tuple(row[0] for row in place.rows(f"SELECT tag_value FROM {table} ORDER BY tag_name"))  # noqa: S608 - a name of ours
        expect(found == held, f"{found} for {texts}")
        again = sink.write(batch)
    expect(len(again.duplicates) == len(batch), f"when they came again: {ends(again)}")
    return f"{', '.join(texts)} held as {', '.join(map(str, found))}; duplicates when they come again"


@CLAIMS.relied_on_by("services.writer.oracle.columns.column_as_found")
def described_sizes(place: Place) -> str:
    """SELECT ... WHERE 1 = 0 describes types, bytes, digits and NOT NULL."""
    table = place.table(tag_name="VARCHAR2(100 CHAR) NOT NULL", tag_value="NUMBER(10,2)", quality="NVARCHAR2(20)")
    with place.connection() as connection:
        found = TableShape(connection, table).columns()
    wanted = [
        FoundColumn("TAG_NAME", "VARCHAR2", 400, 0, nullable=False),
        FoundColumn("TAG_VALUE", "NUMBER", 0, 2, nullable=True, precision=10),
        FoundColumn("TIMESTAMP", "TIMESTAMP", 0, 6, nullable=False),
        FoundColumn("QUALITY", "NVARCHAR2", 40, 0, nullable=True),
    ]
    expect(found == wanted, f"{found}")
    return "100 CHAR as 400 bytes, NVARCHAR2(20) as 40, NUMBER(10,2), TIMESTAMP(6), NOT NULL"


@CLAIMS.relied_on_by("services.writer.oracle.columns.bind_type")
def microseconds(place: Place) -> str:
    """A TIMESTAMP(6) holds a time to the microsecond."""
    table = place.table()
    with place.sink(table) as sink:
        sink.write(values(1))
    ((found,),) = place.rows(f"SELECT timestamp FROM {table}")  # noqa: S608 - a name of ours
    expect(found == MOMENT, f"{found} for {MOMENT}")
    return f"{found}"


@CLAIMS.relied_on_by("services.writer.oracle.columns.Column")
def letters(place: Place) -> str:
    """A text comes back as it was, or is rejected where the character set does not hold it."""
    with place.connection() as connection:
        character_set = TableShape(connection, place.table()).character_set()
    table = place.table()
    with place.sink(table) as sink:
        outcome = sink.write(_texts(_LETTERS))
        if character_set in CHARACTER_SETS:
            expect(outcome.rejected, f"{character_set} took {_LETTERS!r}: {ends(outcome)}")
            return f"{character_set}: rejected, and not stored as question marks"
        (found,) = sink.lookup(_texts(_LETTERS))
    expect(found == (_LETTERS, "GOOD"), f"{character_set}: {found} for {_LETTERS!r}")
    return f"{character_set}: {_LETTERS}"


@CLAIMS.relied_on_by("services.writer.oracle.columns.Column")
def nvarchar2_units(place: Place) -> str:
    """NVARCHAR2 counts UTF-16 units."""
    table = place.table(tag_value="NVARCHAR2(4) NOT NULL")
    fits, too_long = "\N{THERMOMETER}" * 2, "\N{THERMOMETER}" * 2 + "x"
    with place.sink(table) as sink:
        outcome = sink.write(_texts(fits, too_long))
        (found,) = sink.lookup(_texts(fits))
    told = [error.code for error in outcome.rejected]
    expect((outcome.written, told) == (1, ["TOO_LONG"]), f"{ends(outcome)}: {told}")
    expect(found == (fits, "GOOD"), f"{found} came back")
    with place.connection() as connection, connection.cursor() as cursor:
        cursor.setinputsizes(oracledb.DB_TYPE_NVARCHAR)
        insert = f"INSERT INTO {table} VALUES ('n', :1, SYSTIMESTAMP, 'GOOD')"  # noqa: S608 - a name of ours
        code = code_of(lambda: cursor.execute(insert, [too_long]))
    expect(code == "ORA-12899", f"three characters of five units: {code}")
    return "two letters of two units each fill NVARCHAR2(4)"


@CLAIMS.relied_on_by("services.writer.oracle.columns.Column")
def number_rounds(place: Place) -> str:
    """NUMBER(10,2) rounds half away from zero, without a word."""
    return _comes_back(place, "NUMBER(10,2)", ("12.345", "-12.345", "0.004"), (12.35, -12.35, 0))


@CLAIMS.relied_on_by("services.writer.oracle.layout.RowBinder")
def least_number(place: Place) -> str:
    """A NUMBER holds 1e-129; what is below 1e-130 is bound as 0."""
    return _comes_back(place, "NUMBER", ("1e-129", "1e-150"), (1e-129, 0))


@CLAIMS.relied_on_by("services.writer.oracle.columns.Column")
def binary_float(place: Place) -> str:
    """A BINARY_FLOAT holds 24 binary digits."""
    return _comes_back(place, "BINARY_FLOAT", ("0.1", "16777217"), (0.10000000149011612, 16777216.0))


@CLAIMS.relied_on_by("services.writer.oracle.columns.Column")
def local_time_zone(place: Place) -> str:
    """A key WITH LOCAL TIME ZONE is read back as it was sent by a CAST in the session's zone."""
    # For a session in another zone the same time is another moment.
    table = place.table(timestamp="TIMESTAMP(6) WITH LOCAL TIME ZONE NOT NULL")
    seen = {}
    for zone in ("+09:00", "-03:30"):
        with place.connection(f"ALTER SESSION SET TIME_ZONE = '{zone}'") as connection, connection.cursor() as cursor:
            cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP)
            cursor.execute(f"INSERT INTO {table} VALUES ('a', '1', :1, 'GOOD')", [MOMENT])  # noqa: S608 - a name of ours
            connection.commit()
            cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP)
            cast = "CAST(CAST(timestamp AS TIMESTAMP(6) WITH LOCAL TIME ZONE) AS TIMESTAMP(6))"
            cursor.execute(f"SELECT timestamp, {cast} FROM {table} WHERE timestamp = :1", [MOMENT])  # noqa: S608 - names of ours
            ((as_sent, as_cast),) = cursor.fetchall()
            expect(as_cast == MOMENT, f"in {zone} the cast shows {as_cast} for {MOMENT}")
            seen[zone] = as_sent
    found = place.count(table)
    expect(found == len(seen), f"{found} rows: one wall-clock time in two zones is one moment")
    return f"two rows; by the driver they are {', '.join(map(str, seen.values()))}"


@CLAIMS.relied_on_by("services.writer.oracle.layout.RowBinder")
def char_key(place: Place) -> str:
    """A CHAR compares without its blanks with a bind of CHAR."""
    table = place.table(tag_name="CHAR(40) NOT NULL")
    with place.sink(table) as sink:
        sink.write(values(5))
        again = sink.write(values(5))
        (found,) = sink.lookup(values(1))
    expect((len(again.duplicates), found) == (5, ("1.5", "GOOD")), f"{ends(again)}, looked up: {found}")
    return "a key of CHAR(40) is found by its text without blanks"


@CLAIMS.relied_on_by("services.writer.oracle.columns.Column")
def empty_text(place: Place) -> str:
    """An empty text is NULL."""
    table = place.table(tag_value="VARCHAR2(255)")
    with place.sink(table) as sink:
        sink.write(_texts(""))
        again = sink.write(_texts(""))
    rows = place.rows(f"SELECT tag_value FROM {table}")  # noqa: S608 - a name of ours
    expect((rows, len(again.duplicates)) == ([(None,)], 1), f"{rows}; when it came again: {ends(again)}")
    return "NULL"


@CLAIMS.relied_on_by("services.writer.oracle.codes.RAISED_WHILE_BINDING")
def not_a_number(place: Place) -> str:
    """The driver refuses NaN for a NUMBER in mid-message, and the connection lives on."""
    table = place.table(tag_value="NUMBER")
    with place.connection() as connection, connection.cursor() as cursor:
        insert = f"INSERT INTO {table} VALUES (:1, :2, SYSTIMESTAMP, 'GOOD')"  # noqa: S608 - a name of ours
        code = code_of(lambda: cursor.executemany(insert, [("a", 1.0), ("b", float("nan"))]))
        cursor.execute("SELECT 1 FROM dual")
        alive = cursor.fetchone()
    expect((code, alive) == ("DPY-4004", (1,)), f"{code}, then {alive}")
    return "DPY-4004 in the middle of the message; the connection answers the next call"
