"""The last hour, ten seconds a point. No I/O, no clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from services.monitor.api.answers.schemas import Answer, Count, Milliseconds
from services.monitor.assess.humanize import moment
from services.monitor.assess.stats import percentile_of_ms
from services.monitor.read.buckets import HISTORY_S, Bucket
from services.monitor.read.overview import Overview
from shared.counters import WINDOW_BUCKET_S, Counter, Window

MINUTES_KEPT = HISTORY_S // 60

_MINUTE_S = 60


class HistoryPoint(Answer):
    """What happened in one stretch of `resolution_seconds`. Unit: values, unless the name says otherwise."""

    at: datetime = Field(description="Its beginning, UTC", examples=["2025-11-02T14:30:40Z"])
    inserted: Count = Field(description="Values pushed on the buffer", examples=[10_000])
    written: Count = Field(description="Values committed", examples=[10_000])
    backed_up: Count = Field(description="Values backed up", examples=[0])
    overflowed: Count = Field(description="Values discarded", examples=[0])
    batches_written: Count = Field(description="Batches that Oracle took", examples=[20])
    batches_failed: Count = Field(description="Batches that Oracle did not take", examples=[0])
    depth: Count | None = Field(
        description="Values in the buffer at its end; null before anything is known", examples=[120]
    )
    depth_max: Count | None = Field(description="Most values in the buffer, after any move", examples=[980])
    write_latency_p50_ms: Milliseconds = Field(
        description="Half of the batches took no longer, in ms; null without a batch", examples=[10.0]
    )
    write_latency_p95_ms: Milliseconds = Field(description="95 % took no longer, in ms", examples=[20.0])
    lag_p50_ms: Milliseconds = Field(
        description="Half of the values were committed within this of their collection, in ms", examples=[500.0]
    )
    lag_p95_ms: Milliseconds = Field(description="95 % were, in ms", examples=[700.0])


class History(Answer):
    """The last minutes, as Redis keeps them: a restart of the monitor loses nothing of it."""

    resolution_seconds: int = Field(description="Length of a point, in seconds", examples=[10])
    points: list[HistoryPoint] = Field(description="Oldest first; the last one is not over yet")


#: Counters that are told by their own names.
_COUNTED = [counter.value for counter in Counter if counter.value in HistoryPoint.model_fields]


def history(overview: Overview, minutes: int) -> History:
    """Return the last minutes."""
    wanted = 1 + minutes * _MINUTE_S // WINDOW_BUCKET_S
    return History.model_construct(resolution_seconds=WINDOW_BUCKET_S, points=points(overview.history)[-wanted:])


def points(buckets: Sequence[Bucket]) -> list[HistoryPoint]:
    """Return a point for each bucket; where nothing moved, the buffer held what it held before."""
    made: list[HistoryPoint] = []
    depth: int | None = None
    for bucket in buckets:
        if ("point", depth) not in bucket.memo:
            bucket.memo["point", depth] = _point(bucket, depth)
        made.append(bucket.memo["point", depth])
        depth = made[-1].depth
    return made


def _point(bucket: Bucket, before: int | None) -> HistoryPoint:
    counts = bucket.counts
    figures: dict[str, Any] = {name: counts.get(name, 0) for name in _COUNTED}
    for name, prefix in (("write_latency", Window.LATENCY), ("lag", Window.LAG)):
        figures |= {f"{name}_p{part}_ms": percentile_of_ms(bucket, prefix, part) for part in (50, 95)}
    # Without validation: the counts are ours already.
    return HistoryPoint.model_construct(
        at=moment(bucket.began_at),
        depth=counts.get(Window.DEPTH, before),
        depth_max=counts.get(Window.DEPTH_MAX, before),
        **figures,
    )
