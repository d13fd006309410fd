import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.oracle.errors import row_error, verdict_of
from services.writer.sink import RowError, Verdict, decide

CODES = ["ORA-00001", "ORA-12899", "ORA-01400", "ORA-01653", "ORA-00060", "ORA-00942", "ORA-77777", "DPY-4011"]


@st.composite
def batches(draw: st.DrawFn) -> tuple[int, list[RowError]]:
    size = draw(st.integers(1, 500))
    offsets = draw(st.lists(st.integers(0, size - 1), unique=True))
    return size, [row_error(offset, draw(st.sampled_from(CODES)), "text") for offset in offsets]


@pytest.mark.req("EC-4")
@given(batches())
def test_every_row_of_a_batch_ends_in_exactly_one_place(batch: tuple[int, list[RowError]]) -> None:
    size, errors = batch
    outcome = decide(size, errors)
    named = [*outcome.duplicates, *(e.offset for e in outcome.rejected), *(e.offset for e in outcome.kept)]
    assert len(named) == len(set(named)) == len(errors)
    assert outcome.written == size - len(errors)
    assert outcome.written >= 0
    for error in errors:
        places = (
            error.offset in outcome.duplicates,
            error in outcome.rejected,
            error in outcome.kept,
        )
        verdict = error.verdict
        assert places == (
            verdict is Verdict.DUPLICATE,
            verdict is Verdict.ROW,
            verdict not in (Verdict.DUPLICATE, Verdict.ROW),
        )


def test_the_order_in_which_errors_are_reported_does_not_matter() -> None:
    errors = [row_error(4, "ORA-01438", "x"), row_error(2, "ORA-00001", "y"), row_error(3, "ORA-01653", "z")]
    outcome = decide(6, errors)
    assert outcome == decide(6, errors[::-1])
    assert (outcome.duplicates, [e.offset for e in outcome.rejected], [e.offset for e in outcome.kept]) == (
        (2,),
        [4],
        [3],
    )


@pytest.mark.parametrize("offsets", [[5], [-1], [1, 1]])
def test_errors_that_do_not_fit_the_batch_settle_nothing(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        decide(5, [row_error(offset, "ORA-00001", "") for offset in offsets])


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("ORA-00001", Verdict.DUPLICATE), ("ORA-12899", Verdict.ROW), ("ORA-01858", Verdict.ROW),
        ("DPY-3013", Verdict.ROW), ("DPY-4004", Verdict.ROW), ("ORA-02290", Verdict.ROW),
        ("DPY-4011", Verdict.CONNECTION_LOST), ("ORA-03113", Verdict.CONNECTION_LOST),
        ("DPY-6005", Verdict.TRANSIENT), ("DPY-4024", Verdict.TRANSIENT), ("ORA-00060", Verdict.TRANSIENT),
        ("ORA-01653", Verdict.SPACE), ("ORA-12954", Verdict.SPACE), ("ORA-01017", Verdict.CREDENTIALS),
        ("ORA-00942", Verdict.CONFIGURATION), ("ORA-99999", Verdict.UNKNOWN), ("UNKNOWN", Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_the_meaning_of_an_error_code(code: str, verdict: Verdict) -> None:
    assert verdict_of(code) is verdict
