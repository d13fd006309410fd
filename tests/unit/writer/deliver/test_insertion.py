import pytest

from services.writer.deliver.insertion import Insertion, insert_with_retries
from services.writer.sink import SinkError, Verdict
from shared.lifecycle import StopFlag
from tests.fakes import FakeStop, ScriptedSink, tag_values
from tests.unit.writer.fakes import failing, raising_when

AWAY = SinkError("AWAY", "nobody is there", Verdict.TRANSIENT)
A_ROWS = SinkError("POISON", "a value of another type", Verdict.ROW)


def run(sink: ScriptedSink, count: int, retries: int = 3) -> tuple[Insertion, SinkError | None]:
    insertion = Insertion(tag_values(count))
    return insertion, insert_with_retries(insertion, sink, [0.0] * retries, StopFlag())


def test_each_row_ends_in_one_place() -> None:
    sink = ScriptedSink(failing("D3"))
    sink.stored = tag_values(2)
    insertion, error = run(sink, 5)
    assert error is None
    assert (insertion.written, len(insertion.duplicates)) == (2, 2)
    assert [value.tag_address for value, _ in insertion.rejected] == ["D3"]
    assert insertion.pending == []


def test_outage_is_retried_as_often_as_told() -> None:
    sink = ScriptedSink(*[AWAY] * 9)
    insertion, error = run(sink, 5)
    assert (error, len(sink.calls), len(insertion.pending)) == (AWAY, 4, 5)


def test_the_waits_between_tries_are_those_that_were_given() -> None:
    stop = FakeStop()
    assert insert_with_retries(Insertion(tag_values(1)), ScriptedSink(*[AWAY] * 9), [1.0, 2.0, 4.0], stop) is AWAY
    assert stop.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("verdict", [Verdict.CREDENTIALS, Verdict.CONFIGURATION])
def test_what_a_person_must_see_to_is_tried_once(verdict: Verdict) -> None:
    sink = ScriptedSink(*[SinkError("PERSON", "wrong password, no table", verdict)] * 9)
    assert run(sink, 5)[1] is not None
    assert len(sink.calls) == 1


def test_row_that_fails_the_whole_call_is_found_and_rejected() -> None:
    insertion, error = run(ScriptedSink(*[raising_when("D7", error=A_ROWS)] * 99), 20, retries=1)
    assert (error, insertion.written) == (None, 19)
    assert [(value.tag_address, error.code) for value, error in insertion.rejected] == [("D7", "POISON")]


@pytest.mark.parametrize("size", [1, 500])
def test_an_error_that_no_row_is_proven_to_cause_rejects_none(size: int) -> None:
    """Kind: rows blamed for what is not theirs; the sink says ROW only where it takes others."""
    sink = ScriptedSink(*[SinkError("STRANGE", "who knows", Verdict.UNKNOWN)] * 9)
    insertion, error = run(sink, size)
    assert error is not None
    assert (insertion.rejected, insertion.pending, len(sink.calls)) == ([], tag_values(size), 4)


def test_outage_amid_halving_keeps_what_has_no_outcome() -> None:
    # Given: a call that fails for a row of it, a half that is taken, and then nobody there
    sink = ScriptedSink(A_ROWS, lambda _values: [], AWAY)
    insertion = Insertion(tag_values(10))
    assert insert_with_retries(insertion, sink, [], StopFlag()) is AWAY
    assert (insertion.written, insertion.pending) == (5, tag_values(10)[5:])
    # If it is called again: it goes on with what is left
    assert insert_with_retries(insertion, sink, [], StopFlag()) is None
    assert (insertion.written, insertion.pending) == (10, [])


def test_rows_kept_alone_amid_halving_hold_up_none_of_the_others() -> None:
    kept = failing("D1", verdict=Verdict.SPACE, is_alone=True)
    insertion, error = run(ScriptedSink(A_ROWS, kept), 10, retries=0)
    assert error is not None
    assert (insertion.written, insertion.pending, insertion.is_alone) == (9, tag_values(10)[1:2], True)


def test_stop_ends_the_wait_for_a_retry() -> None:
    stop = StopFlag()
    stop.set()
    sink = ScriptedSink(*[AWAY] * 9)
    assert insert_with_retries(Insertion(tag_values(1)), sink, [60.0], stop) is AWAY
    assert len(sink.calls) == 1


def test_what_another_found_out_meanwhile_ends_the_tries() -> None:
    sink = ScriptedSink(*[AWAY] * 9)
    stop = FakeStop()
    assert insert_with_retries(Insertion(tag_values(1)), sink, [0.0] * 3, stop, may_go_on=lambda: False) is AWAY
    assert len(sink.calls) == 1
