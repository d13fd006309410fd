from collections.abc import Sequence
from pathlib import Path

import pytest

from services.writer.backup.index import Manifest
from services.writer.deliver.breaker import Breaker
from services.writer.deliver.delivery import Delivery
from services.writer.deliver.report import Report
from services.writer.sink import CONFLICT, RowError, SinkError, Verdict
from shared.models import Decoded, TagValue
from shared.records.heartbeats import BreakerState
from tests.fakes import FakeClock, FakeEvents, FakeLink, FakeStop, ScriptedSink, Step, tag_values
from tests.unit.writer.deliver.stages import KEYS
from tests.unit.writer.fakes import FakeFile, failing, raising_when

LOST = SinkError("LOST", "the other side closed the connection", Verdict.CONNECTION_LOST)
STRANGE = SinkError("STRANGE", "never seen", Verdict.UNKNOWN)
#: What the sink makes of it when it takes other rows.
A_ROWS = SinkError("STRANGE", "never seen", Verdict.ROW)
FULL = SinkError("FULL", "no room", Verdict.SPACE)


class Bench:
    """A Delivery over fakes."""

    def __init__(self, *script: Step, backup_failures: int = 0) -> None:
        self.sink = ScriptedSink(*script)
        self.breaker = Breaker(5.0)
        self.backup = FakeFile(backup_failures)
        self.rejects = FakeFile()
        self.stop = FakeStop()
        self.delivery = Delivery(
            sink=self.sink,
            breaker=self.breaker,
            backup=self.backup,
            rejects=self.rejects,
            report=Report(FakeEvents(), self.breaker, Manifest(FakeLink(), KEYS, Path("none")), FakeLink(), KEYS),
            clock=FakeClock(),
            retry_delays_s=[1.0, 2.0, 4.0],
        )

    def deliver(self, values: list[TagValue], unreadable: Sequence[bytes] = ()) -> dict[str, int]:
        delivered = self.delivery.deliver(Decoded(values, [(raw, "why") for raw in unreadable]), self.stop)
        assert delivered is not None
        return {str(name): count for name, count in delivered.counts.items() if count and ":" not in name}


def test_a_batch_that_oracle_takes_is_written() -> None:
    bench = Bench()
    assert bench.deliver(tag_values(500)) == {"written": 500, "batches_written": 1}
    assert bench.sink.calls == [500]


@pytest.mark.req("EC-4")
def test_bad_rows_cost_the_others_nothing() -> None:
    bench = Bench(failing("D3", "D7"))
    assert bench.deliver(tag_values(500)) == {"written": 498, "rejected": 2, "batches_written": 1}
    assert [row[2] for row in bench.rejects.rows] == ["D3", "D7"]
    assert bench.rejects.rows[0][-2:] == ("CODE", "why")


@pytest.mark.req("FR-010")
def test_a_failed_batch_is_tried_again_after_1_2_and_4_seconds() -> None:
    bench = Bench(LOST, LOST, LOST)
    assert bench.deliver(tag_values(5)) == {"written": 5, "batches_written": 1, "retries": 3}
    assert bench.stop.waits == [1.0, 2.0, 4.0]
    assert bench.breaker.state is BreakerState.CLOSED


@pytest.mark.req("FR-010", "FR-011")
def test_after_four_failures_the_batch_is_backed_up_and_the_next_goes_there_at_once() -> None:
    bench = Bench(LOST, LOST, LOST, LOST)
    assert bench.deliver(tag_values(5)) == {"backed_up": 5, "batches_failed": 1, "retries": 3}
    assert bench.breaker.state is BreakerState.OPEN
    assert bench.deliver(tag_values(5)) == {"backed_up": 5, "batches_failed": 1}
    assert bench.sink.calls == [5, 5, 5, 5]
    assert len(bench.backup.rows) == 10


@pytest.mark.req("FR-010", "EC-8")
def test_an_error_that_repeating_cant_cure_is_not_repeated() -> None:
    bench = Bench(SinkError("TABLE", "no table", Verdict.CONFIGURATION))
    assert bench.deliver(tag_values(5))["backed_up"] == 5
    assert bench.stop.waits == []
    assert bench.sink.calls == [5]


