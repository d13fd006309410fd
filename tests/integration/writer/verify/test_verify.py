"""`verify`: what is missing is told, and who knows why; each fault is made to happen."""

import json
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.waiting import wait_until
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.settings import WriterSettings
from services.writer.verify.command import Question, Verification
from services.writer.verify.period import table_time
from shared.counters import Counter
from shared.lifecycle import StopFlag
from shared.models import PollingData, TagValue
from tests.oracle_target import NO_KEY, OracleTarget
from tests.pipeline import Pipeline

BEGIN = datetime(2026, 3, 1, 8)
PERIOD = ("--from", "2026-03-01T08:00", "--to", "2026-03-01T08:10")
TAGS = 3


def put(pipeline: Pipeline, seconds: Iterable[int], plc_code: str = "PLC01", **readings: object) -> int:
    """Put a poll of each of these seconds after the beginning; return how many values these are."""
    values = {f"D{tag}": tag for tag in range(TAGS)} | readings
    count = 0
    for second in seconds:
        pipeline.queue.put(
            PollingData(
                timestamp=BEGIN + timedelta(seconds=second + 0.5), group_id=1, group_name="G", plc_code=plc_code,
                tag_values=values,
            ),
            timeout=10,
        )  # fmt: skip
        count += len(values)
    return count


def verify(pipeline: Pipeline, *arguments: str, **settings: object) -> tuple[int, dict[str, Any]]:
    """Return the exit status and the JSON that the command would give, without the seconds that a process costs."""
    told = {**pipeline.environment, **settings}
    known = {name.lower(): value for name, value in told.items() if name.lower() in WriterSettings.model_fields}
    chosen = WriterSettings.model_validate(known)
    given = dict(zip(arguments[::2], arguments[1::2], strict=True)) or dict(zip(PERIOD[::2], PERIOD[1::2], strict=True))
    begin, end = (table_time(given[name], UTC, datetime.now(UTC)) for name in ("--from", "--to"))
    plcs = [given["--plc"]] if "--plc" in given else []
    sink = OracleSink(chosen)
    try:
        verdict = Verification(chosen, sink, Question("", "", plcs), (begin, end), StopFlag()).verdict()
    finally:
        sink.close()
    return int(verdict.unexplained > 0 or bool(verdict.without_rows)), verdict.as_fields()


def figures(found: dict[str, Any]) -> tuple[int, int, int]:
    return found["missing"], found["explained"], found["unexplained"]


def why(found: dict[str, Any]) -> dict[str, int]:
    """Return the rows that each explanation has, by its first words."""
    rows: dict[str, int] = {}
    for stretch in found["stretches"]:
        for cause in stretch["explanations"]:
            words = cause["what"].split(":")[0]
            rows[words] = rows.get(words, 0) + cause["rows"]
    return rows


@pytest.mark.parametrize("layout", ["tag_data", "tag_values"])
def test_rows_that_somebody_deleted_are_missing_and_nobody_explains_them(
    pipeline: Pipeline, oracle: OracleTarget, layout: str
) -> None:
    with oracle.table(layout) as table:
        settings = {"ORACLE_TABLE": table, "ORACLE_TABLE_LAYOUT": layout}
        sink = OracleSink(oracle.settings(table, oracle_table_layout=layout))
        for second in range(600):
            moment = BEGIN + timedelta(seconds=second + 0.5)
            sink.write([TagValue(moment, plc, f"D{n}", "1", "GOOD") for plc in ("PLC01", "PLC02") for n in range(TAGS)])
        sink.close()
        status, found = verify(pipeline, **settings)
        assert (status, figures(found), found["rows"], found["tags"]) == (0, (0, 0, 0), 3600, 6)

        one = "tag_name = 'PLC01.D1'" if layout == "tag_data" else "plc_code = 'PLC01' AND tag_address = 'D1'"
        oracle.execute(
            f"DELETE FROM {table} WHERE timestamp BETWEEN TIMESTAMP '2026-03-01 08:03:10' "
            "AND TIMESTAMP '2026-03-01 08:03:30'",
            f"DELETE FROM {table} WHERE {one} AND timestamp BETWEEN TIMESTAMP '2026-03-01 08:05:10' "
            "AND TIMESTAMP '2026-03-01 08:05:11'",
        )
        status, found = verify(pipeline, **settings)
        assert (status, figures(found)) == (1, (20 * 6 + 1, 0, 20 * 6 + 1))
        status, found = verify(pipeline, *PERIOD, "--plc", "PLC02", **settings)
        assert (status, found["tags"], figures(found)) == (1, 3, (60, 0, 60))
        # Then: as the command says it, for programs and for people
        option = ("--json",) if layout == "tag_values" else ()
        status, said = pipeline.run("writer", "verify", *PERIOD, *option, **settings)
        assert status == 1
        if option:
            assert json.loads(said)["unexplained"] == 121
        else:
            assert "from 2026-03-01 08:00:00 to 2026-03-01 08:10:00 (UTC): 6 tags, 3,479 rows in the table; " in said
            assert "121 missing: 0 explained, 121 unexplained" in said
            assert "unexplained: nothing tells of them (PLC01.D0, PLC01.D1, PLC01.D2...)" in said


