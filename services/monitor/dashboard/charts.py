"""The charts, drawn as SVG in the units of what they show, and the same figures as tables. No I/O, no clock.

A chart's picture has no size: the style sheet gives it one, so it needs no script to be drawn or to fit its card. Its
paths stand in seconds and values (or their logarithm), so that a script can read them back for who points at them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.monitor.assess.assessment import Assessment
from services.monitor.assess.humanize import number
from services.monitor.assess.stats import percentile_of_ms
from services.monitor.assess.trend import RATE_S, rates_of
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.rendering import render
from services.monitor.dashboard.tables import Cell
from services.monitor.read.buckets import Bucket
from shared.counters import WINDOW_BUCKET_S, Counter, Window
from shared.settings.models import BufferSettings

#: Seconds since 1970, and a figure; None: there was none, and the line has a gap.
Point = tuple[float, float | None]
Line = list[Point]

_MINUTE_S = 60


@dataclass(frozen=True)
class Range:
    """How much of the past a chart shows."""

    key: str
    seconds: int
    every_s: int  #: between two drawings: a pixel or two
    tick_s: int  #: between two labels of the time axis


RANGES = (Range("5min", 300, 2, _MINUTE_S), Range("1h", 3600, 10, 10 * _MINUTE_S))

#: Rows of the tables behind the charts: minutes of the last range.
_ROWS = 12

#: Lines across a chart at most.
_MAX_GRID = 5


@dataclass(frozen=True)
class Chart:
    """One chart and its lines: name, and the class by which the style sheet knows colour and dashes.

    All names are keys of the catalogue.
    """

    key: str
    lines: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]  #: of the table behind it, after the time
    is_logarithmic: bool = False
    is_filled: bool = False  #: below the first line, which goes in steps: a depth holds until it changes


CHARTS = (
    Chart(
        "flow-chart",
        (("in", "in"), ("oracle", "oracle dashed"), ("backup", "backup dotted"), ("lost", "lost")),
        ("in", "oracle", "backup", "lost"),
    ),
    Chart(
        "depth-chart",
        (("depth", "in"), ("threshold", "backup dashed")),
        ("last", "highest"),
        is_filled=True,
    ),
    Chart(
        "latency-chart",
        (("write_50", "oracle"), ("write_95", "oracle dotted"), ("lag_50", "in"), ("lag_95", "in dotted")),
        ("write_50", "write_95", "lag_50", "lag_95"),
        is_logarithmic=True,
    ),
)  # fmt: skip


#: What the lines are made of: counters of the first chart, window and percentage of the last.
_MOVED = (Counter.INSERTED, Counter.WRITTEN, Counter.BACKED_UP, Counter.OVERFLOWED)
_TIMES = tuple((prefix, part) for prefix in (Window.LATENCY, Window.LAG) for part in (50, 95))


def data(known: Assessment, settings: BufferSettings, seconds: int) -> dict[str, list[Line]]:
    """Return the points of every chart's lines over the last seconds."""
    since = known.overview.taken_at - seconds
    buckets = [bucket for bucket in known.overview.history[:-1] if bucket.began_at >= since - WINDOW_BUCKET_S]
    samples = known.added_up if seconds <= RANGES[0].seconds else ()
    live = [
        (samples[index].taken_at, rates_of(samples[max(0, index + 1 - RATE_S) : index + 1]))
        for index in range(1, len(samples))
    ]
    # What is older than the samples, from the buckets: after a restart of the monitor that is everything.
    before = samples[0].taken_at if samples else float("inf")
    old = [bucket for bucket in buckets if bucket.began_at + WINDOW_BUCKET_S <= before]
    threshold = settings.buffer_alert_depth * len(known.overview.parts)
    return {
        "flow-chart": [
            [
                *((bucket.began_at + WINDOW_BUCKET_S, _rate(bucket, counter)) for bucket in old),
                *((at, round(getattr(rates, counter.value), 1)) for at, rates in live),
            ]
            for counter in _MOVED
        ],
        "depth-chart": [
            [
                *_depths(old, Window.DEPTH if samples else Window.DEPTH_MAX),
                *((sample.taken_at, sample.in_buffer) for sample in samples),
            ],
            [(since, threshold), (known.overview.taken_at, threshold)],
        ],
        "latency-chart": [
            [(bucket.began_at, percentile_of_ms(bucket, *each)) for bucket in buckets] for each in _TIMES
        ],
    }


def _depths(buckets: Sequence[Bucket], field: Window) -> Line:
    points: Line = []
    for bucket in buckets:
        # Where nothing moved, the buffer holds what it held before.
        depth = bucket.counts.get(field, points[-1][1] if points else None)
        points.append((bucket.began_at + WINDOW_BUCKET_S, depth))
    return points


