"""What stands at the other end of a service's stderr is no business of the values'.

Kind: a log line that fails or blocks its caller (ENOSPC, EPIPE, a reader that stands still).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.harness.waiting import wait_until
from tests.fault.disks import mounted
from tests.fault.ledger import assert_nothing_lost_nothing_twice, drain
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline


@pytest.fixture(params=["full disk", "reader gone", "reader stuck"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """A descriptor that takes no log line."""
    if request.param == "full disk":
        disk = tmp_path / "disk"
        with mounted(disk, "4k"):
            (disk / "filler").write_bytes(b"x" * 4096)
            descriptor = os.open(disk / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            yield descriptor
            os.close(descriptor)
        return
    reader, writer = os.pipe()
    if request.param == "reader gone":
        os.close(reader)
    else:
        os.set_blocking(writer, False)
        while True:
            try:
                os.write(writer, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    if request.param == "reader stuck":
        os.close(reader)


def test_values_move_through_an_outage_that_nobody_can_be_told_of(
    pipeline: Pipeline, oracle: OracleTarget, place: int
) -> None:
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    pipeline.stderr = place
    processes = [pipeline.start(service, LOG_LEVEL="DEBUG") for service in ("consumer", "writer")]
    wait_until(lambda: len(pipeline.living()) == 2, what="both services")
    expected = pipeline.put(polls=3, tags=500)
    pipeline.wait_until_idle()
    oracle.control.stop_listening(cut="rst")
    expected |= pipeline.put(polls=3, tags=500)
    pipeline.wait_until_idle()
    oracle.control.listen()
    expected |= pipeline.put(polls=3, tags=500)
    drain(pipeline)
    assert [process.poll() for process in processes] == [None, None]
    assert_nothing_lost_nothing_twice(pipeline, expected)
    assert [pipeline.stop(process, timeout_s=6) for process in processes] == [0, 0]


GROUPS = """
[[group]]
name = "line 1"
plc_code = "PLC01"
interval_ms = 100
[group.source]
type = "simulator"
tags = 10
"""


def test_the_poller_sends_and_the_monitor_answers_though_nobody_takes_their_lines(
    pipeline: Pipeline, place: int, tmp_path: Path
) -> None:
    (tmp_path / "groups.toml").write_text(GROUPS)
    settings = {"LOG_LEVEL": "DEBUG", "POLLER_CONFIG": str(tmp_path / "groups.toml"), "MONITOR_PORT": "0"}
    pipeline.stderr = place
    processes = [pipeline.start(service, **settings) for service in ("poller", "monitor")]
    wait_until(lambda: len(pipeline.living()) == 2, what="both services")
    # A reload is said; it must not be what stops them.
    (tmp_path / "groups.toml").write_text(f"# another\n{GROUPS}")
    depth = pipeline.queue.depth()
    wait_until(lambda: pipeline.queue.depth() > depth + 30, what="polls")
    assert [process.poll() for process in processes] == [None, None]
    assert [pipeline.stop(process, timeout_s=6) for process in processes] == [0, 0]
