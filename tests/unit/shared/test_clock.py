"""The machine's clocks as the services use them."""

import errno
import shutil
import subprocess
import sys
import time

import pytest

from shared.clock import SystemClock, _steady_clock

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


def test_a_kernel_without_that_clock_has_the_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: worked here, refused there. gVisor answered EINVAL, and no service would have started."""

    def refuse(_clock: int) -> float:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(time, "clock_gettime", refuse)
    assert _steady_clock() == time.CLOCK_MONOTONIC


def test_it_goes_on_and_never_back() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
