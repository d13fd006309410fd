"""Clients that nobody here wrote: node-oracledb, SQLAlchemy, pandas. Each is skipped where it can't be had.

go-ora can't be had from a registry of these machines; what it sends otherwise is in tests/unit/oracle_stand_in.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from oracle_stand_in.process import OracleStandIn

_SCRIPT = Path(__file__).with_name("strangers.js")


@pytest.fixture(params=["19c", "23ai"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[OracleStandIn]:
    with OracleStandIn(field_version=request.param) as stand_in:
        yield stand_in


def node_oracledb() -> list[str]:
    """Return the command that runs a script with node-oracledb; skip where there is none."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on PATH")
    found = subprocess.run([node, "-e", "require('oracledb')"], capture_output=True, check=False, timeout=30)
    if found.returncode:
        pytest.skip("no node-oracledb: npm ci --ignore-scripts in a copy of sandbox/strangers, and NODE_PATH on it")
    return [node]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul"])
def test_node_oracledb(stand_in: OracleStandIn, zone: str) -> None:
    done = subprocess.run(
        [*node_oracledb(), str(_SCRIPT), stand_in.dsn, stand_in.user, stand_in.password],
        env={**os.environ, "TZ": zone}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["stored"], found["count"]) == (500, 500)
    assert found["duplicates"] == [[0, "ORA-00001"], [1, "ORA-00001"]]
    at = "2026-01-02T03:04:05.678Z"
    assert found["row"] == [7, "name 7", "온도", at, at, "ab   ", 1.5, "xy"]
    assert found["zone"] == ("+00:00" if zone == "UTC" else "+09:00")
    assert "RETURNING" in found["refused"]


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
