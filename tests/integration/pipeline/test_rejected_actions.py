"""What people do about what was rejected, through the monitor: retried once, set aside or dropped, and counted."""

import json
import signal
import subprocess
from typing import Any, NamedTuple

import pytest

from sandbox.harness.feed import START
from sandbox.harness.waiting import wait_until
from shared.acting.board import Board
from shared.counters import Counter
from shared.journal.events import EventLog
from shared.models import PollingData
from shared.records.actions import Action, ActionKind
from tests.integration.pipeline.acting import Desk, start_desk
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline


def put(pipeline: Pipeline, plc_code: str, **readings: object) -> None:
    """Put one poll on the DataQueue."""
    pipeline.queue.put(PollingData(timestamp=START, group_id=1, group_name="g", plc_code=plc_code, tag_values=readings))


def examples(desk: Desk, what: str, count: int) -> dict[str, dict[str, Any]]:
    """Return the examples of rows, or of messages, by id, once so many are told."""

    def told() -> dict[str, dict[str, Any]] | None:
        groups = desk.get("/api/rejections")[what]
        found = {example["id"]: {**example, "code": group["code"]} for group in groups for example in group["examples"]}
        return found if len(found) == count else None

    return wait_until(told, what=f"{count} examples of {what}")


def file_names(desk: Desk, count: int) -> list[str]:
    """Return the rejected files that wait, once the monitor knows so many."""

    def told() -> list[str] | None:
        names = [file["name"] for file in desk.get("/api/rejections")["files"] if file["state"] == "waiting"]
        return names if len(names) == count else None

    return wait_until(told, 30, what=f"{count} rejected files that wait")


class Refused(NamedTuple):
    """A pipeline whose table has refused four rows, its monitor, and its writer."""

    pipeline: Pipeline
    desk: Desk
    writer: "subprocess.Popen[bytes]"


@pytest.fixture
def refused(pipeline: Pipeline) -> Refused:
    """Services at work; the table has refused four rows: two conflicts and two names that are too long."""
    desk = start_desk(pipeline)
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer")
    put(pipeline, "P", D1=1, D2=2)
    pipeline.wait_until_idle()
    put(pipeline, "P", D1=10, D2=20)
    put(pipeline, "X" * 190, D3="first", D4="second, \r\nin two lines")
    assert pipeline.wait_until_idle()[Counter.REJECTED] == 4
    return Refused(pipeline, desk, writer)


def test_rows_of_a_rejected_file_are_retried_or_set_aside_alone_and_the_others_stay_as_they_are(
    refused: Refused, oracle: OracleTarget
) -> None:
    pipeline, desk, _ = refused
    rows = examples(desk, "rows", 4)
    (conflict,) = [id_ for id_, row in rows.items() if row["tag_name"] == "P.D1"]
    (name,) = {row["file"] for row in rows.values()}
    before = {row["tag_name"]: row for row in pipeline.csv_rows("rejected")}
    # If: the table lets one conflict be, and that row is retried; expect: it is there, and no other row was touched
    oracle.execute(f"DELETE FROM {pipeline.table} WHERE tag_name = 'P.D1'")
    done = desk.until(desk.ask("retry_rejected_file", target=name, ids=[conflict])["id"], "done", "failed")
    assert (done["state"], done["done"]) == ("done", 1), done
    assert pipeline.table_rows()[("P.D1", START)] == ("10", "GOOD")
    left = {row["tag_name"]: row for row in pipeline.csv_rows("rejected")}
    assert left == {tag: row for tag, row in before.items() if tag != "P.D1"}
    assert conflict not in examples(desk, "rows", 3)
    # If: something that is no directory stands where set-aside files go; expect: the rows wait, and it is said where
    in_the_way = pipeline.backup_dir / "set_aside"
    in_the_way.write_text("a file")
    failed = desk.until(desk.ask("set_aside_rejected_file", target=name, codes=["TOO_LONG"])["id"], "failed")
    part = f"{name.removesuffix('.csv')}_{failed['id']}.csv"
    assert f"they wait in {part} now" in failed["outcome"]
    assert sorted(row["tag_name"] for row in pipeline.csv_rows("rejected")) == sorted(left)
    in_the_way.unlink()
    assert {row["file"] for row in examples(desk, "rows", 3).values() if row["code"] == "TOO_LONG"} == {part}
    assert part in file_names(desk, 2)
    # If: a code is set aside; expect: its rows wait nowhere, and stand where a person finds them
    aside = desk.until(desk.ask("set_aside_rejected_file", target=part)["id"], "done", "failed")
    assert "2 rows are in " in aside["outcome"], aside
    assert [row["error_code"] for row in pipeline.csv_rows("rejected")] == ["CONFLICT"]
    (kept,) = (pipeline.backup_dir / "set_aside").glob("*.csv")
    assert "second, \r\nin two lines" in kept.read_bytes().decode()
    # If: what is left is retried whole; expect: it is refused again, and stands in one file with its reason
    again = desk.until(desk.ask("retry_rejected_file", target=name)["id"], "done", "failed")
    assert "1 there with another value" in again["outcome"], again
    assert [row["tag_name"] for row in pipeline.csv_rows("rejected")] == ["P.D2"]
    ledger = pipeline.snapshot()
    assert (ledger[Counter.REJECTED], ledger[Counter.RECOVERED]) == (4, 1)
    # and asked for again it says what became of it; the pipeline is as well as before
    assert desk.post("retry_rejected_file", target=name, ids=[conflict]).status_code in {202, 409}
    assert desk.post("retry_rejected_file", target="backup_20260101_000000.csv").status_code == 409
    assert desk.post("set_aside_rejected_file", target="../../etc/passwd").status_code == 409
    codes = {alert["code"] for alert in desk.get("/api/alerts")["alerts"]}
    assert not codes & {"backup_lost", "ledger_unbalanced", "unforeseen_fault"}


