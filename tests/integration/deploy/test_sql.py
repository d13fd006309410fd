"""deploy/oracle: the scripts run, as far as the stand-in knows their statements, and say the same of the tables."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import oracledb
import pytest

from oracle_stand_in.engine.init_script import split_script
from oracle_stand_in.process import OracleStandIn
from services.writer.oracle.oracle_sink import OracleSink
from tests.fakes import tag_values
from tests.pipeline import Pipeline

_ROOT = Path(__file__).parents[3]
_SQL = _ROOT / "deploy" / "oracle"
_INCLUDED = re.compile(r"^@/opt/tagpipe/oracle/(\S+)$", re.MULTILINE)


def scripts_of_the_container() -> list[str]:
    return _INCLUDED.findall((_ROOT / "deploy/compose/oracle-init.sql").read_text())


def test_the_scripts_make_both_tables_and_run_again_over_kept_rows(tmp_path: Path) -> None:
    scripts = [_SQL / name for name in scripts_of_the_container()]
    stand_in = OracleStandIn(init_sql=scripts, data=tmp_path / "rows")
    insert = "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality) VALUES ('a', '1', SYSTIMESTAMP, 'GOOD')"
    with stand_in:
        login = {"user": stand_in.user, "password": stand_in.password, "dsn": stand_in.dsn}
        with oracledb.connect(**login) as connection, connection.cursor() as cursor:
            cursor.execute(insert)
            connection.commit()
        stand_in.kill()
        stand_in.start()
        with oracledb.connect(**login) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT table_name FROM user_tables ORDER BY table_name")
            assert [name for (name,) in cursor] == ["TAG_DATA", "TAG_VALUES"]
            cursor.execute("SELECT COUNT(*) FROM tag_data")
            assert cursor.fetchone() == (1,)


def test_the_lite_stack_runs_the_same_scripts_as_the_full_one() -> None:
    lite = (_ROOT / "docker-compose.lite.yml").read_text()
    assert re.findall(r"--init-sql=/etc/tagpipe/oracle/(\S+)", lite) == scripts_of_the_container()


@pytest.mark.parametrize(
    ("plain", "partitioned"),
    [
        ("02_tag_data.sql", "04_tag_data_partitioned.sql"),
        ("03_tag_values.sql", "05_tag_values_partitioned.sql"),
    ],
)
def test_a_partitioned_table_differs_by_its_partitions_alone(plain: str, partitioned: str) -> None:
    text = statements(partitioned)
    # The stand-in has no partitions: what is left without them must be the table that it does run.
    text, count = re.subn(r" PARTITION BY RANGE \(timestamp\) INTERVAL .*?\)\);", ";", text)
    assert count == 1
    text = text.replace(" USING INDEX LOCAL", " USING INDEX").replace("(timestamp) LOCAL;", "(timestamp);")
    assert text == statements(plain)


@pytest.fixture(scope="module")
def filled() -> Iterator[oracledb.Cursor]:
    """A table with a few minutes of two tags, and a gap: what is asked about it has answers."""
    with OracleStandIn(init_sql=[_SQL / "02_tag_data.sql"]) as stand_in:
        login = {"user": stand_in.user, "password": stand_in.password, "dsn": stand_in.dsn}
        with oracledb.connect(**login) as connection, connection.cursor() as cursor:
            now = datetime.now(UTC).replace(tzinfo=None)
            begins = (
                datetime(2026, 3, 1, 8),
                datetime(2026, 3, 1, 8, 2),
                now - timedelta(seconds=61),
                now - timedelta(days=91),
            )
            rows = [
                (f"PLC01.D{tag}", f"{second}.5", begin + timedelta(seconds=second), "GOOD")
                for begin in begins
                for second in range(60)
                for tag in (100, 101)
            ]
            insert = "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality) VALUES (:1, :2, :3, :4)"
            cursor.setinputsizes(100, 255, oracledb.DB_TYPE_TIMESTAMP, 20)
            cursor.executemany(insert, rows)
            connection.commit()
            yield cursor


def statements_of(script: str) -> list[str]:
    return [text.strip() for text in re.split(r";\s*", re.sub(r"--.*", "", (_SQL / script).read_text())) if text]


#: The stand-in makes no views: what they ask stands in their place.
VIEWS = {
    name: query
    for text in statements_of("10_reader.sql")
    for name, query in re.findall(r"CREATE OR REPLACE VIEW (tagpipe\.\w+) AS\s+(.*)", text, re.DOTALL)
}


@pytest.mark.parametrize("query", statements_of("queries.sql"))
def test_a_question_of_analysts_has_an_answer(filled: oracledb.Cursor, query: str) -> None:
    for name, view in VIEWS.items():
        query = query.replace(name, f"({view})")
    filled.execute(query)
    rows = filled.fetchall()
    assert rows
    assert all(cell is not None for cell in rows[0])


def test_the_purge_deletes_what_is_older_than_its_days_and_nothing_else(filled: oracledb.Cursor) -> None:
    """Kind: a limit in the session's zone, or with a zone, which the index on time can't be used for."""
    (delete,) = re.findall(r"DELETE FROM tag_data\s+WHERE .*?;", (_SQL / "07_purge.sql").read_text(), re.DOTALL)
    # The stand-in deletes in one piece.
    condition, pieces = re.subn(r" AND ROWNUM <= 50000;", "", delete)
    assert pieces == 1
    limit = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=90)
    filled.execute("SELECT COUNT(*) FROM tag_data WHERE timestamp < :1", [limit])
    (old,) = filled.fetchone()
    filled.execute(condition)
    assert filled.rowcount == old >= 120
    filled.execute("SELECT COUNT(*), MIN(timestamp) FROM tag_data")
    left, oldest = filled.fetchone()
    assert (left, oldest > limit) == (480 - old, True)
    filled.connection.rollback()


def test_every_script_is_in_the_readme_with_what_is_known_of_it() -> None:
    readme = (_SQL / "README.md").read_text()
    scripts = {path.name for path in _SQL.glob("*.sql")}
    known = dict(re.findall(r"^\| `(\w+\.sql)`.*\| ([^|]+) \|$", readme, re.MULTILINE))
    assert set(known) == scripts
    untried = {name for name, how in known.items() if not how.startswith("run by tests")}
    assert untried == {
        "07_purge.sql", "08_purge_partitioned.sql", "09_statistics.sql", "10_reader.sql", "12_hot_index.sql",
        "13_inserted_at.sql",
    }  # fmt: skip
    assert all("documentation" in known[name] for name in untried)


@pytest.mark.parametrize(
    ("scripts", "tables"),
    [
        (["04_tag_data_partitioned.sql"], ["TAG_DATA"]),
        (["05_tag_values_partitioned.sql"], ["TAG_VALUES"]),
        (["02_tag_data.sql", "03_tag_values.sql"], ["TAG_DATA", "TAG_VALUES"]),
        ([], []),
    ],
)
def test_a_dba_runs_the_scripts_whichever_tables_are_wanted(scripts: list[str], tables: list[str]) -> None:
    """Kind: a script that fails at the first table that somebody left out, or when it is run again."""
    with (
        OracleStandIn(user="app", password="secret") as oracle,
        oracledb.connect(user="system", password="secret", dsn=oracle.dsn) as dba,
    ):
        dba.cursor().execute('CREATE USER tagpipe_writer IDENTIFIED BY "secret"')
        for number, script in enumerate(["01_user.sql", *scripts, "06_grants.sql", "06_grants.sql"]):
            for statement in split_script((_SQL / script).read_text()):
                dba.cursor().execute(statement)
            if number == 0:
                dba.cursor().execute("ALTER SESSION SET CURRENT_SCHEMA = tagpipe")
        with oracledb.connect(user="tagpipe_writer", password="secret", dsn=oracle.dsn) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT table_name, privilege FROM user_tab_privs WHERE owner = 'TAGPIPE' ORDER BY 1, 2")
            assert cursor.fetchall() == [(table, right) for table in tables for right in ("INSERT", "SELECT")]
            for table in tables:
                cursor.execute(f"SELECT COUNT(*) FROM {table}")
                assert cursor.fetchall() == [(0,)]


def test_a_column_that_oracle_fills_is_left_alone_by_the_writer_and_taken_by_check(pipeline: Pipeline) -> None:
    """`inserted_at`, as 13_inserted_at.sql adds it; tag_values has it by itself, and the tests of the pipeline."""
    quality = "quality   VARCHAR2(20)  NOT NULL"
    oracle = pipeline.oracle
    with oracle.table(changes=((quality, f"{quality}, inserted_at TIMESTAMP(6) DEFAULT SYSTIMESTAMP"),)) as table:
        status, said = pipeline.run("writer", "check", ORACLE_TABLE=table)
        assert (status, " failed |" in said) == (0, False), said
        sink = OracleSink(oracle.settings(table))
        assert sink.write(tag_values(3)).written == 3
        sink.close()
        rows = oracle.query(f"SELECT inserted_at FROM {table}")
        assert (len(rows), all(at is not None for (at,) in rows)) == (3, True)


def statements(name: str) -> str:
    without_comments = re.sub(r"--.*", "", (_SQL / name).read_text())
    return " ".join(without_comments.split()).replace(" )", ")").replace("( ", "(")
