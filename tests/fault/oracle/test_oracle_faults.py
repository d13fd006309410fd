"""What Oracle can do to the writer. Each test ends with the ledger balanced and every value found by its value."""

import time

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.feed import START, Load
from sandbox.harness.oracle import Cells
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.models import PollingData
from tests.fault.ledger import assert_nothing_lost_nothing_twice, drain, events, wait_for_state, writer_beat
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline, in_csv


def writer_keys(pipeline: Pipeline) -> list[str]:
    names = [name.split(":", 1) for name in pipeline.living()]
    return [pipeline.keys.service(role, instance) for role, instance in names if role == "writer"]


def refused_logons(faults: OracleControl) -> int:
    status = faults.status()
    return status.connections - status.logons


def written_again(pipeline: Pipeline) -> Cells:
    """Put values until one of them is written, and return all."""
    rows: Cells = {}
    written = pipeline.snapshot()[Counter.WRITTEN]

    def is_written() -> bool:
        rows.update(pipeline.put(polls=1, tags=10))
        pipeline.wait_until_idle()
        return pipeline.snapshot()[Counter.WRITTEN] > written

    wait_until(is_written, what="values in the table")
    return rows


@pytest.mark.req("SC-004", "FR-011", "FR-012", "SC-003", "FR-023")
@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        pytest.param(3491, 3.0, id="short"),
        pytest.param(3491, 60.0, id="3491 a second for 60 s", marks=[pytest.mark.slow, pytest.mark.timeout(240)]),
        pytest.param(20_000, 20.0, id="20000 a second for 20 s", marks=[pytest.mark.slow, pytest.mark.timeout(240)]),
    ],
)
def test_oracle_refuses_connections(running: Pipeline, faults: OracleControl, rate: int, seconds: float) -> None:
    with Load(running.queue, rate) as load:
        wait_until(lambda: running.snapshot()[Counter.WRITTEN] > rate / 2, what="values in the table")
        faults.stop_listening(cut="rst")
        time.sleep(seconds)
        assert running.snapshot()[Counter.BACKED_UP] > 0
        faults.listen()
        wait_for_state(running, "closed")
        written = running.snapshot()[Counter.WRITTEN]
        wait_until(lambda: running.snapshot()[Counter.WRITTEN] > written + rate / 2, what="live values in the table")
    drain(running)
    assert_nothing_lost_nothing_twice(running, load.rows)
    log = running.log("writer")
    for line in (
        "Oracle write failed (attempt 1/4): ", "Retrying in 0.05 seconds...",
        "All 3 retries exhausted, saving to CSV backup", " items to ",
    ):  # fmt: skip
        assert line in log
    assert {"oracle_lost", "oracle_back", "backup_file"} <= set(events(running))

    def recovered() -> bool:
        # the writer closes its file some seconds after the last row in it
        assert running.start("writer", "recover").wait(60) == 0, running.log("writer")
        return running.table_rows() == load.rows

    wait_until(recovered, 30, "all to be in the table")


