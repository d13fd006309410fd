"""What the charts show, as ECharts wants it, and the same as tables. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.monitor.assess.assessment import Assessment
from services.monitor.assess.humanize import clock_time, milliseconds, number
from services.monitor.assess.stats import percentile_of_ms
from services.monitor.assess.trend import RATE_S, Sample, rates_of
from services.monitor.dashboard.markup import table
from services.monitor.read.buckets import Bucket
from shared.counters import WINDOW_BUCKET_S, Counter, Window
from shared.settings import BufferSettings

Point = tuple[int, float | None]  #: ms since 1970, figure
Series = list[list[Point]]

#: Ranges to choose from: name, seconds.
RANGES = {"5 min": 300, "1 h": 3600}

#: Seconds between two updates of a range: a pixel or two.
EVERY_S = {"5 min": 2, "1 h": 10}

#: Rows of the tables behind the charts: minutes of the last range.
_ROWS = 12

_MS = 1000

#: Lines of the axes, seen on light and dark ground alike.
_AXIS = {"lineStyle": {"color": "#8a97a5", "opacity": 0.45}}

#: Colours that stand out on white and on black, told apart by eyes that see no red or green too; the lines also differ
#: in their dashes. Text has its colour from the style sheet.
_IN, _ORACLE, _BACKUP, _LOST = "#2f80d0", "#12936f", "#d9731a", "#d64545"


@dataclass(frozen=True)
class Chart:
    """One chart: its name, unit and lines (name, colour, dash)."""

    key: str
    title: str
    note: str
    lines: tuple[tuple[str, str, str], ...]


CHARTS = (
    Chart(
        "flow-chart", "Values in and out", "a second",
        (("in", _IN, "solid"), ("to Oracle", _ORACLE, "dashed"), ("to backup", _BACKUP, "dotted"),
         ("lost", _LOST, "solid")),
    ),
    Chart(
        "depth-chart", "Buffer depth", "values; over 1 h the highest of each 10 s",
        (("depth", _IN, "solid"), ("threshold", _BACKUP, "dashed")),
    ),
    Chart(
        "latency-chart", "Write latency and lag", "ms; lag is from reading to Oracle",
        (("write 50 %", _ORACLE, "solid"), ("write 95 %", _ORACLE, "dotted"),
         ("lag 50 %", _IN, "solid"), ("lag 95 %", _IN, "dotted")),
    ),
)  # fmt: skip


def data(view: Assessment, settings: BufferSettings, seconds: int) -> dict[str, Series]:
    """Return the points of every chart's lines over the last seconds."""
    since = view.overview.taken_at - seconds
    buckets = [bucket for bucket in view.overview.history[:-1] if bucket.began_at >= since - WINDOW_BUCKET_S]
    samples = view.samples if seconds <= RANGES["5 min"] else ()
    flow, depth = _live(samples)
    # What is older than the samples, from the buckets: after a restart of the monitor that is everything.
    before = samples[0].at if samples else float("inf")
    old = [bucket for bucket in buckets if bucket.began_at + WINDOW_BUCKET_S <= before]
    threshold = settings.buffer_alert_depth
    ends = [(_ms(since), threshold), (_ms(view.overview.taken_at), threshold)]
    return {
        "flow-chart": [
            [*((_ms(bucket.began_at + WINDOW_BUCKET_S), _rate(bucket, counter)) for bucket in old), *live]
            for counter, live in zip(
                (Counter.INSERTED, Counter.WRITTEN, Counter.BACKED_UP, Counter.OVERFLOWED), flow, strict=True
            )
        ],
        "depth-chart": [[*_depths(old, Window.DEPTH if samples else Window.DEPTH_MAX), *depth], [*ends]],
        "latency-chart": [
            [(_ms(bucket.began_at), percentile_of_ms(bucket, prefix, part)) for bucket in buckets]
            for prefix in (Window.LATENCY, Window.LAG)
            for part in (50, 95)
        ],
    }


