"""What whoever plays `Sink` (services/writer/sink.py) must promise, said once; deliver/ and recover/ need no more."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import TypeVar

import msgspec
import pytest

from sandbox.harness.waiting import wait_until
from services.writer.sink import CONFLICT, BatchOutcome, SinkError, Verdict
from shared.models import TagValue
from tests.contract.sink.stages import Stage, unfit
from tests.fakes import tag_values

T = TypeVar("T")

#: Seconds after which a call counts as one that never ends: many times what the stages allow it.
NEVER_S = 60.0


def ends(outcome: BatchOutcome) -> tuple[int, int, int, int]:
    """Return how many rows were written, duplicates, rejected, kept."""
    return outcome.written, len(outcome.duplicates), len(outcome.rejected), len(outcome.kept)


def changed(values: Sequence[TagValue], text: str | None) -> list[TagValue]:
    """Return the values of the same keys with another text."""
    return [msgspec.structs.replace(value, tag_value=text) for value in values]


def error_of(call: Callable[[], object]) -> SinkError:
    """Return the error of a call, which is bound to fail within its limit."""
    with pytest.raises(SinkError) as caught:
        begun(call).result(NEVER_S)
    return caught.value


def begun(call: Callable[[], T]) -> Future[T]:
    """Begin a call in a thread that nobody waits for at the end: one that never ends fails its test and no other."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def held_back(stage: Stage, values: Sequence[TagValue]) -> set[Verdict]:
    """Write values of which none is taken and none rejected; return why, whether the call says so or its rows do."""
    try:
        outcome = stage.sink.write(values)
    except SinkError as error:
        return {error.verdict}
    assert ends(outcome) == (0, 0, 0, len(values))
    return {error.verdict for error in outcome.kept}


def works(stage: Stage) -> bool:
    """Tell whether it answers again: what is left of trouble may cost tries."""
    try:
        stage.sink.probe()
    except SinkError:
        return False
    return True


# --- what becomes of rows -------------------------------------------------------------------------------------------


def test_rows_are_stored_as_they_are(stage: Stage) -> None:
    values = [*tag_values(5), msgspec.structs.replace(tag_values(6)[5], tag_value=None, quality="BAD")]
    assert ends(stage.sink.write(values)) == (6, 0, 0, 0)
    assert stage.stored() == {(v.tag_name, v.timestamp): (v.tag_value, v.quality) for v in values}


def test_what_is_there_already_is_a_duplicate_and_nothing_changes(stage: Stage) -> None:
    stage.sink.write(tag_values(3))
    before = stage.stored()
    outcome = stage.sink.write(tag_values(5))
    assert (ends(outcome), outcome.duplicates) == ((2, 3, 0, 0), (0, 1, 2))
    assert before.items() <= stage.stored().items()


def test_other_contents_under_a_key_are_a_conflict_and_what_is_there_stays(stage: Stage) -> None:
    values = tag_values(4)
    stage.sink.write(values)
    before = stage.stored()
    others = [*changed(values[:1], "2"), msgspec.structs.replace(values[1], quality="BAD"), *changed(values[2:3], None)]
    outcome = stage.sink.write([*others, values[3]])
    assert ends(outcome) == (0, 1, 3, 0)
    assert {(error.code, error.verdict) for error in outcome.rejected} == {(CONFLICT, Verdict.ROW)}
    assert stage.stored() == before


def test_a_row_at_fault_is_rejected_alone_with_its_place_and_reason(stage: Stage) -> None:
    values = tag_values(6)
    outcome = stage.sink.write([*values[:2], unfit(), *values[2:]])
    assert ends(outcome) == (6, 0, 1, 0)
    (error,) = outcome.rejected
    assert (error.offset, error.verdict, bool(error.code), bool(error.message)) == (2, Verdict.ROW, True, True)
    assert len(stage.stored()) == 6


def test_each_row_of_a_mixed_batch_ends_in_one_place(stage: Stage) -> None:
    stage.sink.write(tag_values(4))
    values = tag_values(8)
    outcome = stage.sink.write([*values[:2], *changed(values[2:4], "2"), unfit(), *values[4:]])
    assert (ends(outcome), outcome.duplicates) == ((4, 2, 3, 0), (0, 1))
    assert [error.offset for error in outcome.rejected] == [2, 3, 4]


def test_a_key_that_comes_twice_in_one_batch_is_stored_once(stage: Stage) -> None:
    value = tag_values(1)
    assert ends(stage.sink.write([*value, *value, *changed(value, "2")])) == (1, 1, 1, 0)
    assert list(stage.stored().values()) == [("1.5", "GOOD")]


def test_for_the_tables_own_fault_no_row_is_rejected(stage: Stage) -> None:
    """Whether the call fails or its rows are kept, it is CONFIGURATION; once it is mended, all are taken."""
    stage.sink.write(tag_values(2))
    stage.refuse_every_row()
    values = tag_values(10)[2:]
    assert held_back(stage, values) == {Verdict.CONFIGURATION}
    assert len(stage.stored()) == 2
    stage.mend()
    assert ends(stage.sink.write(values)) == (8, 0, 0, 0)


