"""The stand-in's data types as the real driver sends, describes and reads them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from tests.integration.oracle_stand_in.connecting import connect

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000)
EMOJI = "온도🌡"
TEN_UTC = "TIMESTAMP '2026-07-01 10:00:00 +00:00'"
#: column type -> what the driver makes of it: type, display size, internal size, precision, scale
DESCRIBED = {
    "VARCHAR2(10)": (oracledb.DB_TYPE_VARCHAR, 10, 10, None, None),
    "VARCHAR2(10 CHAR)": (oracledb.DB_TYPE_VARCHAR, 10, 40, None, None),
    "NVARCHAR2(10)": (oracledb.DB_TYPE_NVARCHAR, 10, 20, None, None),
    "CHAR(10)": (oracledb.DB_TYPE_CHAR, 10, 10, None, None),
    "NCHAR(10)": (oracledb.DB_TYPE_NCHAR, 10, 20, None, None),
    "RAW(16)": (oracledb.DB_TYPE_RAW, 16, 16, None, None),
    "BINARY_FLOAT": (oracledb.DB_TYPE_BINARY_FLOAT, 127, None, None, None),
    "TIMESTAMP(3) WITH TIME ZONE": (oracledb.DB_TYPE_TIMESTAMP_TZ, 23, None, 0, 3),
    "TIMESTAMP WITH LOCAL TIME ZONE": (oracledb.DB_TYPE_TIMESTAMP_LTZ, 23, None, 0, 6),
}
#: column type -> what the dictionary says: type, length in bytes, in characters, how it was declared
LISTED = {
    "VARCHAR2(10)": ("VARCHAR2", 10, 10, "B"),
    "VARCHAR2(10 CHAR)": ("VARCHAR2", 40, 10, "C"),
    "NVARCHAR2(10)": ("NVARCHAR2", 20, 10, "C"),
    "CHAR(10)": ("CHAR", 10, 10, "B"),
    "NCHAR(10)": ("NCHAR", 20, 10, "C"),
    "RAW(16)": ("RAW", 16, 0, None),
    "BINARY_FLOAT": ("BINARY_FLOAT", 4, 0, None),
    "FLOAT(24)": ("FLOAT", 22, 0, None),
    "TIMESTAMP(3) WITH TIME ZONE": ("TIMESTAMP(3) WITH TIME ZONE", 13, 0, None),
    "TIMESTAMP WITH LOCAL TIME ZONE": ("TIMESTAMP(6) WITH LOCAL TIME ZONE", 11, 0, None),
}


@pytest.fixture
def cursor(stand_in: OracleStandIn) -> Iterator[oracledb.Cursor]:
    with connect(stand_in) as connection, connection.cursor() as cursor:
        yield cursor
        connection.rollback()
        for (name,) in cursor.execute("SELECT table_name FROM user_tables").fetchall():
            cursor.execute(f'DROP TABLE "{name}"')


@contextmanager
def zone(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The driver sets the session's zone to that of its process."""
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def rows(cursor: oracledb.Cursor, sql: str, *binds: Any) -> list[Any]:
    found: list[Any] = cursor.execute(sql, list(binds)).fetchall()
    return found


@pytest.mark.parametrize("declared", DESCRIBED)
def test_a_type_is_described_as_oracle_does(cursor: oracledb.Cursor, declared: str) -> None:
    cursor.execute(f"CREATE TABLE d (v {declared})")
    cursor.execute("SELECT v FROM d")
    info: Any = (cursor.description or [])[0]
    kind, display, internal, precision, scale = DESCRIBED[declared]
    assert (info.type_code, info.internal_size, info.precision, info.scale) == (kind, internal, precision, scale)
    if internal is not None:
        assert info.display_size == display