def draw(t: Language, chart: Chart, lines: Sequence[Line], chosen: Range, until: float) -> str:
    """Return a chart over a range that ends at this second since 1970."""
    since = until - chosen.seconds
    lines = [[point for point in line if point[0] >= since] for line in lines]
    scale = _logarithmic(lines) if chart.is_logarithmic else _linear(lines)
    first = math.ceil(since / chosen.tick_s) * chosen.tick_s
    times = [first + index * chosen.tick_s for index in range(chosen.seconds // chosen.tick_s + 1)]
    return render(
        "chart.html",
        t,
        chart=chart,
        range=chosen,
        since=round(since, 3),
        top=_short(scale.top),
        grid=[(_short(scale.top - height), _percent(1 - height / scale.top), label) for height, label in scale.marks],
        times=[(_percent((at - since) / chosen.seconds), at, t.time_text(at, "minute")) for at in times if at <= until],
        lines=[
            (t(f"line.{name}"), kind, _path(_steps(line) if chart.is_filled else line, since, scale), _newest(line))
            for (name, kind), line in zip(chart.lines, lines, strict=True)
        ],
    )


@dataclass(frozen=True)
class _Scale:
    """How figures become heights."""

    top: float
    marks: list[tuple[float, str]]  #: height and label of each line across, the lowest first
    height: Callable[[float], float]


def _linear(lines: Sequence[Line]) -> _Scale:
    most = max((figure for line in lines for _, figure in line if figure is not None), default=0.0)
    step = 1.0
    while step * _MAX_GRID < most:
        # 1, 2, 5, 10, 20, 50, ...
        step *= 2.5 if f"{step:e}".startswith("2") else 2
    count = max(1, math.ceil(most / step))
    return _Scale(step * count, [(step * n, number(step * n)) for n in range(count + 1)], lambda figure: figure)


def _logarithmic(lines: Sequence[Line]) -> _Scale:
    """Return a scale from 1 to the next power of ten."""
    most = max((figure for line in lines for _, figure in line if figure is not None), default=0.0)
    top = max(1, math.ceil(math.log10(max(most, 1.0))))
    return _Scale(top, [(n, number(10**n)) for n in range(top + 1)], lambda figure: math.log10(max(figure, 1.0)))


def _path(line: Line, since: float, scale: _Scale) -> str:
    """Return a line as an SVG path, with a gap where there is no figure."""
    path, move = [], "M"
    for at, figure in line:
        if figure is None:
            move = "M"
        else:
            path.append(f"{move}{_short(at - since)} {_short(scale.top - scale.height(figure))}")
            move = "L"
    return "".join(path)


def _steps(line: Line) -> Line:
    """Return a line that stays at each figure until the next one."""
    stepped = line[:1]
    for (_, before), (at, figure) in pairwise(line):
        stepped += [(at, before), (at, figure)]
    return stepped


def _newest(line: Line) -> str:
    figure = line[-1][1] if line else None
    return "-" if figure is None else number(round(figure))


def _short(figure: float) -> str:
    """Return a figure to three places, without zeros that say nothing.

    >>> _short(12.0), _short(0.12345), _short(-0.0)
    ('12', '0.123', '0')
    """
    return f"{round(figure, 3) + 0.0:.3f}".rstrip("0").rstrip(".")


def _percent(part: float) -> str:
    return f"{100 * part:.2f}%"


def table(t: Language, chart: Chart, known: Assessment) -> str:
    """Return the table behind a chart: the last two minutes, newest first."""
    buckets = [*known.overview.history[-1 - _ROWS : -1]][::-1]
    rows = [[Cell(t.say_brief(bucket.began_at)), *map(Cell, _figures(t, chart, bucket))] for bucket in buckets]
    return render("chart_table.html", t, chart=chart, rows=rows)


def _figures(t: Language, chart: Chart, bucket: Bucket) -> list[str]:
    if chart.key == "flow-chart":
        return [number(_rate(bucket, counter)) for counter in _MOVED]
    if chart.key == "depth-chart":
        return [_known(bucket, field) for field in (Window.DEPTH, Window.DEPTH_MAX)]
    return [t.say_time_span(percentile_of_ms(bucket, *each)) for each in _TIMES]


def _rate(bucket: Bucket, counter: Counter) -> float:
    return bucket.counts.get(counter, 0) / WINDOW_BUCKET_S


def _known(bucket: Bucket, field: Window) -> str:
    return number(bucket.counts[field]) if field in bucket.counts else "-"
