"""The writer's user has rights to another's table, by deploy/oracle/06_grants.sql: given and taken back for real."""

from collections.abc import Callable, Iterator
from pathlib import Path

import oracledb
import pytest

from oracle_stand_in.engine.init_script import split_script
from oracle_stand_in.process import OracleStandIn
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from tests.fakes import tag_values

SCRIPTS = Path("deploy/oracle")
REVOKE = "REVOKE {} ON tagpipe.tag_data FROM tagpipe_writer"

#: Runs scripts of deploy/oracle and single statements.
Dba = Callable[..., None]


@pytest.fixture(scope="module")
def oracle() -> Iterator[OracleStandIn]:
    with OracleStandIn(user="app", password="secret") as server:
        yield server


@pytest.fixture
def dba(oracle: OracleStandIn) -> Iterator[Dba]:
    with oracledb.connect(user="system", password="secret", dsn=oracle.dsn) as connection:

        def run(*texts: str) -> None:
            for text in texts:
                script = (SCRIPTS / text).read_text(encoding="utf-8") if text.endswith(".sql") else text
                for statement in split_script(script):
                    connection.cursor().execute(statement)

        run("01_user.sql", 'CREATE USER tagpipe_writer IDENTIFIED BY "secret"')
        run("ALTER SESSION SET CURRENT_SCHEMA = tagpipe", "02_tag_data.sql", "06_grants.sql")
        yield run


@pytest.fixture
def sink(oracle: OracleStandIn, tmp_path: Path) -> Iterator[OracleSink]:
    settings = WriterSettings(
        oracle_dsn=oracle.dsn, oracle_user="tagpipe_writer", oracle_password="secret", backup_dir=tmp_path
    )
    sink = OracleSink(settings)
    yield sink
    sink.close()


def refusal(sink: OracleSink) -> str:
    with pytest.raises(SinkError) as caught:
        sink.write(tag_values(3))
    assert caught.value.verdict is Verdict.CONFIGURATION
    return caught.value.code


def test_a_table_that_is_made_anew_is_written_to_as_soon_as_its_rights_are_given_again(
    dba: Dba, sink: OracleSink
) -> None:
    """Kind: rights that go with their table. Its own sessions go on: nobody restarts the writer."""
    assert sink.write(tag_values(3)).written == 3
    dba("DROP TABLE tagpipe.tag_data")
    refusals = [refusal(sink)]
    dba("04_tag_data_partitioned.sql")
    refusals.append(refusal(sink))
    dba("06_grants.sql")
    assert sink.write(tag_values(3)).written == 3
    dba(REVOKE.format("INSERT"))
    refusals.append(refusal(sink))
    dba("06_grants.sql", "DROP SYNONYM tagpipe_writer.tag_data")
    refusals.append(refusal(sink))
    dba("06_grants.sql", REVOKE.format("SELECT"))
    # while nobody may look, what the key refuses is no duplicate: it goes to rejected_*.csv
    assert {error.code for error in sink.write(tag_values(3)).rejected} == {"ORA-00001"}
    dba("06_grants.sql")
    assert len(sink.write(tag_values(3)).duplicates) == 3
    assert refusals == ["ORA-00980", "ORA-00942", "ORA-01031", "ORA-00942"]
