"""deploy/oracle: the scripts run, as far as the stand-in knows their statements, and say the same of the tables."""

import re
from pathlib import Path

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn

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
    text, count = re.subn(r"\) PARTITION BY RANGE \(timestamp\) INTERVAL .*?\)\);", ");", text)
    assert count == 1
    text = text.replace(" USING INDEX LOCAL", "").replace("(timestamp) LOCAL;", "(timestamp);")
    assert text == statements(plain)


def statements(name: str) -> str:
    without_comments = re.sub(r"--.*", "", (_SQL / name).read_text())
    return " ".join(without_comments.split()).replace(" )", ")").replace("( ", "(")
