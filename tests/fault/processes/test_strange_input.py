"""What comes from outside and is not as it should be: clocks, messages, a queue that somebody else filled."""

import resource
import time
from pathlib import Path

import pytest

from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.keys import Keys
from tests.fault.ledger import drain, events
from tests.pipeline import Pipeline


def test_the_clock_jumps_by_an_hour(pipeline: Pipeline) -> None:
    # Given: services whose wall clock is an hour off as soon as a file is there, ahead or back
    jump = pipeline.directory / "jump"
    (pipeline.directory / "sitecustomize.py").write_text(
        "import datetime as d, pathlib\n"
        "from shared.clock import SystemClock\n"
        f"jump = pathlib.Path({str(jump)!r})\n"
        "def now(self):\n"
        "    real = d.datetime.now(d.UTC)\n"
        "    return real + d.timedelta(hours=float(jump.read_text())) if jump.exists() else real\n"
        "SystemClock.now = now\n"
    )
    path = f"{pipeline.directory}:{pipeline.environment['PYTHONPATH']}"
    pipeline.start_and_wait("consumer", PYTHONPATH=path)
    pipeline.start_and_wait("writer", PYTHONPATH=path)
    expected = pipeline.put(polls=3, tags=300)
    for hours in ("1", "-1"):
        pipeline.wait_until_idle()
        jump.write_text(hours)
        expected |= pipeline.put(polls=3, tags=300)
    ledger = drain(pipeline)
    assert ledger[Counter.WRITTEN] == len(expected)
    assert pipeline.table_rows() == expected


@pytest.mark.req("FR-001")
def test_malformed_messages_go_to_the_rejected_list_and_stop_nobody(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    bad = [b"", b"{", b"null", b"\xff\x00", b'{"timestamp":"soon","plc_code":"P"}', b'{"plc_code":"P"}']
    expected = pipeline.put(polls=2, tags=10)
    pipeline.link.command("RPUSH", pipeline.keys.data_queue, *bad)
    expected |= pipeline.put(polls=2, tags=10)
    ledger = drain(pipeline)
    assert ledger[Counter.MESSAGES_REJECTED] == ledger.rejected_messages_kept == len(bad)
    kept = pipeline.link.command("LRANGE", pipeline.keys.rejected_messages, 0, -1)
    assert all(b'"reason"' in entry for entry in kept)
    assert b"Invalid isoformat string: 'soon'" in kept[4]
    assert b"message_base64" in kept[3]
    assert pipeline.table_rows() == expected
    wait_until(lambda: "message_rejected" in events(pipeline), what="the event")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("messages", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_queue_that_a_foreign_producer_filled_is_drained_in_order_in_bounded_memory(
    pipeline: Pipeline, keys: Keys, messages: int
) -> None:
    for start in range(0, messages, 5000):
        pipeline.link.command(
            "RPUSH",
            keys.data_queue,
            *(
                f'{{"timestamp":"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}","plc_code":"P",'
                f'"tag_values":{{"n":{n}}}}}'.encode()
                if n < 86400
                else f'{{"timestamp":"2026-01-02T00:00:00.{n:06}","plc_code":"P","tag_values":{{"n":{n}}}}}'.encode()
                for n in range(start, start + 5000)
            ),
        )
    consumer = pipeline.start("consumer")
    pipeline.start("writer")
    peak = 0
    order: list[int] = []
    while (snapshot := pipeline.snapshot())[Counter.INSERTED] != messages:
        head = pipeline.link.command("LINDEX", keys.data_queue, 0)
        if head:
            order.append(int(head.rsplit(b":", 1)[1].strip(b"}")))
        peak = max(peak, _resident_bytes(consumer.pid))
        time.sleep(0.02)
    assert order == sorted(order)
    assert peak < 120_000_000
    assert snapshot[Counter.OVERFLOWED] == 0
    pipeline.wait_until_idle(90)
    assert pipeline.oracle.count(pipeline.table) == messages


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
