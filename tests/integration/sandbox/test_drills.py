"""The drills as commands: short, but with every process that they take."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from sandbox.harness.command import Command
from sandbox.harness.waiting import wait_until

pytestmark = pytest.mark.e2e


def drill(*arguments: str, **settings: str) -> Command:
    return Command("sandbox.drills", *arguments, environ={**os.environ, **settings})


@pytest.mark.req("OPS-5", "FR-004", "FR-005")
def test_overflow_drill_discards_exactly_the_oldest() -> None:
    process = drill("overflow", "--buffer", "300", "--overflow", "120")
    output = process.output(60)

    assert process.returncode == 0, output
    assert "the buffer holds 300 values, 120 were discarded" in output
    assert "recorded: 120 values of 100 tags lost" in output
    assert "300 equal, 0 different, 0 missing, 0 too many" in output


@pytest.mark.req("OPS-5", "SC-004", "OPS-2")
def test_outage_drill_brings_every_value_into_the_table() -> None:
    # Retries of 1 and 2 s would be most of a short outage.
    process = drill(
        "outage", "--seconds", "3", "--rate", "600", ORACLE_RETRY_BASE_DELAY="0.2", ORACLE_PROBE_INTERVAL="0.5"
    )
    output = process.output(90)

    assert process.returncode == 0, output
    assert "the backup files hold " in output
    assert "the backup files hold 0 values" not in output
    assert " 0 different, 0 missing, 0 too many" in output


def test_drill_is_failed_when_a_value_is_lost() -> None:
    # A small buffer whose consumer may not wait overflows, Oracle or not: the outage drill must say so.
    process = drill("outage", "--seconds", "0.1", "--rate", "5000", BUFFER_MAX_SIZE="100", CONSUMER_HOLD_MESSAGES="0")
    output = process.output(90)

    assert process.returncode == 1, output
    assert "error: values overflowed: " in output


def test_interrupted_drill_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    process = drill("outage", TMPDIR=str(tmp_path))
    assert process.stdout is not None
    first = process.stdout.readline().decode()
    assert _processes_that_know(tmp_path) >= 5
    process.send_signal(signal.SIGINT)
    output = first + process.output(30)

    assert process.returncode == 130, output
    assert "stopped before a verdict" in output
    wait_until(lambda: not _processes_that_know(tmp_path), what="the end of the drill's processes")
    assert list(tmp_path.iterdir()) == []


def _processes_that_know(directory: Path) -> int:
    """Count the processes that have this test's directory in their arguments or environment."""
    listing = subprocess.run(["ps", "axeww", "-o", "command="], capture_output=True, text=True, check=True).stdout
    return sum(str(directory) in line for line in listing.splitlines())


def test_wrong_parameter_is_refused() -> None:
    process = drill("overflow", "--buffer", "0")

    assert "--buffer" in process.output(30)
    assert process.returncode == 2
