"""What the window learns of a batch that was written: how long it took, and how old its values were. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import groupby

from services.writer.deliver.delivery import Delivered
from shared.counters import AHEAD_S, LATE_MS, Window, histogram_field
from shared.models import TagValue
from shared.zones import age_s


def observations(
    delivered: Delivered, values: list[TagValue], took_s: float, written_at: datetime, zone: tzinfo = UTC
) -> dict[str, int]:
    """Return what the window learns of a batch: how long it took, and how old its values were when they were there.

    `zone`: SOURCE_TIME_ZONE, in which their timestamps are. Those older than LATE_MS are counted and in no sum: what is
    replayed, or comes late, is no measure of how quick the pipeline is. What lies in the future is counted apart.
    """
    if not delivered.written:
        return {}
    window = Counter({Window.LATENCY_SUM_MS: round(took_s * 1000), histogram_field(Window.LATENCY, took_s * 1000): 1})
    for age_ms, count in _ages(values, written_at, zone):
        if age_ms < -1000 * AHEAD_S:
            window[Window.AHEAD] += count
            window[Window.AHEAD_SUM_S] += round(-age_ms / 1000) * count
            continue
        age_ms = max(0.0, age_ms)  # noqa: PLW2901 - a clock that is a little ahead
        window[histogram_field(Window.LAG, age_ms)] += count
        if age_ms <= LATE_MS:
            window[Window.LAG_SUM_MS] += round(age_ms * count)
    return dict(window)


def _ages(values: list[TagValue], written_at: datetime, zone: tzinfo) -> Iterator[tuple[float, int]]:
    """Yield the age in milliseconds, below 0 in the future, of each run of values of one time, and the run's length.

    Compared with their neighbours: hashing every time to count them took a tenth of the writer's CPU.
    """
    now_s = written_at.timestamp()
    for timestamp, run in groupby([value.timestamp for value in values]):
        yield age_s(timestamp, zone, now_s) * 1000, len(list(run))