def test_an_outage_is_explained_by_its_backup_files_and_a_refused_row_by_its_own(
    pipeline: Pipeline, faults: OracleControl
) -> None:
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer")
    put(pipeline, range(200))
    pipeline.wait_until_idle()
    # Given: an outage of a minute of data, and one value that the column can't hold
    faults.stop_listening(cut="rst")
    lost = put(pipeline, range(200, 260))
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] == lost, what="the backup", timeout_s=30)
    faults.listen()
    wait_until(lambda: "half-open" in pipeline.log("writer"), what="Oracle to be back", timeout_s=30)
    put(pipeline, [260])
    wait_until(lambda: "half-open -> closed" in pipeline.log("writer"), what="a batch to be written", timeout_s=30)
    put(pipeline, [*range(261, 400), *range(401, 600)])
    put(pipeline, [400], D1="x" * 300)
    saved = pipeline.wait_until_idle()[Counter.BACKED_UP]
    pipeline.stop(writer)

    status, found = verify(pipeline)
    assert (status, figures(found)) == (0, (saved + 1, saved + 1, 0))
    assert saved >= lost
    (backup, rejected) = sorted(why(found))
    assert (backup.startswith("in backup_"), why(found)[backup]) == (True, saved)
    assert (rejected.startswith("in rejected_"), why(found)[rejected]) == (True, 1)

    # Then: once they are recovered nothing is missing but the row at fault
    assert pipeline.run("writer", "recover")[0] == 0
    status, found = verify(pipeline)
    assert (status, figures(found)) == (0, (1, 1, 0))


def test_what_overflowed_is_lost_and_explained_and_what_waits_is_on_its_way(pipeline: Pipeline) -> None:
    settings = {"BUFFER_MAX_SIZE": 300, "BUFFER_BATCH_THRESHOLD": 100, "CONSUMER_HOLD_MESSAGES": 0}
    writer = pipeline.start_and_wait("writer", **settings)
    consumer = pipeline.start_and_wait("consumer", **settings)
    for first in range(0, 200, 50):  # 150 values each: with a writer there nothing overflows
        put(pipeline, range(first, first + 50))
        pipeline.wait_until_idle()
    pipeline.kill(writer)
    put(pipeline, range(200, 500))
    wait_until(lambda: pipeline.snapshot()[Counter.OVERFLOWED] == 600, what="the overflow")
    wait_until(lambda: pipeline.link.hash(pipeline.keys.overflow_episodes), what="the record of it")

    status, found = verify(pipeline, "--from", "2026-03-01T08:00", "--to", "2026-03-01T08:08:20", **settings)
    assert (status, figures(found)) == (0, (900, 900, 0))
    assert {words.split(" at ")[0]: rows for words, rows in why(found).items()} == {
        "overflow of the buffer": 600, "on its way": 300,
    }  # fmt: skip

    # Then: written, but for what is lost; what somebody deletes beside it is not let off by it
    pipeline.start_and_wait("writer", **settings)
    pipeline.wait_until_idle()
    pipeline.stop(consumer)
    pipeline.oracle.execute(
        f"DELETE FROM {pipeline.table} WHERE tag_name = 'PLC01.D2' AND timestamp < TIMESTAMP '2026-03-01 08:01:40'"
        " AND timestamp > TIMESTAMP '2026-03-01 08:01:30'"
    )
    status, found = verify(pipeline, "--from", "2026-03-01T08:00", "--to", "2026-03-01T08:08:20", **settings)
    assert (status, found["unexplained"]) == (1, 10)