def options(chart: Chart, points: Series) -> dict[str, Any]:
    """Return the whole chart."""
    logarithmic = chart.key == "latency-chart"
    return {
        "animation": False,
        "useUTC": True,
        "aria": {"enabled": True},
        "grid": {"left": 8, "right": 12, "top": 34, "bottom": 4, "containLabel": True},
        "legend": {"top": 0, "left": 0, "itemWidth": 20, "itemGap": 9, "itemStyle": {"opacity": 0}},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "time",
            "splitNumber": 4,
            "axisLine": _AXIS,
            "axisTick": _AXIS,
            "axisLabel": {"formatter": "{HH}:{mm}", "hideOverlap": True},
        },
        "yAxis": {
            "type": "log" if logarithmic else "value",
            "min": 1 if logarithmic else 0,
            "splitNumber": 4,
            "splitLine": _AXIS,
        },
        "series": [
            {
                "name": name,
                "type": "line",
                "data": line,
                "symbol": "none",
                "lineStyle": {"width": 2, "type": dash},
                "itemStyle": {"color": color},
                "areaStyle": {"opacity": 0.12} if name == "depth" else None,
                "step": "end" if name == "depth" else False,
            }
            for (name, color, dash), line in zip(chart.lines, points, strict=True)
        ],
    }


def update(points: Series) -> dict[str, Any]:
    """Return what changes in a chart that is drawn."""
    return {"series": [{"data": line} for line in points]}


def tables(view: Assessment) -> dict[str, str]:
    """Return the table behind each chart: the last two minutes, newest first."""
    buckets = [*view.overview.history[-1 - _ROWS : -1]][::-1]
    return {
        "flow-chart": table(
            "Values in and out, 10 seconds a row", ("UTC", "In/s", "To Oracle/s", "To backup/s", "Lost/s"),
            [
                [clock_time(b.began_at), *(number(_rate(b, counter)) for counter in (
                    Counter.INSERTED, Counter.WRITTEN, Counter.BACKED_UP, Counter.OVERFLOWED))]
                for b in buckets
            ], "Nothing yet.",
        ),
        "depth-chart": table(
            "Buffer depth, 10 seconds a row", ("UTC", "Last", "Highest"),
            [[clock_time(b.began_at), *(_known(b, field) for field in (Window.DEPTH, Window.DEPTH_MAX))]
             for b in buckets], "Nothing yet.",
        ),
        "latency-chart": table(
            "Latency and lag, 10 seconds a row", ("UTC", "Write 50 %", "Write 95 %", "Lag 50 %", "Lag 95 %"),
            [
                [clock_time(b.began_at), *(milliseconds(percentile_of_ms(b, prefix, part))
                                           for prefix in (Window.LATENCY, Window.LAG) for part in (50, 95))]
                for b in buckets
            ], "Nothing yet.",
        ),
    }  # fmt: skip


def _live(samples: Sequence[Sample]) -> tuple[Series, list[Point]]:
    """Return rates, each over RATE_S seconds, and depths, one for every sample."""
    flow: Series = [[], [], [], []]
    for index in range(1, len(samples)):
        now, rates = samples[index], rates_of(samples[max(0, index + 1 - RATE_S) : index + 1])
        for line, rate in zip(flow, (rates.inserted, rates.written, rates.saved, rates.overflowed), strict=True):
            line.append((_ms(now.at), round(rate, 1)))
    return flow, [(_ms(sample.at), sample.depth) for sample in samples]


def _depths(buckets: Sequence[Bucket], field: Window) -> list[Point]:
    points: list[Point] = []
    for bucket in buckets:
        # Where nothing moved, the buffer holds what it held before.
        depth = bucket.counts.get(field, points[-1][1] if points else None)
        points.append((_ms(bucket.began_at + WINDOW_BUCKET_S), depth))
    return points


def _rate(bucket: Bucket, counter: Counter) -> float:
    return bucket.counts.get(counter, 0) / WINDOW_BUCKET_S


def _known(bucket: Bucket, field: Window) -> str:
    return number(bucket.counts[field]) if field in bucket.counts else "-"


def _ms(seconds: float) -> int:
    return int(seconds * _MS)
