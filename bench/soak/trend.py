"""Is it growth, is it warm-up, or is it what a fault left behind? Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple, TypeAlias

#: Points that a stretch between two faults must have, and those of its edges whose median tells a step.
MIN_POINTS, _EDGE = 5, 3


class Point(NamedTuple):
    """What was seen at one moment. `hours`: of the plant, which are shorter than ours when more comes than there."""

    at_s: float
    hours: float
    value: float


Stretch: TypeAlias = Sequence[Point]


@dataclass(frozen=True)
class Trend:
    """How one quantity went. Units: the quantity's own, rates of it an hour of the plant."""

    warm_up: float  #: its rise before it is judged
    growth: float  #: an hour, while nothing happens: Theil-Sen within the stretches between two breaks
    steps: float  #: the sum of its jumps at the breaks
    late: float  #: an hour, in the last half of what is judged, jumps included
    end: float  #: its last value


def trend(points: Sequence[Point], begin_s: float, breaks: Iterable[float], settle_s: float) -> Trend | None:
    """Return the trend of what was seen from a moment on; None where that is too little.

    Args: points: in their order. begin_s: when the warm-up is over. breaks: when something happened that may leave a
    step: code that is loaded and used for the first time, a buffer that grew. settle_s: seconds until it is over.
    """
    judged = [point for point in points if point.at_s >= begin_s]
    if len(judged) < MIN_POINTS:
        return None
    parts = stretches(judged, breaks, settle_s)
    half = judged[len(judged) // 2 :]
    return Trend(
        warm_up=_level(judged[:_EDGE]) - points[0].value,
        growth=theil_sen(parts),
        steps=sum(_level(after[:_EDGE]) - _level(before[-_EDGE:]) for before, after in pairwise(parts)),
        late=theil_sen([half]),
        end=points[-1].value,
    )


def stretches(points: Sequence[Point], breaks: Iterable[float], settle_s: float) -> list[Stretch]:
    """Return the points between breaks, those left out that lie within `settle_s` after one; short ones too."""
    edges = [float("-inf"), *sorted(breaks), float("inf")]
    found = [[point for point in points if first + settle_s <= point.at_s < last] for first, last in pairwise(edges)]
    return [stretch for stretch in found if len(stretch) >= MIN_POINTS] or [points]


def theil_sen(parts: Iterable[Stretch]) -> float:
    """Return the median slope of all pairs of points that lie in the same part; 0 where there is no pair.

    Half of the points may be anywhere without moving it far. Source: P. K. Sen, J. Am. Stat. Assoc. 63 (1968).
    """
    slopes = [
        (second.value - first.value) / (second.hours - first.hours)
        for part in parts
        for first, second in combinations(part, 2)
        if second.hours > first.hours
    ]
    return statistics.median(slopes) if slopes else 0.0


def rise(points: Sequence[Point], begin_s: float) -> float:
    """Return by how much the last tenth of what is judged lies above its first tenth, medians; 0 where it is empty."""
    values = [point.value for point in points if point.at_s >= begin_s]
    if not values:
        return 0.0
    edge = max(1, len(values) // 10)
    return statistics.median(values[-edge:]) - statistics.median(values[:edge])


def _level(points: Stretch) -> float:
    return statistics.median(point.value for point in points)
