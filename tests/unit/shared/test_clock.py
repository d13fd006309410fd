"""The machine's clocks as the services use them."""

import shutil
import subprocess
import sys

import pytest

from shared.clock import SystemClock

_SHIFT_S = 5000


def test_time_passes_while_the_machine_is_suspended() -> None:
    """Kind: a moment taken for a span. Linux' CLOCK_MONOTONIC stands still meanwhile, and everybody else goes on: a
    poller that woke up dated what it read before the takeover that it had slept through, and polls that were not made
    were counted by nobody.

    Here the two clocks differ as after a suspended hour.
    """
    unshare = shutil.which("unshare")
    program = "import time; from shared.clock import SystemClock; print(SystemClock().monotonic() - time.monotonic())"
    shifted = [unshare or "unshare", "--time", "--boottime", str(_SHIFT_S), "--fork", sys.executable, "-c", program]
    if unshare is None or subprocess.run([*shifted[:-1], ""], capture_output=True, check=False).returncode != 0:
        pytest.skip("no time namespace can be made here")
    done = subprocess.run(shifted, capture_output=True, text=True, check=True)
    assert float(done.stdout) >= _SHIFT_S - 1


def test_it_goes_on_and_never_back() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