# --- calls that fail as a whole -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verdict", [Verdict.SPACE, Verdict.TRANSIENT, Verdict.CONNECTION_LOST, Verdict.CONFIGURATION], ids=lambda v: v.value
)
def test_a_call_that_fails_says_what_to_do_and_stores_nothing(stage: Stage, verdict: Verdict) -> None:
    stage.sink.probe()
    stage.fail_next(verdict)
    error = error_of(lambda: stage.sink.write(tag_values(5)))
    assert (error.verdict, error.needs_a_person) == (verdict, verdict is Verdict.CONFIGURATION)
    assert (bool(error.code), bool(str(error)), "\n" in str(error)) == (True, True, False)
    assert stage.stored() == {}
    assert ends(stage.sink.write(tag_values(5))) == (5, 0, 0, 0)


@pytest.mark.parametrize("there", [0, 2], ids=["all are new", "some are refused"])
def test_after_a_lost_answer_the_same_batch_makes_no_second_row(stage: Stage, there: int) -> None:
    """Where rows are refused the commit is a call of its own: its answer may be lost, too."""
    stage.sink.probe()
    if there:
        stage.sink.write(tag_values(there))
    stage.lose_next_answer()
    error = error_of(lambda: stage.sink.write(tag_values(5)))
    assert error.verdict in (Verdict.CONNECTION_LOST, Verdict.TRANSIENT)
    wait_until(lambda: len(stage.stored()) == 5, what="the rows of the lost answer")
    assert ends(stage.sink.write(tag_values(7))) == (2, 5, 0, 0)
    assert len(stage.stored()) == 7


def test_refused_credentials_are_a_persons_affair(stage: Stage) -> None:
    stage.refuse_the_logon()
    error = error_of(stage.sink.probe)
    assert (error.verdict, error.needs_a_person) == (Verdict.CREDENTIALS, True)


@pytest.mark.parametrize("trouble", ["go_away", "fall_silent"])
@pytest.mark.parametrize("call", ["write", "lookup", "probe"])
def test_every_call_ends_whatever_befalls_the_other_side(stage: Stage, trouble: str, call: str) -> None:
    stage.sink.write(tag_values(1))
    getattr(stage, trouble)()
    calls: dict[str, Callable[[], object]] = {
        "write": lambda: stage.sink.write(tag_values(5)),
        "lookup": lambda: stage.sink.lookup(tag_values(5)),
        "probe": stage.sink.probe,
    }
    for _ in range(2):
        assert error_of(calls[call]).verdict in (Verdict.CONNECTION_LOST, Verdict.TRANSIENT)
    stage.mend()
    wait_until(lambda: works(stage), what="the sink to work again")
    assert ends(stage.sink.write(tag_values(5))) in {(4, 1, 0, 0), (0, 5, 0, 0)}
    assert len(stage.stored()) == 5


# --- probe, look-up, target, threads, closing -----------------------------------------------------------------------


def test_a_probe_stores_nothing_and_tells_where_values_go(stage: Stage) -> None:
    stage.sink.probe()
    target = stage.sink.target
    assert (bool(target.table), bool(target.dsn), stage.stored()) == (True, True, {})
    assert target == stage.sink.target, "files are labelled with it: it stays as it is"
    opened, busy = stage.sink.connections
    assert (opened > 0, busy, stage.sink.shortage) == (True, 0, None)


def test_a_look_up_answers_in_the_order_of_the_question_and_stores_nothing(stage: Stage) -> None:
    values = tag_values(4)
    nothing = msgspec.structs.replace(values[1], tag_value=None, quality="BAD")
    stage.sink.write([values[0], nothing, values[3]])
    before = stage.stored()
    asked = [values[3], values[2], *changed([values[0]], "another"), values[1]]
    assert stage.sink.lookup(asked) == [("1.5", "GOOD"), None, ("1.5", "GOOD"), (None, "BAD")]
    assert stage.sink.lookup([]) == []
    assert stage.stored() == before


def test_many_threads_may_write_at_once(stage: Stage) -> None:
    values = tag_values(80)
    batches = [values[begin : begin + 20] for begin in range(0, 80, 10)]
    with ThreadPoolExecutor(len(batches)) as threads:
        outcomes = list(threads.map(stage.sink.write, [batch for batch in batches if batch]))
    assert sum(outcome.written for outcome in outcomes) == len(stage.stored()) == 80
    assert {len(outcome.rejected) + len(outcome.kept) for outcome in outcomes} == {0}


def test_closing_waits_for_nobody_and_a_closed_sink_takes_nothing(stage: Stage) -> None:
    stage.sink.write(tag_values(1))
    stage.fall_silent()
    hanging = begun(lambda: stage.sink.write(tag_values(2)))
    begun(stage.sink.close).result(NEVER_S)
    with pytest.raises(SinkError):
        hanging.result(NEVER_S)
    stage.mend()
    assert error_of(lambda: stage.sink.write(tag_values(3))).verdict is Verdict.TRANSIENT
    assert tag_values(3)[2].tag_name not in {name for name, _ in stage.stored()}
    stage.sink.close()
