"""Who may log on where, and how often. Each test ends with the ledger balanced and every value found by its value."""

import time

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.fault.ledger import assert_nothing_lost_nothing_twice, drain, wait_for_state, writer_beat, written_again
from tests.pipeline import Pipeline


def writer_keys(pipeline: Pipeline) -> list[str]:
    names = [name.split(":", 1) for name in pipeline.living()]
    return [pipeline.keys.service(role, instance) for role, instance in names if role == "writer"]


def refused_logons(faults: OracleControl) -> int:
    status = faults.status()
    return status.connections - status.logons


@pytest.mark.req("EC-8")
def test_a_changed_password_costs_one_logon_however_many_writers_there_are(
    pipeline: Pipeline, faults: OracleControl
) -> None:
    """Kind: each process tries for itself what counts for all; ten refused logons lock the account."""
    # Given: three writers whose password is in a file
    secret = pipeline.directory / "secret"
    secret.write_text(pipeline.oracle.password)
    del pipeline.environment["ORACLE_PASSWORD"]
    pipeline.environment["ORACLE_PASSWORD_FILE"] = str(secret)
    pipeline.start_and_wait("consumer")
    for _ in range(3):
        pipeline.start_and_wait("writer")
    before = pipeline.put(polls=3, tags=500)
    pipeline.wait_until_idle()
    for beat in writer_keys(pipeline):
        wait_until(
            lambda beat=beat: int(pipeline.link.hash(beat).get("connections_open", 0)) >= 2,  # type: ignore[misc]
            what="each writer to have opened what it opens at the start",
        )
    try:
        # If: the password is changed and the sessions end
        refused_before = refused_logons(faults)
        faults.change_password("another")
        faults.cut_sessions()
        refused = pipeline.put(polls=10, tags=300)
        ledger = drain(pipeline)
        assert ledger[Counter.BACKED_UP] > 0
        wait_until(lambda: writer_beat(pipeline).get("oracle") == "configuration", what="the heartbeat to say so")
        time.sleep(1)  # three times the probe interval of these tests
        # Expect: one logon of all three, and an end as soon as the file holds the new password
        assert refused_logons(faults) - refused_before == 1
        secret.write_text("another")
        later = written_again(pipeline)
    finally:
        faults.change_password(pipeline.oracle.password)
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, {**before, **refused, **later})


@pytest.mark.req("EC-8")
def test_writers_that_start_with_a_wrong_password_make_one_logon(pipeline: Pipeline, faults: OracleControl) -> None:
    """Kind: a slip of the pen at the first start that locks the account before anybody looks."""
    refused_before = refused_logons(faults)
    for _ in range(3):
        pipeline.start_and_wait("writer", ORACLE_PASSWORD="wrong")
    assert len(writer_keys(pipeline)) == 3
    for beat in writer_keys(pipeline):
        wait_until(
            lambda beat=beat: pipeline.link.hash(beat).get("oracle") == "configuration",  # type: ignore[misc]
            what="each heartbeat to say so",
        )
    time.sleep(1)  # three times the probe interval of these tests
    assert refused_logons(faults) - refused_before == 1
    assert "refused 1 of 3 times" in pipeline.log("writer")


@pytest.mark.req("EC-8")
def test_an_alias_that_comes_later_than_the_writer(pipeline: Pipeline) -> None:
    """Kind: a file that is not there yet, taken for a reason to end; TNS_ADMIN as Oracle's own tools have it."""
    names = pipeline.directory / "names"
    names.mkdir()
    writer = pipeline.start_and_wait("writer", ORACLE_DSN="PLANT", TNS_ADMIN=str(names))
    pipeline.start_and_wait("consumer")
    expected = pipeline.put(polls=2, tags=500)
    drain(pipeline)
    wait_until(lambda: writer_beat(pipeline).get("oracle") == "configuration", what="the heartbeat to say so")
    assert "tnsnames.ora is missing" in writer_beat(pipeline)["last_error"]
    assert len(pipeline.csv_rows()) == 1000
    (names / "tnsnames.ora").write_text(f"PLANT={pipeline.oracle.dsn}\n")
    expected |= written_again(pipeline)
    assert writer.poll() is None
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, expected)


@pytest.mark.req("EC-2", "FR-007")
def test_a_pool_smaller_than_the_work_makes_workers_wait(pipeline: Pipeline, faults: OracleControl) -> None:
    faults.delay_ms(50)
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait(
        "writer", ORACLE_POOL_MIN="1", ORACLE_POOL_MAX="1", WRITER_CONCURRENCY="6", ORACLE_POOL_TIMEOUT="5"
    )
    expected = pipeline.put(polls=10, tags=500)
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, expected)


@pytest.mark.req("EC-2")
def test_no_session_left_on_the_server(pipeline: Pipeline, faults: OracleControl) -> None:
    faults.cut_sessions()
    faults.limit_sessions(0)
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    expected = pipeline.put(polls=5, tags=500)
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] > 0, what="values in the backup")
    faults.reset()
    wait_for_state(pipeline, "closed")
    expected |= pipeline.put(polls=5, tags=500)
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, expected)


@pytest.mark.req("EC-2")
@pytest.mark.parametrize("code", [18, 2391])
def test_fewer_sessions_than_wanted_are_no_outage(pipeline: Pipeline, faults: OracleControl, code: int) -> None:
    """Kind: a wish that was not granted taken for an outage: 57,500 of 140,100 values went to the backup."""
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer", WRITER_CONCURRENCY="6", ORACLE_POOL_TIMEOUT="10")
    wait_until(lambda: writer_beat(pipeline).get("connections_open") == "2", what="two connections")
    faults.fail_logons(code)
    faults.delay_ms(100)
    # If: more batches are there at once than connections
    expected = pipeline.put(polls=14, tags=500)
    wait_until(
        lambda: f"ORA-{code:05}" in writer_beat(pipeline).get("connections_short", ""), what="the heartbeat to say so"
    )
    expected |= pipeline.put(polls=4, tags=500)
    ledger = drain(pipeline)
    assert ledger[Counter.BACKED_UP] == ledger[Counter.RETRIES] == 0
    assert writer_beat(pipeline)["breaker"] == "closed"
    faults.reset()
    assert_nothing_lost_nothing_twice(pipeline, expected)
