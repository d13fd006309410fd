"""What can't be understood: told, kept within bounds, counted, and put back once its cause is mended."""

import json
import subprocess
from collections.abc import Mapping

import pytest

from sandbox.harness.command import run_command
from sandbox.harness.feed import START
from sandbox.harness.waiting import wait_until
from services.consumer.rejected.entries import example_of
from services.consumer.rejected.rejected_list import Choice, RejectedList
from shared.counters import WINDOW_BUCKET_S, Counter
from shared.journal.rejected_examples import RejectedExamples
from shared.queues.data_queue import MAX_REJECTED_MESSAGES, drop_rejected
from tests.pipeline import Pipeline

#: One that can be put back.
ENTRY = json.dumps({"reason": "no time", "at": START.isoformat(), "consumer": "one", "message": "{}"})

GOOD = {"timestamp": START.isoformat(), "plc_code": "P"}


def send(pipeline: Pipeline, *messages: object) -> None:
    raws = [message if isinstance(message, bytes) else json.dumps(message).encode() for message in messages]
    pipeline.link.command("RPUSH", pipeline.keys.data_queue, *raws)


def entries(pipeline: Pipeline) -> list[dict[str, object]]:
    return [json.loads(raw) for raw in pipeline.link.command("LRANGE", pipeline.keys.rejected_messages, 0, -1)]