def test_a_writer_killed_while_it_takes_rows_out_loses_none_and_the_next_one_goes_on(
    refused: Refused, oracle: OracleTarget
) -> None:
    """Kind: two files for one row at the wrong moment: in none of them, or in the table twice."""
    pipeline, desk, writer = refused
    rows = examples(desk, "rows", 4)
    (name,) = {row["file"] for row in rows.values()}
    oracle.execute(f"DELETE FROM {pipeline.table} WHERE tag_name IN ('P.D1', 'P.D2')")
    # Who ends closes the file at once; else it is open until nothing came for a while.
    pipeline.stop(writer)
    writer = pipeline.start_and_wait("writer")
    wait_until(lambda: name in file_names(desk, 1), what="the closed file to be listed")
    writer.send_signal(signal.SIGSTOP)
    asked = desk.ask("retry_rejected_file", target=name, codes=["CONFLICT"])
    # Given: a writer that died after the new file was there, and before the old one was replaced
    whole = pipeline.backup_dir / name
    part = whole.with_name(f"{whole.stem}_{asked['id']}.csv")
    header, *lines = whole.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join([header, *(line for line in lines if b"CONFLICT" in line)]))
    pipeline.kill(writer)
    pipeline.start_and_wait("writer")
    done = desk.until(asked["id"], "done", "failed", timeout_s=60)
    assert done["state"] == "done", done
    assert {tag: value for (tag, _), (value, _) in pipeline.table_rows().items()} == {"P.D1": "10", "P.D2": "20"}
    assert sorted(row["error_code"] for row in pipeline.csv_rows("rejected")) == ["TOO_LONG", "TOO_LONG"]
    assert [path.name for path in (pipeline.backup_dir / "recovered").glob("*.csv")] == [part.name]
    assert not list(pipeline.backup_dir.glob(".*.part"))


def test_who_writes_to_redis_has_no_other_file_moved_or_read(pipeline: Pipeline) -> None:
    """Kind: what the monitor checks taken for checked: its list of actions is a key that others may write."""
    (pipeline.backup_dir / "inner").mkdir(parents=True)
    named = ["kept.txt", "backup_20260101_000000_000000_x.csv", "inner/rejected_1.csv", "../rejected_outside.csv"]
    for name in named:
        (pipeline.backup_dir / name).write_text("a,b\n1,2\n")
    pipeline.start_and_wait("writer")
    board = Board(pipeline.link, pipeline.keys, EventLog(pipeline.link, pipeline.keys, "test"))
    targets = [
        *named,
        "..",
        ".",
        "",
        "/etc/hostname",
        str(pipeline.backup_dir / "kept.txt"),
        "\x00",
        "rejected_\x00.csv",
        f"rejected_{'x' * 300}.csv",
    ]
    for kind in (ActionKind.SET_ASIDE_REJECTED_FILE, ActionKind.RETRY_REJECTED_FILE):
        for number, target in enumerate(targets):
            options: dict[str, bool | int | float | str] = {"ids": "x"} if number % 2 else {}
            board.ask(Action(id=f"../../{number}", kind=kind, target=target, options=options, asked_at=board.now()))
        wait_until(lambda: not board.open(), what="all of it to end")
    assert all((pipeline.backup_dir / name).read_text() == "a,b\n1,2\n" for name in named)
    moved = [path for path in pipeline.backup_dir.parent.rglob("*") if path.parent.name in {"set_aside", "recovered"}]
    assert moved == []
    assert "Traceback" not in pipeline.log("writer")


