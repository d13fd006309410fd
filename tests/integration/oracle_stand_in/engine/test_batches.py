"""Batches with the real driver: good rows, bad rows, row counts, and values of every kind and length."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from tests.integration.oracle_stand_in.connecting import connect

TABLE = """CREATE TABLE tag_data (
  tag_name VARCHAR2(100) NOT NULL, tag_value VARCHAR2(4000), timestamp TIMESTAMP(6) NOT NULL,
  quality VARCHAR2(20) NOT NULL, num NUMBER(5), CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp))"""
INSERT = "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality, num) VALUES (:1, :2, :3, :4, :5)"
NOON = datetime(2026, 3, 1, 12, 0, 0, 123_456)
Row = tuple[str, str | None, datetime, str | None, Any]


@pytest.fixture
def cursor(stand_in: OracleStandIn) -> Iterator[oracledb.Cursor]:
    with connect(stand_in) as connection:
        cursor = connection.cursor()
        cursor.execute(TABLE)
        yield cursor
        connection.rollback()
        cursor.execute("DROP TABLE tag_data")


def row(number: int, **changes: Any) -> Row:
    values: dict[str, Any] = {"name": f"PLC01.D{number}", "value": str(number), "at": NOON, "quality": "GOOD"}
    values.update({"num": number, **changes})
    return (values["name"], values["value"], values["at"], values["quality"], values["num"])


def insert(cursor: oracledb.Cursor, rows: list[Row], **options: Any) -> list[tuple[int, str]]:
    """Insert with batch errors and return the offsets and codes of those that were refused."""
    cursor.setinputsizes(None, None, oracledb.DB_TYPE_TIMESTAMP, None, oracledb.DB_TYPE_NUMBER)
    cursor.executemany(INSERT, rows, batcherrors=True, **options)
    return [(error.offset, error.full_code) for error in cursor.getbatcherrors()]


def count(stand_in: OracleStandIn) -> int:
    """Count the rows that another session sees."""
    with connect(stand_in) as other:
        result: int = other.cursor().execute("SELECT COUNT(*) FROM tag_data").fetchone()[0]
        return result


def test_batch_is_stored_as_it_was_sent(cursor: oracledb.Cursor) -> None:
    rows = [row(i, at=NOON + timedelta(microseconds=i)) for i in range(500)]
    assert insert(cursor, rows) == []
    assert cursor.rowcount == 500
    stored = cursor.execute("SELECT tag_name, tag_value, timestamp, quality, num FROM tag_data").fetchall()
    assert stored == rows


def test_commit_travels_with_the_batch(stand_in: OracleStandIn, cursor: oracledb.Cursor) -> None:
    cursor.connection.autocommit = True
    before = stand_in.control.status()
    insert(cursor, [row(1), row(2)])
    after = stand_in.control.status()
    assert (after.round_trips - before.round_trips, after.commits - before.commits) == (1, 1)
    assert not cursor.connection.transaction_in_progress
    assert count(stand_in) == 2


def test_bad_rows_are_listed_in_their_order_and_those_that_the_key_refuses_last(cursor: oracledb.Cursor) -> None:
    insert(cursor, [row(1)])
    rows = [
        row(1),
        row(2),
        row(3, name="x" * 101),
        row(4, quality=None),
        row(2),
        row(5, num=123_456),
        row(6, name=None),
        row(7),
    ]
    errors = insert(cursor, rows, arraydmlrowcounts=True)
    assert errors == [
        (2, "ORA-12899"),
        (3, "ORA-01400"),
        (5, "ORA-01438"),
        (6, "ORA-01400"),
        (0, "ORA-00001"),
        (4, "ORA-00001"),
    ]
    assert cursor.rowcount == 2
    assert cursor.getarraydmlrowcounts() == [0, 1, 0, 0, 0, 0, 0, 1]
    messages = [error.message.partition("\n")[0] for error in cursor.getbatcherrors()]
    schema = cursor.connection.username.upper()
    assert messages[0] == (
        f'ORA-12899: value too large for column "{schema}"."TAG_DATA"."TAG_NAME" (actual: 101, maximum: 100)'
    )
    assert messages[4] == f"ORA-00001: unique constraint ({schema}.TAG_DATA_PK) violated"
    assert messages[1] == f'ORA-01400: cannot insert NULL into ("{schema}"."TAG_DATA"."QUALITY")'


def test_one_bad_row_keeps_the_commit_from_happening(stand_in: OracleStandIn, cursor: oracledb.Cursor) -> None:
    cursor.connection.autocommit = True
    assert insert(cursor, [row(1), row(1), row(2)]) == [(1, "ORA-00001")]
    assert cursor.connection.transaction_in_progress
    assert count(stand_in) == 0
    cursor.connection.commit()
    assert count(stand_in) == 2


def test_all_rows_bad_leaves_nothing_open(cursor: oracledb.Cursor) -> None:
    cursor.connection.autocommit = True
    insert(cursor, [row(1)])
    assert len(insert(cursor, [row(1)] * 500)) == 500
    assert not cursor.connection.transaction_in_progress


def test_without_batcherrors_rows_before_the_bad_one_stay(stand_in: OracleStandIn, cursor: oracledb.Cursor) -> None:
    cursor.connection.autocommit = True
    cursor.setinputsizes(None, None, oracledb.DB_TYPE_TIMESTAMP, None, oracledb.DB_TYPE_NUMBER)
    with pytest.raises(oracledb.IntegrityError) as caught:
        cursor.executemany(INSERT, [row(1), row(2), row(1), row(3)], arraydmlrowcounts=True)
    assert caught.value.args[0].full_code == "ORA-00001"
    assert caught.value.args[0].offset == 0
    assert cursor.rowcount == 2
    assert cursor.getarraydmlrowcounts() == [1, 1]
    assert cursor.connection.transaction_in_progress
    assert count(stand_in) == 0
    insert(cursor, [row(9)])
    assert count(stand_in) == 3


@pytest.mark.parametrize("length", [0, 1, 252, 253, 1000, 1001, 4000])
def test_strings_of_any_length_keep_their_place(cursor: oracledb.Cursor, length: int) -> None:
    """Over 1,000 bytes a column is sent behind the others; over 252 its value travels in chunks."""
    assert insert(cursor, [row(1, value="ä"[: length % 2] + "x" * (length - 2 * (length % 2))), row(2)]) == []
    stored = cursor.execute("SELECT tag_value, quality, num FROM tag_data ORDER BY 3").fetchall()
    assert len((stored[0][0] or "").encode()) == (length if length != 1 else 2)
    assert stored[0][1:] == ("GOOD", 1)
    assert stored[1] == ("2", "GOOD", 2)


def test_several_long_columns_keep_their_order(cursor: oracledb.Cursor) -> None:
    long = "n" * 1500
    assert insert(cursor, [row(1, name=long, value="v" * 2000), row(2, value="w" * 3000)]) == [(0, "ORA-12899")]
    assert cursor.execute("SELECT tag_name, tag_value FROM tag_data").fetchall() == [("PLC01.D2", "w" * 3000)]


def test_batch_of_many_packets_arrives_whole(cursor: oracledb.Cursor) -> None:
    rows = [row(i, name=f"T{i}", value="v" * 900, num=i % 99_999) for i in range(3_000)]
    assert insert(cursor, rows) == []
    assert cursor.execute("SELECT COUNT(*), COUNT(DISTINCT tag_name) FROM tag_data").fetchone() == (3_000, 3_000)
    cursor.arraysize = 3_000
    assert len(cursor.execute("SELECT * FROM tag_data").fetchall()) == 3_000


def test_lengths_count_bytes_unless_the_column_counts_characters(cursor: oracledb.Cursor) -> None:
    assert insert(cursor, [row(1, name="온도" * 16)]) == []
    assert insert(cursor, [row(1, name="온도" * 17)]) == [(0, "ORA-12899")]
    assert "(actual: 102, maximum: 100)" in cursor.getbatcherrors()[0].message
    assert cursor.execute("SELECT tag_name FROM tag_data").fetchone() == ("온도" * 16,)
    cursor.execute("CREATE TABLE chars (c VARCHAR2(3 CHAR))")
    cursor.execute("INSERT INTO chars VALUES ('온도계')")
    with pytest.raises(oracledb.DatabaseError, match=r"actual: 4, maximum: 3"):
        cursor.execute("INSERT INTO chars VALUES (:1)", ["온도계1"])
    cursor.execute("DROP TABLE chars")


def test_timestamps_keep_microseconds_only_if_bound_as_timestamps(cursor: oracledb.Cursor) -> None:
    assert insert(cursor, [row(1)]) == []
    cursor.execute("INSERT INTO tag_data (tag_name, timestamp, quality) VALUES ('d', :1, 'GOOD')", [NOON])
    moments = dict(cursor.execute("SELECT tag_name, timestamp FROM tag_data").fetchall())
    assert moments == {"PLC01.D1": NOON, "d": NOON.replace(microsecond=0)}


def test_a_moment_is_the_same_key_with_and_without_fraction(cursor: oracledb.Cursor) -> None:
    whole = NOON.replace(microsecond=0)
    assert insert(cursor, [row(1, at=whole), row(1, at=NOON)]) == []
    assert insert(cursor, [row(1, at=whole), row(1, at=NOON), row(1, at=whole + timedelta(microseconds=1))]) == [
        (0, "ORA-00001"),
        (1, "ORA-00001"),
    ]
    cursor.execute("SELECT COUNT(*) FROM tag_data WHERE timestamp = :1", [whole])
    assert cursor.fetchone() == (1,)


def test_zones_are_lost_as_the_driver_loses_them(cursor: oracledb.Cursor) -> None:
    aware = NOON.replace(tzinfo=UTC)
    insert(cursor, [row(1, at=aware)])
    cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP_TZ)
    cursor.execute("INSERT INTO tag_data (tag_name, timestamp, quality) VALUES ('tz', :1, 'GOOD')", [aware])
    assert [at for (at,) in cursor.execute("SELECT timestamp FROM tag_data").fetchall()] == [NOON, NOON]


def test_rounds_to_the_columns_fraction(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE short (t3 TIMESTAMP(3), t0 TIMESTAMP(0), n NUMBER(6, 2), d DATE)")
    cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP, oracledb.DB_TYPE_TIMESTAMP, None, oracledb.DB_TYPE_TIMESTAMP)
    late = datetime(2026, 12, 31, 23, 59, 59, 999_500)
    cursor.execute("INSERT INTO short VALUES (:1, :2, :3, :4)", [late, late, 1.005, late])
    stored = cursor.execute("SELECT * FROM short").fetchone()
    new_year = datetime(2027, 1, 1)
    assert stored == (new_year, new_year, 1.01, late.replace(microsecond=0))
    cursor.execute("DROP TABLE short")


def test_columns_of_none_are_null(cursor: oracledb.Cursor) -> None:
    cursor.executemany(
        "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality, num) VALUES (:1, :2, SYSTIMESTAMP, :3, :4)",
        [("a", None, "GOOD", None), ("b", None, "GOOD", None)],
    )
    assert cursor.execute("SELECT tag_value, num FROM tag_data").fetchall() == [(None, None), (None, None)]


def test_values_are_converted_to_the_columns_type(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE c (text VARCHAR2(30), num NUMBER, dbl BINARY_DOUBLE, d DATE)")
    cursor.execute("INSERT INTO c VALUES (:1, :2, :3, :4)", [12.5, "7", 3, date(2026, 3, 1)])
    cursor.setinputsizes(None, oracledb.DB_TYPE_BINARY_DOUBLE, oracledb.DB_TYPE_BINARY_DOUBLE, None)
    cursor.execute("INSERT INTO c VALUES (:1, :2, :3, :4)", [0.25, 0.5, -1.5, None])
    cursor.setinputsizes(oracledb.DB_TYPE_NVARCHAR, oracledb.DB_TYPE_BINARY_FLOAT, None, None)
    cursor.execute("INSERT INTO c VALUES (:1, :2, :3, :4)", ["온", 2.0, "1e3", None])
    assert cursor.execute("SELECT * FROM c").fetchall() == [
        ("12.5", 7, 3.0, datetime(2026, 3, 1)),
        (".25", 0.5, -1.5, None),
        ("온", 2, 1000.0, None),
    ]
    cursor.execute("DROP TABLE c")


def test_lob_and_interval_binds_are_refused(cursor: oracledb.Cursor) -> None:
    insert_one = "INSERT INTO tag_data (tag_name, timestamp, quality) VALUES (:1, SYSTIMESTAMP, 'x')"
    with pytest.raises(oracledb.DatabaseError, match="ORA-00932"):
        cursor.execute(insert_one, [timedelta(days=1)])
    with pytest.raises(oracledb.DatabaseError, match="ORA-03001"):
        cursor.connection.createlob(oracledb.DB_TYPE_CLOB, "text")
    cursor.connection.ping()


def test_mistake_of_the_client_in_mid_message_costs_the_batch_only(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError, match="DPY-4004"):
        insert(cursor, [row(i, num=float("nan") if i == 1_500 else 1) for i in range(2_000)])
    assert cursor.execute("SELECT COUNT(*) FROM tag_data").fetchone() == (0,)
    assert insert(cursor, [row(1)]) == []


def test_statement_is_executed_again_without_its_text(stand_in: OracleStandIn, cursor: oracledb.Cursor) -> None:
    sql = "INSERT INTO tag_data (tag_name, timestamp, quality) VALUES (:1, SYSTIMESTAMP, :2)"
    for i in range(5):
        cursor.executemany(sql, [(f"a{i}", "GOOD"), (f"b{i}", "GOOD")])
    query = "SELECT COUNT(*) FROM tag_data WHERE tag_name > :1"
    assert [cursor.execute(query, [name]).fetchone()[0] for name in ("", "a", "b")] == [0, 10, 5]
    cursor.connection.autocommit = True
    cursor.executemany(sql, [("c", "GOOD")])
    assert count(stand_in) == 11


def test_same_bind_twice_is_sent_twice(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality) VALUES (:n, :n, SYSTIMESTAMP, :q)",
        {"n": "same", "q": "GOOD"},
    )
    assert cursor.execute("SELECT tag_name, tag_value FROM tag_data").fetchall() == [("same", "same")]


def test_executions_without_binds_are_counted(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE plain (n NUMBER DEFAULT 1, m NUMBER)")
    cursor.executemany("INSERT INTO plain (m) VALUES (2)", 7)
    assert cursor.rowcount == 7
    assert cursor.execute("SELECT SUM(n), SUM(m) FROM plain").fetchone() == (7, 14)
    cursor.execute("DROP TABLE plain")