@pytest.mark.parametrize(
    "outages", [1, pytest.param(20, id="20 in a row", marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_a_listener_that_accepts_and_says_nothing(pipeline: Pipeline, faults: OracleControl, outages: int) -> None:
    """Kind: a fault that holds a thread inside the driver, whose clean-up then ended the writer in 2 of 4 outages."""
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer")
    with Load(pipeline.queue, 1000) as load:
        for _ in range(outages):
            backed_up, written = pipeline.snapshot()[Counter.BACKED_UP], pipeline.snapshot()[Counter.WRITTEN]
            wait_until(lambda w=written: pipeline.snapshot()[Counter.WRITTEN] > w, what="live values")  # type: ignore[misc]
            faults.hang_new_connections()
            faults.cut_sessions()
            wait_until(
                lambda b=backed_up: pipeline.snapshot()[Counter.BACKED_UP] > b + 1000,  # type: ignore[misc]
                40, "values in the backup",
            )  # fmt: skip
            faults.reset()
            wait_for_state(pipeline, "closed")
            assert writer.poll() is None, pipeline.log("writer")
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, load.rows)
    assert "fault" not in events(pipeline)


def test_calls_that_are_never_answered_end_by_their_timeout(running: Pipeline, faults: OracleControl) -> None:
    with Load(running.queue, 3491) as load:
        faults.hang_calls()
        wait_until(lambda: running.snapshot()[Counter.BACKED_UP] > 3000, 40, "values in the backup")
        faults.reset()
        wait_for_state(running, "closed")
    drain(running)
    assert_nothing_lost_nothing_twice(running, load.rows)


@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize("fault", ["cut_before_execute", "cut_mid_call", "lose_reply_after_commit"])
@pytest.mark.req("EC-3")
def test_a_connection_that_is_cut(running: Pipeline, faults: OracleControl, fault: str, how: str) -> None:
    with Load(running.queue, 5000) as load:
        for _ in range(5):
            getattr(faults, fault)(1, how=how)
            puts = load.puts
            wait_until(lambda puts=puts: load.puts > puts + 2, what="more readings")  # type: ignore[misc]
    ledger = drain(running)
    assert_nothing_lost_nothing_twice(running, load.rows)
    assert ledger[Counter.RETRIES] > 0
    if fault == "lose_reply_after_commit":
        assert ledger[Counter.DUPLICATES] > 0
        assert ledger[Counter.CONFLICTS] == 0


@pytest.mark.req("EC-4", "EC-6", "SC-007")
@pytest.mark.parametrize("bad", [1, 10, 500])
def test_bad_rows_among_500(pipeline: Pipeline, oracle: OracleTarget, bad: int) -> None:
    # Given: rows that Oracle itself refuses (a check constraint), and rows too long for their column
    changes = (("quality   VARCHAR2(20)  NOT NULL", "quality VARCHAR2(20) NOT NULL CHECK (quality IN ('GOOD'))"),)
    with oracle.table(changes=changes) as table:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer", ORACLE_TABLE=table)
        readings: dict[str, object] = {f"D{n}": n for n in range(500)}
        guilty = list(readings)[2 :: max(1, 500 // bad)][:bad] if bad < 500 else list(readings)
        for number, address in enumerate(guilty):
            readings[address] = None if number % 2 else "x" * 256
        pipeline.queue.put(
            PollingData(timestamp=START, group_id=1, group_name="g", plc_code="P", tag_values=readings), timeout=5
        )
        ledger = pipeline.wait_until_idle()
        stored = {name.removeprefix("P.") for name, _ in oracle.cells(table)}
    assert (ledger[Counter.WRITTEN], ledger[Counter.REJECTED]) == (500 - len(guilty), len(guilty))
    assert ledger[Counter.RETRIES] == ledger[Counter.BACKED_UP] == 0
    rejected = pipeline.csv_rows("rejected")
    assert {row["tag_address"] for row in rejected} == set(guilty) == set(readings) - stored
    assert {row["error_code"] for row in rejected} <= {"ORA-02290", "TOO_LONG"}


@pytest.mark.req("EC-4", "EC-6")
def test_row_3_of_500_is_too_long_for_oracle_alone(pipeline: Pipeline, oracle: OracleTarget) -> None:
    # Given: a column that counts letters: only Oracle knows that eleven are too many
    with oracle.table(changes=(("tag_value VARCHAR2(255)", "tag_value VARCHAR2(10 CHAR)"),)) as table:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer", ORACLE_TABLE=table)
        readings = {f"D{n}": "elevenchars" if n == 3 else "온" * 10 for n in range(500)}
        pipeline.queue.put(
            PollingData(timestamp=START, group_id=1, group_name="g", plc_code="P", tag_values=readings), timeout=5
        )
        ledger = pipeline.wait_until_idle()
        assert oracle.count(table) == 499
    assert (ledger[Counter.WRITTEN], ledger[Counter.REJECTED], ledger[Counter.RETRIES]) == (499, 1, 0)
    (rejected,) = pipeline.csv_rows("rejected")
    assert (rejected["tag_address"], rejected["error_code"]) == ("D3", "ORA-12899")


def test_a_full_tablespace_rejects_nothing(running: Pipeline, faults: OracleControl) -> None:
    faults.fail_next(1_000_000, ora_code=1653, message="unable to extend table by 128 in tablespace USERS")
    expected = running.put(polls=10, tags=300)
    wait_until(lambda: running.snapshot()[Counter.BACKED_UP] > 0, what="values in the backup")
    faults.reset()
    wait_for_state(running, "closed")
    expected |= running.put(polls=10, tags=300)
    ledger = drain(running)
    assert ledger[Counter.REJECTED] == 0
    assert_nothing_lost_nothing_twice(running, expected)


def test_a_read_only_database_does_not_flap(running: Pipeline, faults: OracleControl) -> None:
    """Kind: a SELECT taken for proof of an INSERT. After a switchover: 71 changes of state and 7 files in 200 s."""
    # Given: a database that answers every query and refuses every insert
    faults.fail_next(
        None, ora_code=16000, message="database or pluggable database open for read-only access", verb="INSERT"
    )
    with Load(running.queue, 2000) as load:
        wait_for_state(running, "half-open")
        # If: it stays so for many probes and trials
        tries = running.log("writer").count("Oracle write failed")
        wait_until(lambda: running.log("writer").count("Oracle write failed") > tries + 8, 30, "eight more trials")
        # Expect: one outage among the events, one file, and nobody says that all is well
        changes = [kind for kind in events(running) if kind in {"oracle_lost", "oracle_back"}]
        assert changes == ["oracle_lost", "oracle_back"]
        assert len(list(running.backup_dir.glob("backup_*.csv"))) == 1
        assert writer_beat(running)["oracle"] == "away"
        faults.reset()
        wait_for_state(running, "closed")
    drain(running)
    assert running.snapshot()[Counter.REJECTED] == 0
    assert_nothing_lost_nothing_twice(running, load.rows)


@pytest.mark.req("EC-8")
def test_a_table_that_is_gone_is_no_reason_for_a_storm_of_retries(running: Pipeline, faults: OracleControl) -> None:
    name, logons = running.table, faults.status().logons
    running.oracle.execute(f"DROP TABLE {name}")
    expected = running.put(polls=10, tags=300)
    ledger = drain(running)
    assert ledger[Counter.BACKED_UP] == len(expected)
    assert ledger[Counter.RETRIES] == 0
    assert in_csv(running.csv_rows()) == expected
    assert "ORA-00942" in running.log("writer")
    wait_until(lambda: writer_beat(running).get("oracle") == "configuration", what="the heartbeat to say so")
    wait_until(lambda: "oracle_configuration" in events(running), what="the event")
    # Oracle was asked over the connections that there were, or few new ones: the test's own DROP took one.
    assert faults.status().logons - logons <= 5


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


@pytest.mark.parametrize("silent", [pytest.param(False, marks=pytest.mark.slow), True])
def test_an_outage_never_ends_the_writer_whatever_the_connect_string_says(
    pipeline: Pipeline, faults: OracleControl, silent: bool
) -> None:
    """Kind: RETRY_COUNT, Oracle's own advice, made every outage look like a listener that hangs; the writer exited."""
    host, port = pipeline.oracle.dsn.split("/")[0].split(":")
    address = f"(ADDRESS=(PROTOCOL=TCP)(HOST={host})(PORT={port}))"
    dsn = (
        f"(DESCRIPTION=(RETRY_COUNT=20)(RETRY_DELAY=3)(ADDRESS_LIST=(LOAD_BALANCE=ON){address * 3})"
        "(CONNECT_DATA=(SERVICE_NAME=FREEPDB1)))"
    )
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer", ORACLE_DSN=dsn, ORACLE_CONNECT_TIMEOUT="0.3")
    with Load(pipeline.queue, 1000) as load:
        wait_until(lambda: pipeline.snapshot()[Counter.WRITTEN] > 500, what="values in the table")
        if silent:
            faults.ignore_connections()
            faults.cut_sessions()
        else:
            faults.stop_listening(cut="rst")
        # More pools than were allowed to hang would have been replaced meanwhile.
        wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] > 4_000, 60, "4,000 values in the backup")
        faults.reset()
        wait_for_state(pipeline, "closed")
    assert writer.poll() is None, pipeline.log("writer")
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, load.rows)


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


def test_pressure_is_relieved_to_the_backup_while_oracle_is_slow(pipeline: Pipeline, faults: OracleControl) -> None:
    # Given: an Oracle that takes seconds for each batch, and retries far away
    faults.delay_ms(3000)
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer", ORACLE_CALL_TIMEOUT="60", WRITER_CONCURRENCY="1")
    # If: more comes than the buffer holds
    with Load(pipeline.queue, 8000) as load:
        wait_until(lambda: load.values > 25_000, what="25,000 values put")
    # Expect: the backup took what Oracle could not, and nothing overflowed
    faults.delay_ms(0)
    ledger = drain(pipeline)
    assert ledger[Counter.BACKED_UP] > 5000
    assert_nothing_lost_nothing_twice(pipeline, load.rows)


def test_an_oracle_that_comes_back_without_what_it_had_committed_is_told(
    pipeline: Pipeline, faults: OracleControl
) -> None:
    """Kind: what was acknowledged, taken for stored for ever. The standby that took over had not all of it yet: the
    values of some seconds counted as written, were in no place, and the ledger balanced.
    """
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    lost = pipeline.put(polls=4, tags=50)
    drain(pipeline)
    faults.fail_next(None, ora_code=3113, verb="INSERT", table=pipeline.table)
    saved = pipeline.put(polls=1, tags=5)
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] > 0, what="values in the backup")
    pipeline.oracle.execute(f"DELETE FROM {pipeline.table}", "COMMIT")
    faults.reset()
    later = written_again(pipeline)
    wait_until(lambda: "oracle_went_back" in events(pipeline), what="the loss to be named")
    assert not pipeline.table_rows().keys() & lost.keys()
    assert {**pipeline.table_rows(), **in_csv(pipeline.csv_rows())} == {**saved, **later}
    log = pipeline.log("writer")
    assert any(f"collected from {moment}" in log for _, moment in lost)
