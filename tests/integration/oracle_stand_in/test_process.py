"""The stand-in as a process: starting, stopping, keeping its data, and its control API over plain HTTP."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import oracledb
import pytest

from oracle_stand_in.process import PROJECT, OracleStandIn, StartError
from tests.integration.oracle_stand_in.connecting import connect

#: What makes the tables and keeps them, but for partitions; from 10 on they are for analysts and need a whole Oracle.
DEPLOYED = [path for path in sorted((PROJECT / "deploy" / "oracle").glob("0*.sql")) if "partitioned" not in path.name]


def count(stand_in: OracleStandIn, table: str) -> int:
    with connect(stand_in) as connection:
        result: int = connection.cursor().execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        return result


def test_ready_line_and_orderly_end() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "oracle_stand_in", "--user", "u", "--password", "p"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    match = re.fullmatch(
        r"oracle stand-in ready dsn=(127\.0\.0\.1:\d+/FREEPDB1) control=(http://127\.0\.0\.1:\d+)\n", ready
    )
    assert match
    with oracledb.connect(user="u", password="p", dsn=match[1]) as connection:
        connection.ping()
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=5)
        assert time.monotonic() - start < 2
        assert (process.returncode, out) == (0, "")
        assert "Traceback" not in err


def test_it_does_not_outlive_its_parent() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "oracle_stand_in", "--while-stdin-open"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline().startswith("oracle stand-in ready")
    process.stdin.close()
    assert process.wait(timeout=5) == 0
    process.stdout.close()


def test_help_teaches() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "oracle_stand_in", "--help"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    for word in ("--init-sql", "--data", "--field-version", "ready dsn=", "curl"):
        assert word in result.stdout


def test_taken_port_is_said_plainly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StartError, match="cannot start"):
            OracleStandIn(port=taken.getsockname()[1]).start()


def test_control_api_is_plain_http() -> None:
    with OracleStandIn() as stand_in:
        base = stand_in.control.url
        assert "lose_reply_after_commit" in httpx.get(f"{base}/").text
        assert httpx.get(f"{base}/status").json()["sessions"] == 0
        assert httpx.post(f"{base}/delay_ms", content='{"milliseconds": 1}').json() == {"ok": True}
        assert stand_in.control.status().faults == {"delay_ms": 1}
        for path, body in (("nothing", ""), ("delay_ms", "no JSON"), ("delay_ms", "[]"), ("delay_ms", "{}")):
            answer = httpx.post(f"{base}/{path}", content=body)
            assert (answer.status_code, "error" in answer.json()) == (404 if path == "nothing" else 400, True)


@pytest.mark.skipif(not DEPLOYED, reason="deploy/oracle holds no scripts")
def test_scripts_for_the_real_oracle_run_here() -> None:
    with OracleStandIn(init_sql=DEPLOYED) as stand_in:
        assert "TAG_DATA" in stand_in.control.status().tables


def test_script_runs_and_says_what_it_skips(tmp_path: Path) -> None:
    script = tmp_path / "init.sql"
    script.write_text(
        """-- a comment; with a semicolon
WHENEVER SQLERROR EXIT FAILURE
ALTER SESSION SET CONTAINER = FREEPDB1;
CREATE USER tagpipe IDENTIFIED BY "x;y"
  QUOTA UNLIMITED ON users;
GRANT CREATE SESSION TO tagpipe;
CREATE TABLE a (x VARCHAR2(10) DEFAULT '--;' NOT NULL, -- not the end;
  y NUMBER) TABLESPACE users
/
INSERT INTO a (y) VALUES (1);
COMMENT ON TABLE a IS 'a';
CREATE INDEX a_y ON a (y)
"""
    )
    data = tmp_path / "data"
    with OracleStandIn(init_sql=script, data=data) as stand_in:
        assert stand_in.control.status().tables == {"A": 1}
        log = stand_in.log_text()
        for word in ("WHENEVER", "ALTER SESSION", "CREATE USER", "GRANT", "COMMENT"):
            assert f"skipped: {word}" in log
    script.write_text("CREATE TABLE a (x NUMBER); CREATE INDEX a_y ON a (y)")
    with OracleStandIn(init_sql=script, data=data) as stand_in:
        assert stand_in.control.status().tables == {"A": 1}
        assert "already there: CREATE TABLE a" in stand_in.log_text()


def test_script_with_a_mistake_stops_the_start(tmp_path: Path) -> None:
    script = tmp_path / "init.sql"
    script.write_text("CREATE TABLE a (x BLOB);")
    with pytest.raises(StartError, match=r"ORA-00902.*CREATE TABLE a"):
        OracleStandIn(init_sql=script).start()


def test_restart_comes_back_on_the_same_ports() -> None:
    with OracleStandIn() as stand_in:
        before = (stand_in.port, stand_in.control_port)
        assert stand_in.stop() == 0
        assert not stand_in.is_running
        stand_in.start()
        assert (stand_in.port, stand_in.control_port) == before
        connect(stand_in).close()


def test_data_survives_a_kill_and_a_torn_tail(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with OracleStandIn(data=data) as stand_in:
        with connect(stand_in) as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE TABLE t (id NUMBER PRIMARY KEY, note VARCHAR2(400), n NUMBER UNIQUE)")
            cursor.execute("CREATE TABLE heap (x VARCHAR2(10))")
            cursor.executemany("INSERT INTO t VALUES (:1, :2, :3)", [(i, "x" * i, i) for i in range(1, 301)])
            cursor.execute("INSERT INTO heap VALUES ('kept')")
            connection.commit()
            cursor.execute("DELETE FROM t WHERE id > 100")
            cursor.execute("UPDATE t SET note = 'new' WHERE id = 1")
            connection.commit()
            cursor.execute("INSERT INTO heap VALUES ('open')")
            stand_in.kill()
        whole = data.stat().st_size
        with data.open("ab") as file:
            file.write(b"\x00\x00\x00\x50torn")
        stand_in.start()
        assert data.stat().st_size == whole
        with connect(stand_in) as connection:
            cursor = connection.cursor()
            assert cursor.execute("SELECT COUNT(*), MAX(id), MIN(note) FROM t").fetchone() == (100, 100, "new")
            assert cursor.execute("SELECT x FROM heap").fetchall() == [("kept",)]
            cursor.execute("INSERT INTO heap VALUES ('more')")
            with pytest.raises(oracledb.IntegrityError, match="ORA-00001"):
                cursor.execute("INSERT INTO t VALUES (0, 'x', 50)")
            connection.commit()
        stand_in.stop()
        stand_in.start()
        assert count(stand_in, "heap") == 2


def test_memory_only_forgets() -> None:
    with OracleStandIn() as stand_in:
        with connect(stand_in) as connection:
            connection.cursor().execute("CREATE TABLE t (id NUMBER)")
        stand_in.kill()
        stand_in.start()
        assert stand_in.control.status().tables == {}
