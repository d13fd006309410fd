from collections.abc import Callable, Sequence
from datetime import datetime

import pytest

from services.writer.deliver.insertion import Insertion, insert_with_retries
from services.writer.oracle.errors import oracle_error, row_error
from services.writer.sink import BatchOutcome, SinkError, decide
from shared.lifecycle import StopFlag
from shared.models import TagValue

NOON = datetime(2025, 11, 2, 12)


def values(count: int) -> list[TagValue]:
    return [TagValue(NOON, "P", f"D{n}", "1", "GOOD") for n in range(count)]


class ScriptedSink:
    """A table in memory; `before` is asked before each call and may raise."""

    def __init__(self, before: Callable[[int, Sequence[TagValue]], None] = lambda _call, _values: None) -> None:
        self.rows: list[TagValue] = []
        self.calls = 0
        self._before = before
        self.row_errors: dict[str, str] = {}

    def write(self, values: Sequence[TagValue]) -> BatchOutcome:
        self.calls += 1
        self._before(self.calls, values)
        errors = [
            row_error(offset, "ORA-00001" if value in self.rows else self.row_errors[value.tag_address], "no")
            for offset, value in enumerate(values)
            if value in self.rows or value.tag_address in self.row_errors
        ]
        failed = {error.offset for error in errors}
        self.rows += [value for offset, value in enumerate(values) if offset not in failed]
        return decide(len(values), errors)


def run(sink: ScriptedSink, count: int, retries: int = 3) -> tuple[Insertion, SinkError | None]:
    insert = Insertion(values(count))
    return insert, insert_with_retries(insert, sink, [0.0] * retries, StopFlag())


def test_each_row_ends_in_one_place() -> None:
    sink = ScriptedSink()
    sink.rows = values(2)
    sink.row_errors = {"D3": "ORA-12899"}

    insert, error = run(sink, 5)

    assert error is None

    assert (insert.written, len(insert.duplicates), [v.tag_address for v, _ in insert.rejected]) == (2, 2, ["D3"])
    assert insert.rest == []


def test_outage_is_retried_as_often_as_told() -> None:
    def away(_call: int, _values: Sequence[TagValue]) -> None:
        raise oracle_error("DPY-6005", "away")

    sink = ScriptedSink(away)
    insert, error = run(sink, 5)
    assert error is not None
    assert error.code == "DPY-6005"
    assert (sink.calls, len(insert.rest)) == (4, 5)


def test_wrong_password_is_tried_once() -> None:
    def refused(_call: int, _values: Sequence[TagValue]) -> None:
        raise oracle_error("ORA-01017", "wrong password")

    sink = ScriptedSink(refused)
    assert run(sink, 5)[1] is not None
    assert sink.calls == 1


@pytest.mark.parametrize("code", ["DPY-3013", "ORA-20001"])
def test_row_that_fails_the_whole_call_is_found_and_rejected(code: str) -> None:
    def poison(_call: int, values: Sequence[TagValue]) -> None:
        if any(value.tag_address == "D7" for value in values):
            raise oracle_error(code, "poison")

    insert, error = run(ScriptedSink(poison), 20, retries=1)

    assert error is None

    assert insert.written == 19
    assert [(v.tag_address, error.code) for v, error in insert.rejected] == [("D7", code)]


def test_an_error_that_no_row_is_proven_to_cause_rejects_none() -> None:
    """Kind: rows blamed for what is not theirs; the sink says ROW only where it takes others."""

    def broken(_call: int, _values: Sequence[TagValue]) -> None:
        raise oracle_error("ORA-99999", "who knows")

    for size in (1, 500):
        sink = ScriptedSink(broken)
        insert, error = run(sink, size)
        assert error is not None
        assert (insert.rejected, insert.rest) == ([], values(size))
        assert sink.calls == 4


def test_outage_amid_halving_keeps_what_has_no_outcome() -> None:
    def script(call: int, _values: Sequence[TagValue]) -> None:
        if call == 1:
            raise oracle_error("DPY-3013", "a value of another type")
        if call == 3:
            raise oracle_error("DPY-6005", "away")

    sink = ScriptedSink(script)
    insert = Insertion(values(10))
    assert insert_with_retries(insert, sink, [], StopFlag()) is not None
    assert insert.written == 5
    assert insert.rest == values(10)[5:]

    assert insert_with_retries(insert, sink, [], StopFlag()) is None
    assert (insert.written, insert.rest) == (10, [])


def test_stop_ends_the_wait_for_a_retry() -> None:
    def away(_call: int, _values: Sequence[TagValue]) -> None:
        raise oracle_error("DPY-6005", "away")

    stop = StopFlag()
    stop.set()
    sink = ScriptedSink(away)
    assert insert_with_retries(Insertion(values(1)), sink, [60.0], stop) is not None
    assert sink.calls == 1


def test_what_another_found_out_meanwhile_ends_the_tries() -> None:
    def away(_call: int, _values: Sequence[TagValue]) -> None:
        raise oracle_error("DPY-6005", "away")

    sink = ScriptedSink(away)
    assert insert_with_retries(Insertion(values(1)), sink, [0.0] * 3, StopFlag(), may_go_on=lambda: False) is not None
    assert sink.calls == 1