def command(pipeline: Pipeline, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environ, directory = pipeline.environment, pipeline.directory
    return run_command("services.consumer", "rejected", *arguments, environ=environ, directory=directory)


def test_a_tag_that_cant_be_a_value_costs_that_tag_and_is_told_kept_and_counted(pipeline: Pipeline) -> None:
    """Kind: one tag's fault costs the whole message."""
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    send(
        pipeline,
        {
            **GOOD, "tag_values": {"ok": 1, "late": 2, "nan": float("nan"), "big": 10**400, "": 3, "x" * 2000: 4},
            "tag_timestamps": {"late": "soon", "ok": None}, "tag_qualities": {"ok": "UncertainLastUsableValue"},
            "error_tags": {"dead": 17}, "poll_time_ms": "fast", "mode": "SOMETIMES",
        },
    )  # fmt: skip
    ledger = pipeline.wait_until_idle()
    assert {name: value for (name, _), value in pipeline.table_rows().items()} == {
        "P.ok": ("1", "UNCERTAIN"), "P.nan": ("NULL", "BAD"), "P.big": ("NULL", "BAD"), "P.dead": ("NULL", "BAD"),
    }  # fmt: skip
    assert (ledger[Counter.MESSAGES], ledger[Counter.MESSAGES_REJECTED], ledger[Counter.TAGS_REJECTED]) == (1, 0, 3)
    kept = {str(entry["tag"])[:9]: entry for entry in entries(pipeline)}
    assert {tag: entry["reason"] for tag, entry in kept.items()} == {
        "late": "the time can't be read", "": "the address is empty",
        "xxxxxxxxx": "the address is longer than 1000 characters",
    }  # fmt: skip
    alone = json.loads(str(kept["late"]["message"]))
    assert (alone["tag_values"], alone["tag_timestamps"], alone["plc_code"]) == ({"late": 2}, {"late": "soon"}, "P")
    wait_until(lambda: "3 tags can't be values and went to the rejected list" in pipeline.log("consumer"), what="log")


def test_tags_of_one_message_with_one_fault_are_one_entry(pipeline: Pipeline) -> None:
    """Kind: waste that is larger than what it is of."""
    pipeline.start_and_wait("consumer")
    tags = {f"D{tag}": tag for tag in range(1000)}
    send(pipeline, {**GOOD, "tag_values": tags, "tag_timestamps": dict.fromkeys(tags, "soon")})
    wait_until(lambda: pipeline.snapshot()[Counter.TAGS_REJECTED] == 1000, what="the tags to be rejected")
    (entry,) = entries(pipeline)
    assert entry["tags"] == 1000
    assert len(json.loads(str(entry["message"]))["tag_values"]) == 1000


def test_the_rejected_list_is_bounded_in_bytes_and_what_goes_is_counted(pipeline: Pipeline) -> None:
    """Kind: waste crowds out data; what is put aside is trimmed without being counted."""
    pipeline.start_and_wait("consumer")
    for number in range(0, 200, 20):
        send(pipeline, *(b'{"number":%d,"text":"%s"}' % (n, b"x" * 200_000) for n in range(number, number + 20)))
    snapshot = wait_until(
        lambda: found if (found := pipeline.snapshot())[Counter.MESSAGES_REJECTED] == 200 else None, what="all rejected"
    )
    kept = pipeline.link.command("LRANGE", pipeline.keys.rejected_messages, 0, -1)
    assert 10_000_000 < sum(map(len, kept)) <= 16_000_000
    assert int(pipeline.link.command("GET", pipeline.keys.rejected_bytes)) == sum(map(len, kept))
    assert snapshot[Counter.REJECTED_DROPPED] == 200 - len(kept)
    assert json.loads(json.loads(kept[-1])["message"])["number"] == 199


def test_the_rejected_list_is_bounded_in_number_and_what_goes_is_counted(pipeline: Pipeline) -> None:
    """Kind: what is put aside is trimmed without being counted."""
    send(pipeline, *([b"{"] * (MAX_REJECTED_MESSAGES + 250)))
    pipeline.start_and_wait("consumer")
    snapshot = wait_until(
        lambda: found if (found := pipeline.snapshot())[Counter.MESSAGES_REJECTED] == 1250 else None, what="rejected"
    )
    assert (snapshot.rejected_messages_kept, snapshot[Counter.REJECTED_DROPPED]) == (MAX_REJECTED_MESSAGES, 250)


def test_what_is_larger_than_is_kept_keeps_its_beginning_and_its_size(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    send(pipeline, b"[" + b"1," * 200_000, b"\xff" * 300_000)
    wait_until(lambda: pipeline.snapshot()[Counter.MESSAGES_REJECTED] == 2, what="both rejected")
    assert [(entry["size_bytes"], len(str(entry["head"]))) for entry in entries(pipeline)] == [
        (400_001, 1024), (300_000, 1024),
    ]  # fmt: skip


def test_rejected_lists_by_reason_puts_back_and_drops(pipeline: Pipeline) -> None:
    # Given: messages of an engine that wrote what nobody can read, among them one that is no text and one too large
    consumer = pipeline.start_and_wait("consumer")
    bad = [{**GOOD, "timestamp": "soon"}] * 3
    send(pipeline, *bad, b'\xff\xfe{"a"', b"[" + b"1," * 200_000)
    wait_until(lambda: pipeline.snapshot()[Counter.MESSAGES_REJECTED] == 5, what="all rejected")
    pipeline.stop(consumer)

    # Expect: the command tells them apart
    told = command(pipeline)
    assert told.returncode == 0
    assert "5 entries on the rejected list, 4 of them can be put back" in told.stdout
    assert "       3  timestamp: Invalid isoformat string: 'soon'" in told.stdout

    # If: they are put back; expect: the same bytes are messages again, in order, and what is not whole stays
    done = command(pipeline, "--retry")
    assert done.returncode == 1
    assert "4 entries put back" in done.stdout
    assert "1 entries stay" in done.stdout
    queued = pipeline.link.command("LRANGE", pipeline.keys.data_queue, 0, -1)
    assert queued == [*(json.dumps(message).encode() for message in bad), b'\xff\xfe{"a"']
    snapshot = pipeline.snapshot()
    assert (snapshot.rejected_messages_kept, snapshot[Counter.REJECTED_RETRIED]) == (1, 4)

    # And: again, nothing is doubled; dropped, it is counted
    assert "0 entries put back" in command(pipeline, "--retry").stdout
    assert pipeline.queue.depth() == 4
    assert "1 entries dropped" in command(pipeline, "--drop").stdout
    snapshot = pipeline.snapshot()
    assert (snapshot.rejected_messages_kept, snapshot[Counter.REJECTED_DROPPED]) == (0, 1)
    assert not pipeline.link.command("EXISTS", pipeline.keys.rejected_bytes)


def test_readings_under_another_name_do_not_vanish(pipeline: Pipeline) -> None:
    """Kind: an unknown name is ignored, and all that stands under it is gone while the ledger balances."""
    pipeline.start_and_wait("consumer")
    # A poll may hold nothing: then nothing is lost, whatever else it says.
    nothing: list[Mapping[str, object]] = [GOOD, {**GOOD, "rows": []}, {**GOOD, "tag_values": {}, "seen": [1]}]
    send(pipeline, {**GOOD, "tags": {"D1": 1}}, *({**poll, "sequence": 7, "note": {}} for poll in nothing))
    wait_until(lambda: pipeline.snapshot()[Counter.MESSAGES] == len(nothing), what="the polls that hold nothing")
    (entry,) = entries(pipeline)
    assert entry["code"] == "NO_TAG_VALUES"
    assert entry["reason"] == "none of tag_values, error_tags, rows is there, but tags"


def test_what_is_wrong_with_one_part_costs_that_part_alone(pipeline: Pipeline) -> None:
    """Kind: one bad quality or time costs the poll. Inputs that no other test has, all the way to the table."""
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    readings = {"a": 1, "b": 2}
    odd: dict[str, dict[str, object]] = {
        "quality is an object": {"tag_qualities": {"a": {"x": 1}}},
        "quality is a number of OPC classic": {"tag_qualities": {"a": 192}},
        "quality has 100,000 letters": {"tag_qualities": {"a": "G" * 100_000}},
        "qualities are a list": {"tag_qualities": ["GOOD"]},
        "times are a list": {"tag_timestamps": ["2026-01-01"]},
        "time is a number": {"tag_timestamps": {"a": 1_767_225_600}},
        "time has an offset of 25 h": {"tag_timestamps": {"a": "2026-01-01T00:00:00+25:00"}},
        "time is at hour 25": {"tag_timestamps": {"a": "2026-01-01T25:00:00"}},
        "time has Arabic digits": {"tag_timestamps": {"a": "\u0662\u0660\u0662\u0666-01-01T00:00:00"}},
        "group number has 400 digits": {"group_id": 10**400},
        "poll time is not a number": {"poll_time_ms": float("nan")},
        "mode is a list": {"mode": ["FIXED"]},
        "group name is an object": {"group_name": {"x": [1]}},
        "errors are a number": {"error_tags": 5},
        "a row is none": {"rows": [["c", None, 3], "d", ["e"]]},
    }
    for number, (name, part) in enumerate(odd.items()):
        send(pipeline, {"timestamp": START.isoformat(), "plc_code": f"P{number}", "tag_values": readings, **part})
        del name
    ledger = pipeline.wait_until_idle()
    stored = {tag: cell for (tag, _), cell in pipeline.table_rows().items()}
    assert all(stored[f"P{number}.b"][0] == "2" for number in range(len(odd))), stored
    lost = {name for number, name in enumerate(odd) if f"P{number}.a" not in stored}
    assert lost == {name for name in odd if name.startswith("time ")}
    assert {tag for tag, (_, quality) in stored.items() if quality == "UNCERTAIN"} == {
        "P0.a", "P1.a", "P2.a", "P3.a", "P3.b",
    }  # fmt: skip
    # And each fault is told by its code, counted, and can be put back; no message was lost for it.
    told = sorted((str(entry["code"]), str(entry["tag"])) for entry in entries(pipeline))
    assert told == [("NO_ROW", "row 2"), *[("NO_TIME", "a")] * 4]
    assert (ledger[Counter.MESSAGES], ledger[Counter.MESSAGES_REJECTED], ledger[Counter.TAGS_REJECTED]) == (
        len(odd),
        0,
        6,
    )


def test_a_retry_that_is_repeated_after_a_lost_answer_doubles_nothing(pipeline: Pipeline) -> None:
    send(pipeline, *(poll_without_time(number) for number in range(60)))
    consumer = pipeline.start_and_wait("consumer")
    wait_until(lambda: pipeline.snapshot()[Counter.MESSAGES_REJECTED] == 60, what="all rejected")
    pipeline.stop(consumer)
    kept = RejectedList(pipeline.link, pipeline.keys)
    run = pipeline.link.run
    calls: list[object] = []

    def run_twice(script: str, keys: list[str], args: list[object]) -> object:
        answer = run(script, keys, args)  # type: ignore[arg-type]
        if script == "clear_rejected":
            calls.append(answer)
        return run(script, keys, args)  # type: ignore[arg-type]

    pipeline.link.run = run_twice  # type: ignore[method-assign,assignment]
    kept.retry()
    pipeline.link.run = run  # type: ignore[method-assign]
    assert calls == [[20, 0], [20, 0], [20, 0]]
    assert (pipeline.queue.depth(), len(kept)) == (60, 0)


def poll_without_time(number: int) -> dict[str, object]:
    return {"plc_code": "P", "timestamp": "soon", "tag_values": {"D": number}}


@pytest.mark.parametrize("arguments", [("--retry", "--drop"), ("--what",)])
def test_rejected_refuses_what_it_does_not_know(pipeline: Pipeline, arguments: tuple[str, ...]) -> None:
    assert command(pipeline, *arguments).returncode == 2


def test_rejected_says_when_redis_is_away(pipeline: Pipeline) -> None:
    pipeline.environment["REDIS_URL"] = "redis://127.0.0.1:1/0"
    done = command(pipeline, "--retry")
    assert (done.returncode, "error: Redis at 127.0.0.1:1" in done.stderr) == (1, True)


def test_values_that_come_before_the_writer_wait_in_the_dataqueue(pipeline: Pipeline) -> None:
    """Kind: a start is taken for an outage: values overflowed while the DataQueue was nearly empty."""
    # Given: a consumer, a buffer that fills at once, and no writer yet
    pipeline.start_and_wait("consumer", BUFFER_MAX_SIZE="2000")
    expected = pipeline.put(polls=12, tags=500)
    # Two messages are claimed at a time, or one: where the next two do not fit it is full.
    wait_until(lambda: pipeline.snapshot().in_buffer >= 1500, what="a full buffer")
    # If: it beats for longer than a consumer waited for a writer once (1.5 s)
    (name,) = [name for name in pipeline.living() if name.startswith("consumer")]
    beats: list[str] = []
    while len(beats) < 5:
        beats.append(wait_until(lambda: next_beat(pipeline, name, beats), what="a beat"))
    # Expect: what has no room waits where it was, and is written when the writer comes
    assert pipeline.snapshot()[Counter.OVERFLOWED] == 0
    pipeline.start("writer", BUFFER_MAX_SIZE="2000")
    ledger = pipeline.wait_until_idle()
    assert ledger[Counter.OVERFLOWED] == 0
    assert ledger[Counter.WRITTEN] + ledger[Counter.BACKED_UP] == len(expected)


def next_beat(pipeline: Pipeline, name: str, before: list[str]) -> str | None:
    beat = pipeline.link.hash(pipeline.keys.service(*name.split(":", 1)))["beat_at"]
    return None if beat in before else beat


def test_a_dataqueue_at_its_bound_overflows_the_oldest(pipeline: Pipeline) -> None:
    # Given: a full buffer, and nobody who drains it
    pipeline.start_and_wait("consumer", BUFFER_MAX_SIZE="1000", CONSUMER_HOLD_MESSAGES="4")
    pipeline.put(polls=10, tags=100)
    wait_until(lambda: pipeline.snapshot().in_buffer == 1000, what="a full buffer")
    # If: more than five times that many messages wait
    pipeline.put(polls=30, tags=100)
    # Expect: values overflow until fewer wait
    snapshot = wait_until(
        lambda: found if (found := pipeline.snapshot())[Counter.OVERFLOWED] >= 500 else None, what="values to overflow"
    )
    wait_until(lambda: 0 < pipeline.queue.depth() < 20, what="fewer messages than the bound")
    assert snapshot.balances


def test_a_message_of_more_values_than_the_buffer_holds_overflows_nothing(pipeline: Pipeline) -> None:
    """Kind: values overflow although everybody works: a poll of 3,000 tags lost 2,000 of them, each time."""
    pipeline.start_and_wait("consumer", BUFFER_MAX_SIZE="1000")
    pipeline.start_and_wait("writer", BUFFER_MAX_SIZE="1000")
    tags: dict[str, object] = {f"D{tag}": tag for tag in range(3000)}
    message = {
        **GOOD, "tag_values": {**tags, "late": 1}, "error_tags": {"D7": "stale", "dead": "no answer"},
        "tag_qualities": {"D8": "UNCERTAIN"}, "tag_timestamps": {"late": "soon"},
    }  # fmt: skip
    send(pipeline, {**GOOD, "plc_code": "before", "tag_values": {"D": 1}}, message, b"{")
    ledger = pipeline.wait_until_idle()
    assert (ledger[Counter.OVERFLOWED], ledger[Counter.TAGS_REJECTED], ledger[Counter.MESSAGES_REJECTED]) == (0, 1, 1)
    rows = {name: value for (name, _), value in pipeline.table_rows().items()}
    assert len(rows) == ledger[Counter.INSERTED] == 3002
    assert (rows["P.D7"], rows["P.D8"], rows["P.dead"]) == (("7", "BAD"), ("8", "UNCERTAIN"), ("NULL", "BAD"))
    assert {entry.get("tag") for entry in entries(pipeline)} == {"late", None}


def test_what_is_listed_gives_the_terminal_no_order(pipeline: Pipeline) -> None:
    """Kind: a text that anybody may put into Redis, printed where a person works."""
    forged = "\x1b]0;owned\x07\x9b2J\u202eevil\n0 entries"
    entry = {
        "reason": forged,
        "at": forged,
        "consumer": "c",
        "tags": 1,
        "tag": forged,
        "detail": forged,
        "head": forged,
    }
    pipeline.link.command("RPUSH", pipeline.keys.rejected_messages, json.dumps(entry))
    listed = command(pipeline)
    assert listed.returncode == 0
    assert "owned" in listed.stdout
    assert len(listed.stdout.splitlines()) == 3
    assert all(line.isprintable() for line in listed.stdout.splitlines())


@pytest.mark.parametrize("place", ["counters", "window", "rejected_bytes"])
def test_a_count_that_is_none_is_no_reason_to_say_that_nothing_was_cleared(pipeline: Pipeline, place: str) -> None:
    """Kind: a count that could end the move of which it tells: entries were gone, "failed", and counted nowhere."""
    keys, command = pipeline.keys, pipeline.link.command
    command("RPUSH", keys.rejected_messages, ENTRY, ENTRY)
    spoiled = [getattr(keys, place)]
    if place == "window":
        now = int(command("TIME")[0]) // WINDOW_BUCKET_S
        spoiled = [keys.window(now + later) for later in range(6)]
    for key in spoiled:
        if place == "counters":
            command("HSET", key, Counter.REJECTED_RETRIED, "1e6", Counter.REJECTED_DROPPED, "1e6")
        else:
            command("RPUSH", key, "who wrote this?")
    kept = RejectedList(pipeline.link, keys)
    assert kept.retry(Choice(most=1)).done == 1
    for key in spoiled:
        if place == "rejected_bytes":
            command("SET", key, "who wrote this?")
    command("RPUSH", keys.rejected_messages, ENTRY)
    assert kept.retry(Choice(most=1)).done == 1
    assert kept.drop().done == 1
    assert (pipeline.queue.depth(), len(kept)) == (2, 0)


def test_a_drop_whose_answer_was_lost_takes_the_examples_along_when_it_is_repeated(pipeline: Pipeline) -> None:
    """Kind: a step that is repeated does half of it. The list was empty by then, and what is not there stayed shown."""
    link, keys = pipeline.link, pipeline.keys
    examples = RejectedExamples(link, keys)
    what, code, example = example_of(ENTRY.encode())
    examples.note(what, code, example.at, example)
    examples.flush()
    link.command("RPUSH", keys.rejected_messages, ENTRY)
    drop_rejected(link, keys)  # and the answer was lost
    assert link.command("LLEN", keys.rejected_examples(what, code)) == 1
    assert RejectedList(link, keys).drop().done == 0
    assert link.command("LLEN", keys.rejected_examples(what, code)) == 0
