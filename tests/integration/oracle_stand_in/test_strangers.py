"""Clients that nobody here wrote: JDBC, node-oracledb, go-ora, ADBC, seerdb, SQLAlchemy, pandas.

What is not there is skipped. What go-ora sends otherwise is in tests/unit/oracle_stand_in.
"""

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox import node_opcua
from sandbox.npm import NodeUnavailableError
from tests.integration.oracle_stand_in.connecting import connect

_SCRIPT = Path(__file__).with_name("strangers.js")


@pytest.fixture(params=["19c", "23ai"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[OracleStandIn]:
    with OracleStandIn(field_version=request.param) as stand_in:
        yield stand_in


@pytest.mark.timeout(180)  # the first one installs them
@pytest.mark.parametrize(
    ("package", "version", "zone"),
    [("oracledb", "26.0.0", "UTC"), ("oracledb", "26.0.0", "Asia/Seoul"), ("oracledb-6", "6.10.0", "UTC")],
)
def test_node_oracledb(stand_in: OracleStandIn, package: str, version: str, zone: str) -> None:
    try:
        modules = node_opcua.install() / "node_modules"
    except NodeUnavailableError as error:
        pytest.skip(str(error))
    done = subprocess.run(
        ["node", str(_SCRIPT), stand_in.dsn, stand_in.user, stand_in.password, package],
        env={**os.environ, "TZ": zone, "NODE_PATH": str(modules)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["version"] == version
    assert (found["stored"], found["count"]) == (500, 500)
    assert found["duplicates"] == [[0, "ORA-00001"], [1, "ORA-00001"]]
    at = "2026-01-02T03:04:05.678Z"
    assert found["row"] == [7, "name 7", "온도", at, at, "ab   ", 1.5, "xy"]
    assert found["zone"] == ("+00:00" if zone == "UTC" else "+09:00")
    assert "RETURNING" in found["refused"]


@pytest.mark.timeout(120)
def test_jdbc(stand_in: OracleStandIn) -> None:
    java, jar = shutil.which("java"), os.environ.get("OJDBC_JAR")
    if java is None or jar is None:
        pytest.skip("no java, or no OJDBC_JAR=/.../ojdbc8.jar; `npm pack liquibase@4.28.1` brings one")
    login = (stand_in.dsn, stand_in.user, stand_in.password)
    done = subprocess.run(
        [java, "-Duser.timezone=Asia/Kolkata", "-cp", jar, str(_SCRIPT.with_name("Strangers.java")), *login],
        capture_output=True, encoding="utf-8", env={**os.environ, "JAVA_TOOL_OPTIONS": "-Dfile.encoding=UTF-8"},
        timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if not line.startswith("driver ")] == [
        "inserted 500", "row 7 이름 7 null 2026-01-02 03:04:05.678 2026-01-02 2", "fetched 493", "duplicate ORA-1",
        "refused ORA-904", "first 0", "first 0", "table JAVA_T", "key ID",
    ]  # fmt: skip


@pytest.mark.timeout(200)
def test_go_ora(stand_in: OracleStandIn, tmp_path: Path) -> None:
    """Kind: a zone by its region's number was taken for an offset: the moment was stored a week off."""
    go, source = shutil.which("go"), os.environ.get("GO_ORA")
    if go is None or source is None:
        pytest.skip("no go, or no GO_ORA=/.../go-ora/v2 (a checkout of github.com/sijms/go-ora)")
    module = "github.com/sijms/go-ora/v2"
    (tmp_path / "go.mod").write_text(f"module strangers\n\nrequire {module} v2.9.0\n\nreplace {module} => {source}\n")
    shutil.copy(_SCRIPT.with_name("strangers.go"), tmp_path)
    done = subprocess.run(
        [go, "run", ".", stand_in.dsn, stand_in.user, stand_in.password],
        cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "inserted": 499, "row": ["이름 7", "2026-01-02T03:04:05.678Z", 7.5], "duplicate": "ORA-00001",
        "orphan": "ORA-02291", "unknown": "ORA-00904", "fetched": 500,
    }  # fmt: skip


def test_adbc(stand_in: OracleStandIn) -> None:
    """The Go client in the Arrow driver, by its Python face."""
    dbapi = pytest.importorskip("adbc_driver_oracle.dbapi", reason="no ADBC: pip install adbc-driver-oracle pyarrow")
    at = datetime(2026, 1, 2, 3, 4, 5, 678000)
    where = f"oracle://{stand_in.user}:{stand_in.password}@{stand_in.host}:{stand_in.port}/{stand_in.service}"
    with dbapi.connect(where) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE adbc_t (id NUMBER PRIMARY KEY, name VARCHAR2(40), at TIMESTAMP)")
        cursor.executemany("INSERT INTO adbc_t VALUES (:1, :2, :3)", [(n, f"이름 {n}", at) for n in range(500)])
        connection.commit()
        cursor.execute("SELECT * FROM adbc_t WHERE id >= 3 ORDER BY id")
        rows = cursor.fetch_arrow_table().to_pylist()
        assert (len(rows), rows[0]) == (497, {"ID": 3.0, "NAME": "이름 3", "AT": at})
        with pytest.raises(Exception, match="ORA-00001"):
            cursor.execute("INSERT INTO adbc_t (id) VALUES (7)")
        cursor.execute("DELETE FROM adbc_t")
        connection.rollback()
        cursor.execute("SELECT COUNT(*) FROM adbc_t")
        assert cursor.fetchone() == (500,)


def test_seerdb(stand_in: OracleStandIn) -> None:
    """A driver of its own, which logs on to a 23ai with several messages in one."""
    seerdb = pytest.importorskip("seerdb", reason="no seerdb: pip install seerdb")
    at = datetime(2026, 1, 2, 3, 4, 5, 678000)
    rows = [(n, f"이름 {n}", "온도", at, at.replace(microsecond=0), 1.5, b"xy") for n in range(500)]
    login = {
        "host": stand_in.host, "port": stand_in.port, "service_name": stand_in.service, "user": stand_in.user,
        "password": stand_in.password,
    }  # fmt: skip
    connection = seerdb.connect(**login)
    cursor = connection.cursor()
    cursor.execute(
        "CREATE TABLE seer_t (id NUMBER PRIMARY KEY, name VARCHAR2(40), n NVARCHAR2(20), at TIMESTAMP(6), d DATE, "
        "f BINARY_DOUBLE, r RAW(10))"
    )
    cursor.executemany("INSERT INTO seer_t VALUES (:1, :2, :3, :4, :5, :6, :7)", rows)
    assert cursor.rowcount == 500
    connection.commit()
    cursor.execute("SELECT * FROM seer_t WHERE id >= :1 ORDER BY id", [3])
    assert cursor.fetchall() == rows[3:]
    with pytest.raises(seerdb.IntegrityError, match="ORA-00001"):
        cursor.execute("INSERT INTO seer_t (id) VALUES (:1)", [7])
    cursor.execute("UPDATE seer_t SET name = :1 WHERE id = :2", ["x", 4])
    connection.rollback()
    cursor.execute("SELECT COUNT(*) FROM seer_t WHERE name = :1", ["x"])
    assert cursor.fetchone() == (0,)
    connection.close()

    async def again() -> list[tuple[int]]:
        connection = await seerdb.connect_async(**login)
        cursor = connection.cursor()
        await cursor.executemany("INSERT INTO seer_t (id) VALUES (:1)", [(n,) for n in range(500, 600)])
        await connection.commit()
        await cursor.execute("SELECT COUNT(*) FROM seer_t WHERE id >= :1", [500])
        found: list[tuple[int]] = await cursor.fetchall()
        await connection.close()
        return found

    assert asyncio.run(again()) == [(100,)]


def test_django(stand_in: OracleStandIn) -> None:
    if importlib.util.find_spec("django") is None:
        pytest.skip("no Django: pip install django")
    script = _SCRIPT.with_name("django_stranger.py")
    done = subprocess.run(
        [sys.executable, str(script), stand_in.dsn, stand_in.user, stand_in.password],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "created": 300, "tables": ["plant_tag"], "last": ["t299", "t298"], "average": {"value__avg": 74.75},
        "at": "2026-01-01 00:00:03+00:00", "like": [11, 11], "updated": 1, "without": 1, "deleted": 2,
        "grouped": [{"good": True, "n": 298}],
    }  # fmt: skip


def test_what_airflows_hook_sends(stand_in: OracleStandIn) -> None:
    """OracleHook.bulk_insert_rows and insert_rows of provider 4.7, without Airflow: their statements, their calls."""
    at = datetime(2026, 1, 2, 3, 4, 5)
    with connect(stand_in) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE air_t (id NUMBER PRIMARY KEY, name VARCHAR2(40), at DATE, num NUMBER)")
        connection.autocommit = False
        rows = [(n, f"n{n}", at, None if n == 3 else n / 2) for n in range(10)]
        for chunk in (rows[:5], rows[5:]):
            cursor.prepare("insert into air_t (id, name, at, num) values (:1, :2, :3, :4)")
            cursor.executemany(None, chunk)
            connection.commit()
        # exactly as many rows as chunks hold: nothing is left for the last one
        cursor.prepare("insert into air_t (id, name, at, num) values (:1, :2, :3, :4)")
        cursor.executemany(None, [])
        when = f"to_date('{at:%Y-%m-%d %H:%M:%S}','YYYY-MM-DD HH24:MI:SS')"
        cursor.execute(f"INSERT /*+ APPEND */ INTO air_t (id, name, at, num) VALUES (10,'it''s',{when},NULL)")
        connection.commit()
        with pytest.raises(oracledb.DatabaseError, match=r"ORA-0\d{4}"):
            cursor.executemany("insert into air_t (id, name) values (air_seq.NEXTVAL, :1)", [("x",)])
        cursor.execute("SELECT * FROM air_t ORDER BY id")
        assert cursor.fetchall() == [*rows, (10, "it's", at, None)]


@pytest.fixture
def engine(stand_in: OracleStandIn) -> Any:
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="no SQLAlchemy: pip install sqlalchemy")
    host, _, port = stand_in.dsn.partition("/")[0].partition(":")
    where = f"{stand_in.user}:{stand_in.password}@{host}:{port}/?service_name={stand_in.service}"
    return sqlalchemy.create_engine(f"oracle+oracledb://{where}")


def test_sqlalchemy_looks_at_a_table(engine: Any) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    metadata = sqlalchemy.MetaData()
    table = sqlalchemy.Table(
        "tags", metadata,
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("name", sqlalchemy.String(40), nullable=False, index=True),
        sqlalchemy.Column("at", sqlalchemy.TIMESTAMP),
        sqlalchemy.Column("num", sqlalchemy.Numeric(10, 2)),
    )  # fmt: skip
    metadata.create_all(engine)
    inspector = sqlalchemy.inspect(engine)
    assert inspector.has_table("tags")
    assert (inspector.get_table_names(), inspector.get_view_names()) == (["tags"], [])
    columns = {column["name"]: column["type"] for column in inspector.get_columns("tags")}
    assert list(map(str, columns.values())) == ["INTEGER", "VARCHAR(40)", "TIMESTAMP", "NUMBER"]
    assert (columns["num"].precision, columns["num"].scale) == (10, 2)
    assert inspector.get_pk_constraint("tags")["constrained_columns"] == ["id"]
    assert [index["column_names"] for index in inspector.get_indexes("tags")] == [["name"]]
    assert (inspector.get_foreign_keys("tags"), inspector.get_unique_constraints("tags")) == ([], [])
    with engine.begin() as connection:
        connection.execute(table.insert(), [{"id": n, "name": f"n{n}", "num": n} for n in range(5)])
        query = sqlalchemy.select(table.c.id).order_by(table.c.id.desc()).limit(2).offset(1)
        assert [row.id for row in connection.execute(query)] == [3, 2]
    for _ in range(2):  # a pool takes the level back, and hands the connection out again
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(table.update().values(num=7))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.select(sqlalchemy.func.sum(table.c.num))).scalar() == 35
    reflected = sqlalchemy.Table("tags", sqlalchemy.MetaData(), autoload_with=engine)
    assert reflected.columns.keys() == ["id", "name", "at", "num"]
    metadata.drop_all(engine)
    assert not sqlalchemy.inspect(engine).has_table("tags")


def test_pandas_writes_and_reads_frames(engine: Any) -> None:
    pandas = pytest.importorskip("pandas", reason="no pandas: pip install pandas")
    sqlalchemy = pytest.importorskip("sqlalchemy")
    frame = pandas.DataFrame({"tag": ["a", "b"], "n": [1, 2], "at": [datetime(2026, 1, 1), datetime(2026, 1, 2)]})
    types = {"tag": sqlalchemy.String(20)}
    for _ in range(2):
        frame.to_sql("frames", engine, if_exists="append", index=False, dtype=types)
    assert len(pandas.read_sql(sqlalchemy.text("SELECT * FROM frames"), engine)) == 4
    assert pandas.read_sql_table("frames", engine).shape == (4, 3)
    frame.to_sql("frames", engine, if_exists="replace", index=False, dtype=types)
    back = pandas.read_sql(sqlalchemy.text("SELECT tag, n, at FROM frames ORDER BY n"), engine)
    assert back.to_dict("list") == frame.to_dict("list")