def test_rows_that_are_not_at_fault_are_kept_and_only_they_are_tried_again() -> None:
    bench = Bench(failing("D1", "D2", verdict=Verdict.SPACE))
    assert bench.deliver(tag_values(10)) == {"written": 10, "batches_written": 1, "retries": 1}
    assert bench.sink.calls == [10, 2]


def test_a_full_tablespace_rejects_no_row() -> None:
    bench = Bench(*[FULL] * 4)
    assert bench.deliver(tag_values(5))["backed_up"] == 5
    assert bench.rejects.rows == []


def test_one_row_that_fails_the_whole_call_for_an_unknown_reason_is_found_by_halving() -> None:
    bench = Bench(*[raising_when("D137", error=A_ROWS)] * 100)
    counts = bench.deliver(tag_values(500))
    assert (counts["written"], counts["rejected"]) == (499, 1)
    assert bench.rejects.rows[0][2] == "D137"
    assert bench.stop.waits == []
    assert len(bench.sink.calls) < 2 * 10
    assert bench.breaker.state is BreakerState.CLOSED


def test_several_such_rows_are_found_too() -> None:
    guilty = {"D0", "D250", "D251", "D499"}
    bench = Bench(*[raising_when(*guilty, error=A_ROWS)] * 200)
    counts = bench.deliver(tag_values(500))
    assert (counts["written"], counts["rejected"]) == (496, 4)
    assert {row[2] for row in bench.rejects.rows} == guilty


def test_an_unknown_error_that_lets_no_row_through_is_not_blamed_on_the_rows() -> None:
    bench = Bench(*[STRANGE] * 2000)
    assert bench.deliver(tag_values(500))["backed_up"] == 500
    assert bench.rejects.rows == []
    assert len(bench.sink.calls) == 4
    # A person must hear of what nobody knows.
    assert bench.breaker.cause is not None
    assert bench.breaker.cause.needs_a_person


def test_a_row_that_the_driver_cant_bind_is_found_without_retries() -> None:
    bench = Bench(*[raising_when("D2", error=A_ROWS)] * 20)
    counts = bench.deliver(tag_values(8))
    assert (counts["written"], counts["rejected"]) == (7, 1)
    assert bench.stop.waits == []


def test_an_outage_in_the_middle_of_halving_keeps_what_is_left() -> None:
    bench = Bench(*[raising_when("D5", error=A_ROWS)] * 3, *[LOST] * 20)
    counts = bench.deliver(tag_values(8))
    assert counts == {"written": 4, "backed_up": 4, "batches_failed": 1, "retries": 3}
    assert len(bench.sink.stored) == counts["written"]


def test_an_element_that_is_no_value_is_rejected_and_the_rest_is_written() -> None:
    bench = Bench()
    assert bench.deliver(tag_values(2), [b"[7]"]) == {
        "written": 2, "rejected": 1, "batches_written": 1,
    }  # fmt: skip
    assert bench.rejects.rows[0][4] == "[7]"
    assert bench.rejects.rows[0][-2:] == ("NOT_A_VALUE", "not a TagValue: why")


@pytest.mark.req("EC-5")
def test_a_backup_that_cant_be_written_is_tried_until_it_can() -> None:
    bench = Bench(LOST, LOST, LOST, LOST, backup_failures=3)
    assert bench.deliver(tag_values(5))["backed_up"] == 5
    assert bench.stop.waits == [1.0, 2.0, 4.0, 1.0, 1.0, 1.0]


@pytest.mark.req("EC-5", "EC-7")
def test_a_stop_while_nothing_can_be_written_settles_nothing() -> None:
    bench = Bench(LOST, LOST, LOST, LOST, backup_failures=1)
    bench.stop.set()
    assert bench.delivery.deliver(Decoded(tag_values(5)), bench.stop) is None
    assert bench.backup.rows == []


def test_an_outcome_that_does_not_cover_the_batch_is_never_settled() -> None:
    bench = Bench()
    delivered = bench.delivery.deliver(Decoded(tag_values(3)), bench.stop)
    assert delivered is not None
    delivered.written = 2
    with pytest.raises(RuntimeError, match="3 values in the batch"):
        _ = delivered.counts


