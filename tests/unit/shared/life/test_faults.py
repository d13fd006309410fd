"""The unforeseen costs one turn of a loop; only a fault that repeats ends the process."""

import pytest

from shared.errors import FatalError
from shared.life.faults import MAX_FAULTS, WITHIN_S, Faults
from shared.lifecycle import StopFlag
from shared.records.events import Event
from tests.fakes import FakeClock, FakeEvents


@pytest.fixture
def stop() -> StopFlag:
    """Stopped already, so that no pause is waited for."""
    flag = StopFlag()
    flag.set()
    return flag


def test_a_fault_is_said_and_the_loop_goes_on(stop: StopFlag) -> None:
    events, clock = FakeEvents(), FakeClock()
    faults = Faults(events, clock, "worker-1")
    for _ in range(20):
        faults.met(ValueError("list.remove(x): x not in list"), stop)
        clock.seconds += WITHIN_S / (MAX_FAULTS - 2)
    assert events.kinds == [Event.FAULT] * 20


def test_a_fault_that_repeats_ends_the_process(stop: StopFlag) -> None:
    faults = Faults(FakeEvents(), FakeClock(), "worker-1")
    for _ in range(MAX_FAULTS - 1):
        faults.met(ValueError("again"), stop)
    with pytest.raises(FatalError, match=r"worker-1 met 5 faults within 60 s, the last one ValueError\('again'\)"):
        faults.met(ValueError("again"), stop)


def test_the_faults_of_a_side_path_never_end_the_process(stop: StopFlag) -> None:
    events, clock = FakeEvents(), FakeClock()
    faults = Faults(events, clock, "chores", ends_the_process=False)
    for _ in range(10 * 60):
        faults.met(ValueError("again"), stop)
        clock.seconds += 1
    # Nor do they push out other events: once a minute when they repeat.
    assert MAX_FAULTS <= len(events.kinds) <= 20


def test_what_is_fatal_stays_fatal(stop: StopFlag) -> None:
    with pytest.raises(FatalError, match="four threads hang"):
        Faults(FakeEvents(), FakeClock(), "worker-1").met(FatalError("four threads hang"), stop)