def test_messages_are_put_back_once_or_dropped_by_code_and_by_id(pipeline: Pipeline) -> None:
    desk = start_desk(pipeline)
    consumer = pipeline.start_and_wait("consumer")
    bad = [{"plc_code": "P", "timestamp": "soon", "tag_values": {"D": number}} for number in range(45)]
    good_later = {"timestamp": START.isoformat(), "plc_code": "P", "tag_values": {"D1": 5, "D2": 6}}
    raws = [*map(json.dumps, bad), "no json", "-", json.dumps({**good_later, "tag_timestamps": {"D1": "soon"}})]
    pipeline.link.command("RPUSH", pipeline.keys.data_queue, *raws)
    messages = examples(desk, "messages", 48)
    first = next(id_ for id_, told in messages.items() if told["message"] == json.dumps(bad[0]))
    # If: one is dropped by its id, those that are no JSON by their code; expect: each counted, the others are there
    assert "1 entries dropped" in desk.until(desk.ask("drop_messages", ids=[first])["id"], "done")["outcome"]
    assert "2 entries dropped" in desk.until(desk.ask("drop_messages", codes=["NO_JSON"])["id"], "done")["outcome"]
    ledger = pipeline.snapshot()
    assert (ledger.rejected_messages_kept, ledger[Counter.REJECTED_DROPPED]) == (45, 3)
    assert len(examples(desk, "messages", 45)) == 45
    # If: all are put back; expect: exactly once, the oldest first, and what is still wrong comes back here
    pipeline.kill(consumer)
    asked = desk.ask("retry_messages")
    assert desk.post("retry_messages").json()["id"] == asked["id"]
    pipeline.start_and_wait("consumer")
    done = desk.until(asked["id"], "done", timeout_s=60)
    assert "45 entries put back" in done["outcome"]
    wait_until(lambda: pipeline.snapshot().rejected_messages_kept == 45, what="them to be refused again")
    ledger = pipeline.snapshot()
    assert (ledger[Counter.REJECTED_RETRIED], ledger[Counter.MESSAGES_REJECTED]) == (45, 47 + 44)
    kept = [json.loads(raw) for raw in pipeline.link.command("LRANGE", pipeline.keys.rejected_messages, 0, -1)]
    assert [json.loads(entry["message"]) for entry in kept][:44] == bad[1:]
    assert desk.post("retry_messages", ids=["../../x"]).status_code == 422
    assert "45 entries dropped" in desk.until(desk.ask("drop_messages")["id"], "done")["outcome"]
    wait_until(lambda: not any(group["kept"] for group in desk.get("/api/rejections")["messages"]), what="no example")
    assert desk.post("drop_messages").status_code == 409


def test_all_are_retried_in_one_go_and_a_drop_takes_nothing_that_came_after_it_was_asked_for(
    pipeline: Pipeline,
) -> None:
    """Kinds: a retry of all that reaches half of them; a click on what one saw that covers what one did not see.

    All 600 are refused again while the retry is under way, so the list grows at its end as it shrinks at its head.
    """
    desk = start_desk(pipeline)
    consumer = pipeline.start_and_wait("consumer")
    bad = [json.dumps({"plc_code": "P", "timestamp": "soon", "tag_values": {"D": number}}) for number in range(600)]
    pipeline.link.command("RPUSH", pipeline.keys.data_queue, *bad)
    wait_until(lambda: desk.get("/api/rejections")["entries_waiting"] == 600, what="all on the list")
    done = desk.until(desk.ask("retry_messages")["id"], "done", timeout_s=60)
    assert "600 entries put back" in done["outcome"]
    wait_until(lambda: pipeline.snapshot()[Counter.MESSAGES_REJECTED] == 1200, what="each to be refused once more")
    wait_until(lambda: desk.get("/api/rejections")["entries_waiting"] == 600, what="all on the list again")
    # Given: a drop that is asked for while nobody can carry it out, and an entry that comes in between
    pipeline.kill(consumer)
    asked = desk.ask("drop_messages")
    (newest,) = pipeline.link.command("LRANGE", pipeline.keys.rejected_messages, -1, -1)
    later = newest.replace(b"soon", b"late")
    pipeline.link.command("RPUSH", pipeline.keys.rejected_messages, later)
    pipeline.start_and_wait("consumer")
    assert "600 entries dropped" in desk.until(asked["id"], "done", timeout_s=60)["outcome"]
    assert pipeline.link.command("LRANGE", pipeline.keys.rejected_messages, 0, -1) == [later]
    assert pipeline.snapshot()[Counter.REJECTED_DROPPED] == 600
