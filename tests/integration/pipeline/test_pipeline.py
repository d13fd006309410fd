"""The straight way: readings become rows, each once, whatever their kind."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from sandbox.harness.feed import START, poll
from sandbox.harness.waiting import wait_until
from shared.counters import HISTOGRAM_ABOVE, HISTOGRAM_BOUNDS_MS, WINDOW_BUCKET_S, Counter
from shared.models import PollingData
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline


@pytest.mark.req("FR-001", "FR-006", "FR-008", "FR-013", "FR-014", "FR-018", "SC-001")
def test_every_value_becomes_one_row_with_its_time_text_and_quality(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    expected = pipeline.put(polls=20, tags=1000)
    ledger = pipeline.wait_until_idle()
    assert pipeline.table_rows() == expected
    assert ledger[Counter.WRITTEN] == len(expected) == 20_000
    assert ledger[Counter.OVERFLOWED] == ledger[Counter.DUPLICATES] == ledger[Counter.BACKED_UP] == 0


@pytest.mark.req("FR-017", "FR-018")
def test_values_of_every_type_are_stored_in_their_text_form(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    pipeline.queue.put(
        PollingData(
            timestamp=START,
            group_id=7,
            group_name="kinds",
            plc_code="PLC01",
            tag_values={
                "int": 42, "float": 0.1, "big": 13359720.0, "small": 1e-7, "true": True, "false": False,
                "text": 'ready, "go"\nnow', "korean": "온도", "empty": "", "null": None, "list": [1, 2], "unsure": 3.5,
                "stale": 9,
            },
            error_tags={"dead": "no answer", "stale": "timeout"},
            tag_qualities={"unsure": "UNCERTAIN"},
            tag_timestamps={"unsure": START - timedelta(milliseconds=1)},
        )
    )  # fmt: skip
    pipeline.wait_until_idle()
    stored = {name.removeprefix("PLC01."): value for (name, _), value in pipeline.table_rows().items()}
    assert stored == {
        "int": ("42", "GOOD"), "float": ("0.1", "GOOD"), "big": ("13359720.0", "GOOD"), "small": ("1e-07", "GOOD"),
        "true": ("1", "GOOD"), "false": ("0", "GOOD"), "text": ('ready, "go"\nnow', "GOOD"),
        "korean": ("온도", "GOOD"), "empty": ("NULL", "BAD"), "null": ("NULL", "BAD"), "list": ("NULL", "BAD"),
        "dead": ("NULL", "BAD"), "stale": ("9", "BAD"), "unsure": ("3.5", "UNCERTAIN"),
    }  # fmt: skip
    assert ("PLC01.unsure", START - timedelta(milliseconds=1)) in pipeline.table_rows()


@pytest.mark.req("FR-018")
def test_two_readings_of_one_tag_a_millisecond_apart_are_two_rows(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    times = [START, START + timedelta(milliseconds=1), START + timedelta(microseconds=1), START.replace(microsecond=0)]
    for time in times:
        pipeline.queue.put(
            PollingData(timestamp=time, group_id=1, group_name="g", plc_code="P", tag_values={"D1": 1}), timeout=5
        )
    ledger = pipeline.wait_until_idle()
    assert {time for _, time in pipeline.table_rows()} == set(times)
    assert ledger[Counter.DUPLICATES] == 0


def test_an_aware_time_is_stored_in_utc_and_a_naive_one_as_it_is(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    for plc, text in (("naive", "2026-01-02T03:04:05.000007"), ("aware", "2026-01-02T12:04:05.000007+09:00")):
        pipeline.link.command(
            "RPUSH",
            pipeline.keys.data_queue,
            json.dumps({"timestamp": text, "plc_code": plc, "tag_values": {"a": 1}, "extra": {"unknown": 1}}),
        )
    pipeline.wait_until_idle()
    assert {time for _, time in pipeline.table_rows()} == {datetime(2026, 1, 2, 3, 4, 5, 7)}


@pytest.mark.req("FR-016")
def test_a_duplicate_is_counted_and_the_rest_goes_on(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    expected = pipeline.put(polls=1, tags=50)
    pipeline.wait_until_idle()
    # The same readings again, and fifty new ones in the same message.
    again = poll(0, 50)
    fresh = {f"E{tag}": tag for tag in range(50)}
    pipeline.queue.put(
        PollingData(
            timestamp=again.timestamp, group_id=1, group_name="g", plc_code="PLC01",
            tag_values={**again.tag_values, **fresh},
        )
    )  # fmt: skip
    ledger = pipeline.wait_until_idle()
    assert ledger[Counter.DUPLICATES] == 50
    assert ledger[Counter.CONFLICTS] == 0
    assert len(pipeline.table_rows()) == len(expected) + len(fresh)
    wait_until(lambda: "50 rows were in the table already" in pipeline.log("writer"), what="the log line")


def test_the_same_key_with_another_value_is_a_conflict(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    for value in (1.5, 2.5):
        pipeline.queue.put(
            PollingData(timestamp=START, group_id=1, group_name="g", plc_code="P", tag_values={"D1": value})
        )
        ledger = pipeline.wait_until_idle()
    assert (ledger[Counter.DUPLICATES], ledger[Counter.CONFLICTS], ledger[Counter.REJECTED]) == (0, 1, 1)
    assert pipeline.table_rows() == {("P.D1", START): ("1.5", "GOOD")}
    said = "the table holds '1.5' (GOOD) under this key; came as '2.5' (GOOD)"
    wait_until(lambda: said in pipeline.log("writer"), what="the log to say so")
    (rejected,) = pipeline.csv_rows("rejected")
    assert (rejected["tag_value"], rejected["error_code"]) == ("2.5", "CONFLICT")


def test_a_number_column_takes_numbers_and_refuses_text(pipeline: Pipeline, oracle: OracleTarget) -> None:
    with oracle.table(changes=(("tag_value VARCHAR2(255) NOT NULL", "tag_value NUMBER"),)) as table:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer", ORACLE_TABLE=table)
        pipeline.queue.put(
            PollingData(
                timestamp=START, group_id=1, group_name="g", plc_code="P",
                tag_values={
                    "int": 3, "float": 2.5, "bool": True, "null": None, "text": "running", "digits": "17",
                    "nan": "NaN", "infinite": "-Infinity", "huge": "1e999",
                },
            )
        )  # fmt: skip
        ledger = pipeline.wait_until_idle()
        stored = {name: value for (name, _), value in oracle.cells(table).items()}
    rows = {name: value for name, (value, _) in stored.items()}
    assert rows == {
        "P.int": 3, "P.float": 2.5, "P.bool": 1, "P.null": None, "P.digits": 17,
        "P.nan": None, "P.infinite": None, "P.huge": None,
    }  # fmt: skip
    assert stored["P.nan"][1] == stored["P.infinite"][1] == stored["P.huge"][1] == "BAD"
    assert ledger[Counter.REJECTED] == 1
    (rejected,) = pipeline.csv_rows("rejected")
    assert (rejected["tag_name"], rejected["tag_value"], rejected["error_code"]) == (
        "P.text",
        "running",
        "NOT_A_NUMBER",
    )


@pytest.mark.parametrize("separator", ["|", "::"])
def test_two_tags_that_share_a_name_are_two_with_another_separator(pipeline: Pipeline, separator: str) -> None:
    """Kind: two names that become one."""
    pipeline.start_and_wait("consumer", TAG_NAME_SEPARATOR=separator)
    pipeline.start_and_wait("writer", TAG_NAME_SEPARATOR=separator)
    for number in range(2):
        for plc, tag in (("A.B", "C"), ("A", "B.C")):
            data = {
                "timestamp": (START + timedelta(seconds=number)).isoformat(),
                "plc_code": plc,
                "tag_values": {tag: plc},
            }
            pipeline.queue.put(data)
    ledger = pipeline.wait_until_idle()
    assert (ledger[Counter.WRITTEN], ledger[Counter.DUPLICATES]) == (4, 0)
    assert {(name, value) for (name, _), (value, _) in pipeline.table_rows().items()} == {
        (f"A.B{separator}C", "A.B"), (f"A{separator}B.C", "A"),
    }  # fmt: skip
    assert "one name" not in pipeline.log("consumer")


def test_the_tag_values_layout_has_plc_and_address_apart(pipeline: Pipeline, oracle: OracleTarget) -> None:
    with oracle.table("tag_values") as table:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer", ORACLE_TABLE=table, ORACLE_TABLE_LAYOUT="TAG_VALUES")
        pipeline.put(polls=3, tags=200)
        pipeline.wait_until_idle()
        rows = oracle.query(f"SELECT plc_code, tag_address, timestamp, tag_value, quality, inserted_at FROM {table}")
    assert len(rows) == 600
    assert all(row[0] == "PLC01" and isinstance(row[5], datetime) for row in rows)
    assert {(row[1], row[3]) for row in rows if row[2] == START} == {(f"D{tag}", repr(tag + 0.5)) for tag in range(200)}


@pytest.mark.req("FR-009")
def test_few_values_wait_for_the_interval_and_go_as_one_batch(pipeline: Pipeline) -> None:
    # Given: a writer that waits half a second for more
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer", BUFFER_WRITE_INTERVAL_SEC="0.5")
    # If: values come one by one within that time
    for _ in range(10):
        pipeline.put(polls=1, tags=5)
    # Expect: they went together
    ledger = pipeline.wait_until_idle()
    assert ledger[Counter.WRITTEN] == 50
    assert ledger[Counter.BATCHES_WRITTEN] <= 2


@pytest.mark.req("FR-008", "FR-009")
def test_many_values_go_in_batches_of_500_without_waiting(pipeline: Pipeline) -> None:
    pipeline.put(polls=5, tags=1000)
    pipeline.start_and_wait("consumer")
    wait_until(lambda: pipeline.snapshot().in_buffer == 5000, what="the buffer to fill")
    # An interval far longer than the test may take: only full batches can have gone.
    pipeline.start_and_wait("writer", BUFFER_WRITE_INTERVAL_SEC="60")
    ledger = pipeline.wait_until_idle()
    assert (ledger[Counter.WRITTEN], ledger[Counter.BATCHES_WRITTEN]) == (5000, 10)


@pytest.mark.req("FR-003")
def test_several_writers_and_consumers_share_the_work(pipeline: Pipeline) -> None:
    for _ in range(2):
        pipeline.start_and_wait("consumer")
    for _ in range(3):
        pipeline.start_and_wait("writer")
    expected = pipeline.put(polls=60, tags=500)
    ledger = pipeline.wait_until_idle()
    assert ledger[Counter.WRITTEN] == 30_000
    assert pipeline.table_rows() == expected


@pytest.mark.req("FR-004", "FR-005", "FR-002")
def test_overflow_discards_the_oldest_counts_exactly_and_leaves_a_record(pipeline: Pipeline) -> None:
    # Given: no writer, a buffer of 1,000
    pipeline.start_and_wait("consumer", BUFFER_MAX_SIZE="1000", CONSUMER_HOLD_MESSAGES="0")
    # If: 1,500 values come
    pipeline.put(polls=15, tags=100)
    # Expect: the last 1,000 are there, 500 are counted
    snapshot = wait_until(
        lambda: snapshot if (snapshot := pipeline.snapshot())[Counter.INSERTED] == 1500 else None, what="1,500 values"
    )
    assert (snapshot.in_buffer, snapshot[Counter.OVERFLOWED]) == (1000, 500)
    oldest = json.loads(pipeline.link.command("LINDEX", pipeline.keys.buffer, 0))
    assert oldest[1] == poll(5, 1).timestamp.isoformat()
    # And: the log tells, and when it is over a record of which times and tags were lost
    wait_until(lambda: "Buffer overflow: discarded" in pipeline.log("consumer"), what="the log line")
    assert "Total overflow: 500, overflow rate: 33.333%" in pipeline.log("consumer")
    assert "Buffer utilization high:" in pipeline.log("consumer")
    episodes = wait_until(lambda: pipeline.link.hash(pipeline.keys.overflow_episodes), what="the episode")
    (episode,) = [json.loads(text) for text in episodes.values()]
    assert episode["values"] == 500
    assert episode["oldest_timestamp"] == poll(0, 1).timestamp.isoformat()
    assert episode["newest_timestamp"] == poll(4, 1).timestamp.isoformat()
    assert episode["tags_hit"] == 100
    assert set(episode["tags"].values()) == {5}
    wait_until(
        lambda: all(
            json.loads(text)["ended_at"] for text in pipeline.link.hash(pipeline.keys.overflow_episodes).values()
        ),
        what="the episode's end",
    )


@pytest.mark.req("SC-002", "FR-015")
def test_what_was_collected_is_in_the_table_within_two_seconds(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer", BUFFER_WRITE_INTERVAL_SEC="0.5")
    for _ in range(3):
        collected = datetime.now(UTC)
        pipeline.queue.put(replace_time(poll(0, 3491), collected))
        # The query that the index on the timestamp serves
        stored = collected.replace(tzinfo=None)
        condition = f"timestamp = TO_TIMESTAMP('{stored}', 'YYYY-MM-DD HH24:MI:SS.FF6')"
        wait_until(lambda where=condition: visible(pipeline, where) == 3491, what="the poll in the table")  # type: ignore[misc]
        assert datetime.now(UTC) - collected < timedelta(seconds=2)
    snapshot = pipeline.snapshot()
    window = pipeline.link.hash(pipeline.keys.window(int(snapshot.taken_at // WINDOW_BUCKET_S)))
    late = [field for field in window if field.startswith("lag:") and field.partition(":")[2] in LATE]
    assert late == []


LATE = {str(bound) for bound in HISTOGRAM_BOUNDS_MS if bound > 2000} | {HISTOGRAM_ABOVE}


def replace_time(data: PollingData, moment: datetime) -> PollingData:
    return structs.replace(data, timestamp=moment)


def visible(pipeline: Pipeline, where: str) -> int:
    return int(str(pipeline.oracle.query(f"SELECT COUNT(*) FROM {pipeline.table} WHERE {where}")[0][0]))
