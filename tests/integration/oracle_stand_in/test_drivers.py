"""The same small programme with every driver version that `.drivers/` holds, against both server flavours."""

import subprocess
import sys
from pathlib import Path

import pytest

from oracle_stand_in.process import PROJECT, OracleStandIn

#: directory below .drivers/, and the version that must be in it; None is the driver of this environment
DRIVERS = {"installed": None, "oracledb-2": "2.5.", "oracledb-3": "3.", "oracledb-4": "4."}
PROGRAMME = """
import datetime, sys
import oracledb
dsn, user, password, version = sys.argv[1:]
assert oracledb.__version__.startswith(version), oracledb.__version__
connection = oracledb.connect(user=user, password=password, dsn=dsn)
assert connection.thin
cursor = connection.cursor()
cursor.execute("CREATE TABLE d (name VARCHAR2(100), at TIMESTAMP(6), val VARCHAR2(255), n NUMBER(5), "
               "CONSTRAINT d_pk PRIMARY KEY (name, at))")
at = datetime.datetime(2026, 3, 1, 12, 0, 0, 123456)
sql = "INSERT INTO d VALUES (:1, :2, :3, :4)"
rows = [(f"t{i}", at, "v" * 60, i) for i in range(500)]
cursor.setinputsizes(None, oracledb.DB_TYPE_TIMESTAMP, None, None)
cursor.executemany(sql, rows, batcherrors=True)
assert cursor.rowcount == 500 and cursor.getbatcherrors() == []
assert connection.transaction_in_progress
connection.commit()
assert not connection.transaction_in_progress
cursor.setinputsizes(None, oracledb.DB_TYPE_TIMESTAMP, None, None)
cursor.executemany(sql, [("new", at, None, None), rows[0], ("x" * 101, at, "v", 1), ("y", at, "v", 10 ** 6)],
                   batcherrors=True, arraydmlrowcounts=True)
found = [(error.offset, error.full_code) for error in cursor.getbatcherrors()]
assert found == [(2, "ORA-12899"), (3, "ORA-01438"), (1, "ORA-00001")], found
assert cursor.getarraydmlrowcounts() == [1, 0, 0, 0]
connection.rollback()
for wanted in (1, 7, 1000):
    cursor.arraysize = wanted
    assert sorted(cursor.execute("SELECT name, at, val, n FROM d").fetchall()) == sorted(rows)
assert cursor.execute("SELECT COUNT(*) FROM d WHERE name LIKE :1", ["t1%"]).fetchone() == (111,)
try:
    cursor.execute("SELECT nothing FROM d")
except oracledb.DatabaseError as error:
    assert error.args[0].full_code == "ORA-00904"
else:
    raise AssertionError("an unknown column was accepted")
try:
    cursor.executemany("INSERT INTO d (name, n) VALUES (:1, :2)", [("a", 1.0), ("b", float("nan"))])
except oracledb.DatabaseError as error:
    assert error.args[0].full_code == "DPY-4004"
connection.ping()
connection.close()
pool = oracledb.create_pool(user=user, password=password, dsn=dsn, min=1, max=2, ping_interval=0)
for _ in range(3):
    with pool.acquire() as connection:
        connection.cursor().execute("SELECT 1 FROM dual").fetchall()
pool.close()
connection = oracledb.connect(user=user, password=password, dsn=dsn)
connection.cursor().execute("DROP TABLE d")
connection.close()
try:
    oracledb.connect(user=user, password="wrong", dsn=dsn)
except oracledb.DatabaseError as error:
    assert error.args[0].full_code == "ORA-01017"
print("conforms")
"""


@pytest.mark.parametrize("driver", DRIVERS)
def test_driver_conforms(stand_in: OracleStandIn, driver: str, tmp_path: Path) -> None:
    version = DRIVERS[driver]
    path = []
    if version is not None:
        directory = PROJECT / ".drivers" / driver
        if not directory.is_dir():
            pytest.skip(
                f"no .drivers/{driver}: pip install --no-deps --target .drivers/{driver} 'oracledb=={version}*'"
            )
        path = [str(directory)]
    programme = tmp_path / "programme.py"
    programme.write_text(PROGRAMME)
    arguments = [stand_in.dsn, stand_in.user, stand_in.password, version or ""]
    result = subprocess.run(
        [sys.executable, str(programme), *arguments],
        env={"PYTHONPATH": ":".join(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.stdout, result.stderr) == ("conforms\n", "")
