"""Several requests sent without waiting for answers, and what a client says of itself in its logon."""

import asyncio

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from tests.integration.oracle_stand_in.connecting import connect


def run_pipeline(
    stand_in: OracleStandIn, statements: list[str], *, continue_on_error: bool = False
) -> list[oracledb.PipelineOpResult]:
    async def run() -> list[oracledb.PipelineOpResult]:
        where = {"user": stand_in.user, "password": stand_in.password, "dsn": stand_in.dsn}
        async with oracledb.connect_async(**where) as connection:
            pipeline = oracledb.create_pipeline()
            for statement in statements:
                if statement.startswith("SELECT"):
                    pipeline.add_fetchall(statement)
                elif statement == "COMMIT":
                    pipeline.add_commit()
                else:
                    pipeline.add_execute(statement)
            # the driver itself waits for ever for what does not come
            done = connection.run_pipeline(pipeline, continue_on_error=continue_on_error)
            found: list[oracledb.PipelineOpResult] = await asyncio.wait_for(done, 20)
            return found

    return asyncio.run(run())


def test_a_pipeline_is_answered_request_by_request(stand_in: OracleStandIn) -> None:
    """Kind: a hang. A server that says where its answers end is sent pipelines, and this one knew of none."""
    results = run_pipeline(
        stand_in,
        ["CREATE TABLE piped (a NUMBER)", "INSERT INTO piped VALUES (1)", "NONSENSE", "INSERT INTO piped VALUES (2)",
         "COMMIT", "SELECT a FROM piped ORDER BY a"],
        continue_on_error=True,
    )  # fmt: skip
    assert [result.error.full_code if result.error else None for result in results] == [
        None, None, "ORA-00900", None, None, None,
    ]  # fmt: skip
    assert results[-1].rows == [(1,), (2,)]
    with pytest.raises(oracledb.DatabaseError, match="ORA-00900"):
        run_pipeline(stand_in, ["INSERT INTO piped VALUES (3)", "NONSENSE", "INSERT INTO piped VALUES (4)", "COMMIT"])
    with connect(stand_in) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT MAX(a) FROM piped")
        assert cursor.fetchone() == (2,)  # what followed the failure was not done, and the commit was not either
        cursor.execute("DROP TABLE piped")


def test_contexts_are_set_in_the_logon_and_emptied(stand_in: OracleStandIn) -> None:
    ask = "SELECT SYS_CONTEXT('CLIENTCONTEXT', 'PLANT'), SYS_CONTEXT('CLIENTCONTEXT', 'LINE') FROM dual"
    where = {"user": stand_in.user, "password": stand_in.password, "dsn": stand_in.dsn}
    given = [("CLIENTCONTEXT", "PLANT", "a"), ("CLIENTCONTEXT", "LINE", "b")]
    with oracledb.connect(**where, appcontext=given) as connection, connection.cursor() as cursor:
        assert cursor.execute(ask).fetchone() == ("a", "b")
        connection.clear_app_context("CLIENTCONTEXT")
        assert cursor.execute(ask).fetchone() == (None, None)


def test_a_proxy_user_is_refused_and_not_taken_for_its_proxy(stand_in: OracleStandIn) -> None:
    """Kind: what is not understood is passed over: whoever asked for another user's session was given its own."""
    with pytest.raises(oracledb.DatabaseError, match="ORA-28150"):
        connect(stand_in, user=f"{stand_in.user}[other]")