@pytest.mark.parametrize("declared", LISTED)
def test_a_type_stands_in_the_dictionary_as_in_oracle(cursor: oracledb.Cursor, declared: str) -> None:
    cursor.execute(f"CREATE TABLE d (v {declared})")
    assert rows(cursor, "SELECT data_type, data_length, char_length, char_used FROM user_tab_columns") == [
        LISTED[declared]
    ]


def test_nvarchar2_counts_utf_16_units(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE n (a NVARCHAR2(4), b VARCHAR2(4 CHAR))")
    cursor.setinputsizes(oracledb.DB_TYPE_NVARCHAR, None)
    # the thermometer is one character and two UTF-16 code units
    cursor.execute("INSERT INTO n VALUES (:1, :2)", [EMOJI, EMOJI])
    assert rows(cursor, "SELECT a, b FROM n WHERE a = :1", EMOJI) == [(EMOJI, EMOJI)]
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-12899.*actual: 5, maximum: 4"):
        cursor.execute("INSERT INTO n (a) VALUES (:1)", [EMOJI + "x"])
    cursor.execute("INSERT INTO n (b) VALUES (:1)", [EMOJI + "x"])
    assert rows(cursor, "SELECT UPPER(a), b || N'y' FROM n ORDER BY b") == [(EMOJI, EMOJI + "y"), (None, EMOJI + "xy")]


def test_char_is_padded_and_compares_without_its_blanks_with_its_like_alone(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE c (a CHAR(5) PRIMARY KEY, n NCHAR(3))")
    cursor.execute("INSERT INTO c VALUES (:1, :2)", ["ab", "ä"])
    assert rows(cursor, "SELECT * FROM c") == [("ab   ", "ä  ")]
    # a literal is a CHAR, a string bind a VARCHAR2
    assert rows(cursor, "SELECT COUNT(*) FROM c WHERE a = 'ab' AND a IN ('ab', 'x') AND n = N'ä'") == [(1,)]
    assert rows(cursor, "SELECT COUNT(*) FROM c WHERE a = :1", "ab") == [(0,)]
    assert rows(cursor, "SELECT COUNT(*) FROM c WHERE a = :1", "ab   ") == [(1,)]
    cursor.setinputsizes(oracledb.DB_TYPE_CHAR)
    assert rows(cursor, "SELECT COUNT(*) FROM c WHERE a = :1", "ab") == [(1,)]
    cursor.setinputsizes(None)
    with pytest.raises(oracledb.IntegrityError, match="ORA-00001"):
        cursor.execute("INSERT INTO c (a) VALUES ('ab ')")
    with pytest.raises(oracledb.DatabaseError, match="ORA-12899"):
        cursor.execute("INSERT INTO c (a) VALUES ('abcdef')")


def test_binary_float_keeps_24_binary_digits(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE f (a BINARY_FLOAT, b BINARY_DOUBLE)")
    cursor.setinputsizes(oracledb.DB_TYPE_BINARY_DOUBLE, oracledb.DB_TYPE_BINARY_DOUBLE)
    cursor.executemany("INSERT INTO f VALUES (:1, :2)", [(0.1, 0.1), (-0.0, -0.0), (1e39, 1e300)])
    found = rows(cursor, "SELECT a, b FROM f ORDER BY b")
    assert found == [(0.0, 0.0), (0.10000000149011612, 0.1), (float("inf"), 1e300)]
    assert str(found[0][1]) == "0.0"
    assert rows(cursor, "SELECT COUNT(*) FROM f WHERE a = CAST(0.1 AS BINARY_FLOAT)") == [(1,)]
    assert rows(cursor, "SELECT COUNT(*) FROM f WHERE a = b") == [(1,)]


def test_a_time_with_a_zone_compares_by_its_moment(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE z (at TIMESTAMP WITH TIME ZONE)")
    cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP_TZ)
    cursor.execute("INSERT INTO z VALUES (:1)", [NOON.replace(tzinfo=timezone(timedelta(hours=9)))])
    cursor.execute("INSERT INTO z VALUES (TIMESTAMP '2026-03-01 04:00:00.25 +01:00')")
    assert rows(cursor, "SELECT COUNT(*) FROM z WHERE at = TIMESTAMP '2026-03-01 03:00:00.25 +00:00'") == [(1,)]
    shown = "SELECT TO_CHAR(at, 'HH24:MI TZH:TZM'), TO_CHAR(SYS_EXTRACT_UTC(at), 'HH24:MI') FROM z ORDER BY at"
    assert ("04:00 +01:00", "03:00") in rows(cursor, shown)
    with pytest.raises(oracledb.DatabaseError, match="ORA-02329"):
        cursor.execute("CREATE TABLE z2 (at TIMESTAMP WITH TIME ZONE PRIMARY KEY)")
    cursor.execute("DELETE FROM z")
    cursor.execute("CREATE UNIQUE INDEX z_u ON z (at)")
    cursor.execute("INSERT INTO z VALUES (TIMESTAMP '2026-03-01 04:00:00 +01:00')")
    with pytest.raises(oracledb.IntegrityError, match="ORA-00001"):
        cursor.execute("INSERT INTO z VALUES (TIMESTAMP '2026-03-01 05:00:00 +02:00')")


def test_a_local_time_is_stored_by_the_sessions_zone_and_sent_by_the_databases(
    stand_in: OracleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As real servers do: github.com/oracle/node-oracledb/issues/1785."""
    with zone("Asia/Seoul", monkeypatch), connect(stand_in) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE l (at TIMESTAMP(6) WITH LOCAL TIME ZONE PRIMARY KEY)")
        cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP)
        cursor.execute("INSERT INTO l VALUES (:1)", [NOON])
        connection.commit()
        assert rows(cursor, "SELECT SESSIONTIMEZONE FROM dual") == [("+09:00",)]
        assert rows(cursor, "SELECT at, CAST(at AS TIMESTAMP(6)) FROM l") == [(NOON - timedelta(hours=9), NOON)]
        assert rows(cursor, "SELECT TO_CHAR(at, 'HH24:MI TZH:TZM') FROM l") == [("12:00 +09:00",)]
        cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP)
        assert rows(cursor, "SELECT COUNT(*) FROM l WHERE at = :1", NOON) == [(1,)]
    with connect(stand_in) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER SESSION SET TIME_ZONE = '-03:30'")
        assert rows(cursor, "SELECT CAST(at AS TIMESTAMP(6)) FROM l") == [(NOON - timedelta(hours=12, minutes=30),)]
        cursor.setinputsizes(oracledb.DB_TYPE_TIMESTAMP)
        assert rows(cursor, "SELECT COUNT(*) FROM l WHERE at = :1", NOON) == [(0,)]
        cursor.execute("DROP TABLE l")


def test_the_clock_in_the_sessions_zone(cursor: oracledb.Cursor) -> None:
    cursor.execute("ALTER SESSION SET TIME_ZONE = '+05:45'")
    local, current, now = rows(cursor, "SELECT LOCALTIMESTAMP, CURRENT_DATE, SYSDATE FROM dual")[0]
    ahead = timedelta(hours=5, minutes=45)
    assert current - now == ahead
    assert abs(local - ahead - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("setting", "asked", "shown"),
    [
        ("NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI'", "TO_CHAR(DATE '2026-03-01')", "2026-03-01 00:00"),
        ("NLS_TIMESTAMP_FORMAT = 'HH24.MI.SS.FF3'", "TO_CHAR(TIMESTAMP '2026-03-01 12:00:00.25')", "12.00.00.250"),
        ("ISOLATION_LEVEL=READ COMMITTED NLS_DATE_FORMAT='YYYY'", "TO_CHAR(DATE '2026-03-01')", "2026"),
        ("NLS_DATE_FORMAT='DD.MM.YYYY' TIME_ZONE='UTC'", "TO_CHAR(DATE '2026-03-01')", "01.03.2026"),
        (
            "TIME_ZONE = 'Europe/Berlin'",
            f"TO_CHAR(CAST({TEN_UTC} AS TIMESTAMP WITH LOCAL TIME ZONE), 'HH24 TZH')",
            "12 +02",
        ),
    ],
)
def test_a_session_is_set_to_formats_of_its_own(cursor: oracledb.Cursor, setting: str, asked: str, shown: str) -> None:
    cursor.execute(f"ALTER SESSION SET {setting}")
    assert rows(cursor, f"SELECT {asked} FROM dual") == [(shown,)]


@pytest.mark.parametrize(
    "setting",
    ["TIME_ZONE = 'Mars/Olympus'", "NLS_DATE_FORMAT = 'GG'", "NLS_COMP = 'LINGUISTIC'", "ISOLATION_LEVEL=SERIALIZABLE"],
)
def test_settings_that_are_not_to_be_had_are_refused(cursor: oracledb.Cursor, setting: str) -> None:
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-(01882|01821|00900)"):
        cursor.execute(f"ALTER SESSION SET {setting}")


def test_an_empty_text_is_none_in_an_update_too_and_blanks_are_not(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE e (a VARCHAR2(5), c CHAR(3))")
    cursor.execute("INSERT INTO e VALUES (:1, :2)", ["x", " "])
    cursor.execute("UPDATE e SET a = :1", [""])
    assert rows(cursor, "SELECT a, c FROM e WHERE a IS NULL") == [(None, "   ")]
    assert rows(cursor, "SELECT COUNT(*) FROM e WHERE a = ''") == [(0,)]
    cursor.execute("DROP TABLE e")


def test_a_deferred_key_is_checked_at_the_commit(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE k (a NUMBER, b NUMBER, CONSTRAINT k_pk PRIMARY KEY (a) DEFERRABLE INITIALLY DEFERRED)")
    connection = cursor.connection
    cursor.executemany("INSERT INTO k VALUES (:1, :2)", [(1, 1), (1, 2)])
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-02091[\s\S]*ORA-00001: .*K_PK\) violated"):
        connection.commit()
    assert not connection.transaction_in_progress
    assert rows(cursor, "SELECT * FROM k") == []
    connection.autocommit = True
    cursor.executemany("INSERT INTO k VALUES (:1, :2)", [(1, 1), (2, 2)], batcherrors=True)
    with pytest.raises(oracledb.DatabaseError, match="ORA-02091"):
        cursor.executemany("INSERT INTO k VALUES (:1, :2)", [(3, 1), (2, 9)], batcherrors=True)
    connection.autocommit = False
    cursor.execute("DELETE FROM k WHERE a = 1")
    cursor.execute("INSERT INTO k VALUES (1, 3)")
    connection.commit()
    assert rows(cursor, "SELECT a, b FROM k ORDER BY a") == [(1, 3), (2, 2)]
    asked = "SELECT constraint_type, deferrable, deferred FROM user_constraints WHERE constraint_name = 'K_PK'"
    assert rows(cursor, asked) == [("P", "DEFERRABLE", "DEFERRED")]
    assert rows(cursor, "SELECT uniqueness FROM user_indexes WHERE index_name = 'K_PK'") == [("NONUNIQUE",)]


def test_raw_bytes_come_back(cursor: oracledb.Cursor) -> None:
    cursor.execute("CREATE TABLE r (a RAW(4))")
    cursor.execute("INSERT INTO r VALUES (:1)", [b"\x00\xff"])
    assert rows(cursor, "SELECT a, RAWTOHEX(a) FROM r WHERE a = HEXTORAW('00ff')") == [(b"\x00\xff", "00FF")]
    with pytest.raises(oracledb.DatabaseError, match="ORA-12899"):
        cursor.execute("INSERT INTO r VALUES (:1)", [bytes(5)])
