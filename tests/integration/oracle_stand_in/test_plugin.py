"""The fixtures as a stranger's project uses them: in a directory of its own, nothing of tagpipe's imported."""

import os
import subprocess
import sys
from pathlib import Path

from oracle_stand_in.process import PROJECT
from tests.tls import Identity

TEST = """
import oracledb, pytest

def test_a_fault(oracle_stand_in, oracle_faults):
    assert oracle_stand_in.dsn.startswith("tcps://localhost:")
    login = {"user": oracle_stand_in.user, "password": oracle_stand_in.password, "dsn": oracle_stand_in.dsn,
             "wallet_location": "."}
    with oracledb.connect(**login) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (n NUMBER)")
        oracle_faults.fail_next(1, ora_code=1653)
        with pytest.raises(oracledb.DatabaseError, match="ORA-01653"):
            cursor.execute("INSERT INTO t VALUES (1)")
        oracle_faults.fail_next(5, ora_code=1653)

def test_that_the_next_does_not_see(oracle_stand_in, oracle_faults):
    login = {"user": oracle_stand_in.user, "password": oracle_stand_in.password, "dsn": oracle_stand_in.dsn,
             "wallet_location": "."}
    with oracledb.connect(**login) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
"""


CONFTEST = """
from pathlib import Path
import pytest
from oracle_stand_in.server.tls import TlsFiles

@pytest.fixture(scope="session")
def oracle_stand_in_options():
    return {"host": "localhost", "tls": TlsFiles(Path("ewallet.pem").resolve(), Path("server.key").resolve())}
"""


def test_the_fixtures_serve_a_project_of_its_own(tmp_path: Path) -> None:
    identity = Identity("localhost")
    (tmp_path / "ewallet.pem").write_bytes(identity.certificate)
    (tmp_path / "server.key").write_bytes(identity.key())
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_mine.py").write_text(TEST)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "oracle_stand_in.pytest_plugin",
            "-p",
            "no:cloudcoil",
            "-p",
            "no:cacheprovider",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout
