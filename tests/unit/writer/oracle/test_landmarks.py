from services.writer.oracle.landmarks import LIFE_S, MOST, Landmarks
from tests.fakes import FakeClock, tag_values


def test_they_are_some_apart_and_of_the_last_minute_however_much_is_written() -> None:
    clock, values = FakeClock(), tag_values(1000)
    landmarks = Landmarks(clock)
    for value in values:
        landmarks.note(value)
        clock.advance(0.5)
    assert landmarks.all() == values[-2 * MOST :: 2]


def test_what_is_older_than_a_day_is_of_no_use() -> None:
    """A retention may have deleted it in good order."""
    clock = FakeClock()
    landmarks = Landmarks(clock)
    landmarks.note(tag_values(1)[0])
    clock.advance(LIFE_S)
    assert landmarks.all() == []