def test_what_was_not_polled_is_explained_by_the_poller_that_was_stopped(pipeline: Pipeline) -> None:
    config = pipeline.directory / "groups.toml"
    config.write_text(
        '[[group]]\nname = "g"\nplc_code = "PLC01"\ninterval_ms = 100\n[group.source]\ntype = "simulator"\ntags = 2\n'
        "bad_ratio = 0\n"
    )
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    for until in (50, 100):
        # A gap of many intervals between the two, however quick a poller starts.
        time.sleep(1)
        poller = pipeline.start_and_wait("poller", POLLER_CONFIG=config)
        wait_until(lambda least=until: pipeline.snapshot()[Counter.WRITTEN] >= least, what="values")  # type: ignore[misc]
        pipeline.stop(poller)
    pipeline.wait_until_idle()
    status, found = verify(pipeline, "--from", "10m", "--to", "0s")
    assert (status, found["unexplained"]) == (0, 0)
    assert found["missing"] > 0
    assert set(why(found)) == {"not polled"}


def test_a_time_that_is_none_is_refused_with_how_to_write_it(pipeline: Pipeline) -> None:
    status, output = pipeline.run("writer", "verify", "--from", "yesterday")
    assert status == 2
    assert "'yesterday' is no time: write 2026-03-01T08:00, with an offset or without, or 2h" in output


def test_a_period_that_ends_before_it_begins_is_refused_with_what_was_meant(pipeline: Pipeline) -> None:
    status, output = pipeline.run("writer", "verify", "--from", "30s")
    assert status == 2
    # --to was not given: the person has to be told that it is a minute ago.
    assert re.search(r"--from 30s \(\S+ \S+\) is not before --to 1m \(\S+ \S+\)", output), output


def test_what_has_no_row_at_all_is_not_taken_for_complete(pipeline: Pipeline) -> None:
    """Kind: nothing to judge taken for nothing missing: a slip in a PLC's name, another table, another time zone."""
    status, found = verify(pipeline, *PERIOD)
    assert (status, found["without_rows"], found["missing"]) == (1, ["any PLC"], 0)
    status, found = verify(pipeline, *PERIOD, "--plc", "PLCO1")
    assert (status, found["without_rows"]) == (1, ["PLCO1"])
    # Then: as a person reads it; what is there of another PLC hides nothing
    count = put(pipeline, range(600))
    pipeline.start("consumer")
    pipeline.start("writer")
    wait_until(lambda: pipeline.snapshot()[Counter.WRITTEN] == count, what="the rows of one PLC")
    status, said = pipeline.run("writer", "verify", *PERIOD, "--plc", "PLC01", "--plc", "PLCO2")
    assert status == 1
    assert "no row of PLCO2, nor in the ten minutes before" in said
    assert "no row of PLC01" not in said
    assert "3 tags, 1,800 rows in the table; 0 missing" in said


def test_an_oracle_that_is_away_is_no_verdict(pipeline: Pipeline, faults: OracleControl) -> None:
    faults.stop_listening()
    status, output = pipeline.run("writer", "verify")
    assert (status, "`check` finds the cause" in output) == (2, True)


def test_a_row_that_is_there_twice_makes_up_for_none_that_is_missing(pipeline: Pipeline, oracle: OracleTarget) -> None:
    """Kind: a sum of what stands for itself alone. The table had lost its key, a batch was there twice, and as many
    rows of the same minute were nowhere: "0 missing", status 0.
    """
    with oracle.table(changes=NO_KEY) as table:
        sink = OracleSink(oracle.settings(table))
        seconds = [50, *(second for second in range(600) if second not in (40, 41))]
        moments = [BEGIN + timedelta(seconds=second + 0.5) for second in [51, *seconds]]
        sink.write([TagValue(moment, "PLC01", "D0", "1", "GOOD") for moment in moments])
        sink.close()
        status, found = verify(pipeline, ORACLE_TABLE=table)
    assert (status, figures(found)) == (1, (2, 0, 2))
    assert any("has no key" in note and "each counts once" in note for note in found["notes"])
