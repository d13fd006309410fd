"""What is rejected: exact counts by code, the newest examples with their reasons, and downloads, from the API."""

import csv
import io
from datetime import datetime
from typing import Any

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.monitor.api.answers.rejections import EXAMPLES_SHOWN, MESSAGE_COLUMNS
from shared.journal.rejected_examples import MAX_KEPT
from shared.models import PollingData
from shared.records.files import REJECTED_HEADER
from tests.integration.monitor.monitors import Monitor, monitor_in_a_thread
from tests.pipeline import Pipeline

START = datetime(2026, 1, 2, 3, 4, 5, 678901)


def put(pipeline: Pipeline, plc_code: str, **readings: object) -> None:
    """Put one poll on the DataQueue."""
    pipeline.queue.put(PollingData(timestamp=START, group_id=1, group_name="g", plc_code=plc_code, tag_values=readings))


def rejections(monitor: Monitor, **expected: int) -> dict[str, Any]:
    """Return the answer once it holds these figures and the examples that belong to them."""

    def complete() -> dict[str, Any]:
        answer = monitor.get("/api/rejections").json()
        told = all(group["kept"] >= min(group["count"], MAX_KEPT) for group in (*answer["rows"], *answer["messages"]))
        return answer if told and {name: answer[name] for name in expected} == expected else {}

    return wait_until(complete, what=f"{expected} and their examples")


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_rows_and_messages_are_counted_by_code_and_shown_with_their_reasons(
    pipeline: Pipeline, redis_server: EmbeddedRedis
) -> None:
    """Kind: what is rejected is a number in a log, and its reasons lie on a disk that nobody at the page reaches."""
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    # If: a conflict, names that no column takes, a poll without PLC, JSON that is none, and a tag without a time
    put(pipeline, "P", D1=1.5, D2=2)
    pipeline.wait_until_idle()
    put(pipeline, "P", D1="=HYPERLINK(1)", D2=-1.5)
    for number in range(EXAMPLES_SHOWN + 10):
        put(pipeline, "X" * 190, **{f"D{number}": number})
    key = pipeline.keys.data_queue
    pipeline.link.command("RPUSH", key, '{"timestamp": "2026-01-01T00:00:00", "tag_values": {}}', "no json", "nor this")
    pipeline.link.command(
        "RPUSH", key, '{"timestamp": "2026-01-01T00:00:00", "plc_code": "P", "tag_values": {"D7": 1, "D8": 2}, '
        '"tag_timestamps": {"D7": "yesterday"}}',
    )  # fmt: skip
    pipeline.wait_until_idle()
    with monitor_in_a_thread(redis_server.url, pipeline.keys.namespace) as monitor:
        answer = rejections(monitor, rows_rejected=EXAMPLES_SHOWN + 12, messages_rejected=3, tags_rejected=1)
        # Expect: each code with its exact count
        rows = {group["code"]: group for group in answer["rows"]}
        assert {code: group["count"] for code, group in rows.items()} == {
            "TOO_LONG": EXAMPLES_SHOWN + 10,
            "CONFLICT": 2,
        }
        messages = {(group["kind"], group["code"]): group["count"] for group in answer["messages"]}
        assert messages == {("message", "NO_JSON"): 2, ("message", "NO_PLC_CODE"): 1, ("tag", "NO_TIME"): 1}
        # with the newest, their reason, the file that has them, and when they came
        assert len(rows["TOO_LONG"]["examples"]) == EXAMPLES_SHOWN
        (conflict,) = (row for row in rows["CONFLICT"]["examples"] if row["tag_name"] == "P.D1")
        assert conflict["tag_value"] == "=HYPERLINK(1)"
        assert "the table holds '1.5'" in conflict["reason"]
        assert conflict["file"] in [file["name"] for file in answer["files"]]
        assert rows["CONFLICT"]["first_at"] == rows["CONFLICT"]["last_at"] == conflict["at"]
        (tag,) = (group for group in answer["messages"] if group["kind"] == "tag")
        assert (tag["examples"][0]["tag"], tag["examples"][0]["can_retry"]) == ("D7", True)
        # and all that is kept as CSV: exact, so that `recover` takes it, or harmless in a spreadsheet
        exact = monitor.get("/api/rejections/rows.csv")
        assert exact.headers["content-disposition"].startswith('attachment; filename="rejected_')
        assert exact.text.splitlines()[0] == ",".join(REJECTED_HEADER)
        assert sorted(map(repr, read(exact.text))) == sorted(map(repr, pipeline.csv_rows("rejected")))
        cells = read(monitor.get("/api/rejections/rows.csv?code=CONFLICT&spreadsheet=true").text)
        assert {cell["tag_value"] for cell in cells} == {"'=HYPERLINK(1)", "-1.5"}
        told = read(monitor.get("/api/rejections/messages.csv").text)
        assert tuple(told[0]) == MESSAGE_COLUMNS
        assert sorted(row["code"] for row in told) == ["NO_JSON", "NO_JSON", "NO_PLC_CODE", "NO_TIME"]


def test_what_is_refused_again_while_it_is_recovered_is_told_and_not_counted_twice(
    pipeline: Pipeline, redis_server: EmbeddedRedis
) -> None:
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer")
    put(pipeline, "X" * 190, D1=1)
    pipeline.wait_until_idle()
    pipeline.stop(writer)
    (first,) = pipeline.backup_dir.glob("rejected_*.csv")
    status, _ = pipeline.run("writer", "recover", first.name)
    assert status == 0
    with monitor_in_a_thread(redis_server.url, pipeline.keys.namespace) as monitor:
        (group,) = rejections(monitor, rows_rejected=1)["rows"]
        assert (group["count"], group["again"]) == (1, 1)
        # The example is that of the new file: the old one is through.
        (example,) = group["examples"]
        assert example["file"] != first.name


def test_counts_of_an_older_version_and_spoiled_examples_hide_nothing(
    pipeline: Pipeline, redis_server: EmbeddedRedis
) -> None:
    """Kind: what a stranger, or an older version, left in Redis takes the answer away, or makes its sum wrong."""
    keys, link = pipeline.keys, pipeline.link
    link.command("HSET", keys.counters, "rejected", 7, "rejected:ORA-12899", 3, "inserted", 7)
    link.command("HSET", keys.rejected_codes, "row:ORA-12899", "no json", "stranger", "{}", "row:", "{}")
    link.command("SET", keys.rejected_examples("row", "ORA-12899"), "a string")
    link.command("HSET", keys.rejected_codes, "row:ORA-1", '{"first_at":1,"last_at":2,"kept":9}', "x" * 900, "y" * 9000)
    link.command("RPUSH", keys.rejected_examples("row", "ORA-1"), "\xff", "z" * 100_000, '{"id":"a","at":5}')
    with monitor_in_a_thread(redis_server.url, keys.namespace) as monitor:
        wait_until(lambda: monitor.get("/readyz").status_code == 200, what="the monitor")
        answer = monitor.get("/api/rejections").json()
        counts = {group["code"]: (group["count"], group["kept"]) for group in answer["rows"]}
        assert counts == {"ORA-12899": (3, 0), "OTHER": (4, 0), "ORA-1": (0, 1)}
        assert monitor.get("/api/rejections/rows.csv").text.splitlines() == [",".join(REJECTED_HEADER)]
