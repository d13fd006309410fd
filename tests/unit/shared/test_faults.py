"""The unforeseen costs one turn of a loop; only a fault that repeats ends the process."""

import pytest

from shared.errors import FatalError
from shared.events import EventLog
from shared.faults import MAX_FAULTS, WITHIN_S, Faults
from shared.lifecycle import StopFlag
from shared.records.events import Event
from shared.records.reading import Record
from tests.fakes import FakeClock


class Diary(EventLog):
    """Events kept in a list."""

    def __init__(self) -> None:
        self.kinds: list[Event] = []

    def add(self, kind: Event, message: str, details: Record | None = None) -> None:
        del message, details
        self.kinds.append(kind)


@pytest.fixture
def stop() -> StopFlag:
    """Stopped already, so that no pause is waited for."""
    flag = StopFlag()
    flag.set()
    return flag


def test_a_fault_is_said_and_the_loop_goes_on(stop: StopFlag) -> None:
    diary, clock = Diary(), FakeClock()
    faults = Faults(diary, clock, "worker-1")
    for _ in range(20):
        faults.met(ValueError("list.remove(x): x not in list"), stop)
        clock.seconds += WITHIN_S / (MAX_FAULTS - 2)
    assert diary.kinds == [Event.FAULT] * 20


def test_a_fault_that_repeats_ends_the_process(stop: StopFlag) -> None:
    faults = Faults(Diary(), FakeClock(), "worker-1")
    for _ in range(MAX_FAULTS - 1):
        faults.met(ValueError("again"), stop)
    with pytest.raises(FatalError, match=r"worker-1 met 5 faults within 60 s, the last one ValueError\('again'\)"):
        faults.met(ValueError("again"), stop)


def test_the_faults_of_a_side_path_never_end_the_process(stop: StopFlag) -> None:
    diary, clock = Diary(), FakeClock()
    faults = Faults(diary, clock, "chores", ends_the_process=False)
    for _ in range(10 * 60):
        faults.met(ValueError("again"), stop)
        clock.seconds += 1
    # Nor do they fill the diary: once a minute when they repeat.
    assert MAX_FAULTS <= len(diary.kinds) <= 20


def test_what_is_fatal_stays_fatal(stop: StopFlag) -> None:
    with pytest.raises(FatalError, match="four threads hang"):
        Faults(Diary(), FakeClock(), "worker-1").met(FatalError("four threads hang"), stop)