def test_conflicts_are_rejected_rows_and_counted_exactly() -> None:
    """Kind: values thrown away as duplicates. 2,400 were, and a sample of 250 of them counted."""

    def conflicts(values: Sequence[TagValue]) -> list[RowError]:
        return [RowError(n, CONFLICT, "the table holds '2' (GOOD) under this key") for n in range(len(values) - 1)]

    bench = Bench(conflicts)
    assert bench.deliver(tag_values(500)) == {"written": 1, "rejected": 499, "conflicts": 499, "batches_written": 1}
    assert {row[-2] for row in bench.rejects.rows} == {"CONFLICT"}
    assert len(bench.rejects.rows) == 499


def test_a_table_that_refuses_every_row_costs_no_retries_and_rejects_none() -> None:
    """Kind: rows blamed for the table's fault. The sink has tried a row like those it took."""
    bench = Bench(SinkError("PARTITION", "none", Verdict.CONFIGURATION))
    assert bench.deliver(tag_values(500)) == {"backed_up": 500, "batches_failed": 1}
    assert bench.breaker.state is BreakerState.OPEN


def test_rows_refused_before_they_are_bound_do_not_close_the_breaker() -> None:
    """Kind: what is no write taken for proof of one."""
    bench = Bench(LOST, LOST, LOST, LOST, failing("D0", code="TOO_LONG"))
    bench.deliver(tag_values(1))
    bench.breaker.probe_succeeded(bench.delivery.clock.monotonic())
    assert bench.deliver(tag_values(1))["rejected"] == 1
    assert bench.breaker.state is BreakerState.HALF_OPEN


def test_duplicates_are_counted_apart() -> None:
    bench = Bench(failing("D0", "D1", verdict=Verdict.DUPLICATE))
    assert bench.deliver(tag_values(5)) == {"written": 3, "duplicates": 2, "batches_written": 1}


def test_rows_that_a_state_keeps_out_alone_keep_no_others_from_the_table() -> None:
    """Kind: one row's fault costs all. Rows of a month whose partition is read-only opened the breaker, each batch of
    them anew: a plant with one clock that is behind wrote nothing but the backup.
    """
    bench = Bench(*[failing("D1", "D2", verdict=Verdict.SPACE, is_alone=True)] * 99)
    assert bench.deliver(tag_values(10)) == {"written": 8, "backed_up": 2, "batches_written": 1, "retries": 3}
    assert bench.stop.waits == [1.0, 2.0, 4.0]
    assert bench.breaker.state is BreakerState.CLOSED
    # If: they come again; expect: they are not waited for, and a batch of them alone opens nothing either
    bench.sink.calls.clear()
    assert bench.deliver(tag_values(11)) == {"written": 1, "duplicates": 8, "backed_up": 2, "batches_written": 1}
    assert bench.deliver(tag_values(3)[1:]) == {"backed_up": 2, "batches_written": 1}
    assert (bench.sink.calls, len(bench.stop.waits)) == ([11, 2], 3)
    assert bench.breaker.state is BreakerState.CLOSED


def test_a_trial_of_which_some_rows_were_taken_closes_the_breaker() -> None:
    """Kind: as above. No batch of such a plant is taken whole."""
    bench = Bench(LOST, LOST, LOST, LOST, failing("D1", verdict=Verdict.SPACE, is_alone=True))
    bench.deliver(tag_values(5))
    bench.breaker.probe_succeeded(bench.delivery.clock.monotonic())
    assert bench.deliver(tag_values(5)) == {"written": 4, "backed_up": 1, "batches_written": 1}
    assert bench.breaker.state is BreakerState.CLOSED


def test_what_is_left_when_others_are_in_may_meet_an_outage() -> None:
    """Kind: what was true at the first try taken for true at the last."""
    bench = Bench(failing("D1", verdict=Verdict.SPACE, is_alone=True), LOST, LOST, LOST)
    assert bench.deliver(tag_values(5)) == {"written": 4, "backed_up": 1, "batches_failed": 1, "retries": 3}
    assert bench.breaker.state is BreakerState.OPEN
