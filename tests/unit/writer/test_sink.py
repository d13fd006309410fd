import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.sink import RowError, Verdict, decide


def error(offset: int, verdict: Verdict) -> RowError:
    return RowError(offset, "CODE", "text", verdict)


@st.composite
def batches(draw: st.DrawFn) -> tuple[int, list[RowError]]:
    size = draw(st.integers(1, 500))
    offsets = draw(st.lists(st.integers(0, size - 1), unique=True))
    return size, [error(offset, draw(st.sampled_from(Verdict))) for offset in offsets]


@pytest.mark.req("EC-4")
@given(batches())
def test_every_row_of_a_batch_ends_in_exactly_one_place(batch: tuple[int, list[RowError]]) -> None:
    size, errors = batch
    outcome = decide(size, errors)
    named = [*outcome.duplicates, *(e.offset for e in outcome.rejected), *(e.offset for e in outcome.kept)]
    assert len(named) == len(set(named)) == len(errors)
    assert outcome.written == size - len(errors)
    for one in errors:
        places = (one.offset in outcome.duplicates, one in outcome.rejected, one in outcome.kept)
        verdict = one.verdict
        assert places == (
            verdict is Verdict.DUPLICATE,
            verdict is Verdict.ROW,
            verdict not in (Verdict.DUPLICATE, Verdict.ROW),
        )


def test_the_order_in_which_errors_are_reported_does_not_matter() -> None:
    errors = [error(4, Verdict.ROW), error(2, Verdict.DUPLICATE), error(3, Verdict.SPACE)]
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
        decide(5, [error(offset, Verdict.DUPLICATE) for offset in offsets])
