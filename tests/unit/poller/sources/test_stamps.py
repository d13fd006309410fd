from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.sources.stamps import PUT_BACK, TICK, Stamper


@given(st.lists(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)), max_size=50))
def test_stamps_are_strictly_increasing_whatever_the_clock_does(moments: list[datetime]) -> None:
    stamper = Stamper()
    stamps = [stamper.stamp(moment) for moment in moments]
    assert all(later > earlier for earlier, later in pairwise(stamps))


@pytest.mark.req("FR-018")
def test_a_clock_that_is_put_back_is_followed() -> None:
    """Kind: a guard that outlasts what it guards against. A machine that began an hour, or years, ahead was set right,
    and all that was read for as long was stamped a microsecond apart in the future, GOOD.
    """
    noon = datetime(2025, 11, 2, 12, tzinfo=UTC)
    stamper = Stamper(PUT_BACK)
    assert stamper.stamp(noon) == noon
    assert stamper.stamp(noon - PUT_BACK) == noon + TICK
    stepped = [noon - timedelta(hours=1) + n * timedelta(milliseconds=100) for n in range(3)]
    assert [stamper.stamp(moment) for moment in stepped] == stepped
    assert stamper.stamp(stepped[-1]) == stepped[-1] + TICK


@pytest.mark.req("FR-014", "FR-018")
def test_a_stamp_changes_only_a_time_that_is_not_later_and_by_one_microsecond() -> None:
    noon = datetime(2025, 11, 2, 12, tzinfo=UTC)
    stamper = Stamper()
    assert stamper.stamp(noon) == noon
    assert stamper.stamp(noon) == noon + TICK
    assert stamper.stamp(noon - timedelta(hours=1)) == noon + 2 * TICK
    assert stamper.stamp(noon + timedelta(seconds=1)) == noon + timedelta(seconds=1)
