"""Charts as SVG: what their paths hold is what was measured."""

import re
from functools import partial

import pytest

from services.monitor.assess.assessment import Assessor
from services.monitor.dashboard.charts import CHARTS, RANGES, Line, data
from services.monitor.dashboard.charts import draw as draw_in
from services.monitor.dashboard.language import languages
from services.monitor.settings import MonitorSettings
from tests.unit.monitor.overviews import make_overview

SETTINGS = MonitorSettings.model_validate({})
draw = partial(draw_in, languages()["en"])
FLOW, DEPTH, LATENCY = CHARTS
FIVE_MINUTES, HOUR = RANGES


def paths(html: str) -> list[str]:
    return re.findall(r'<path class="line [^"]*" d="([^"]*)"/>', html)


def box(html: str) -> tuple[float, float]:
    """Return seconds and top of a chart's picture."""
    found = re.search(r'viewBox="0 0 (\S+) (\S+)"', html)
    assert found
    return float(found[1]), float(found[2])


def test_charts_have_a_line_for_each_series_in_both_ranges() -> None:
    known = Assessor(SETTINGS).assess(
        make_overview(window={n: {"inserted": 10, "depth": 1, "depth_max": 2} for n in range(300)})
    )
    for chosen in RANGES:
        lines = data(known, SETTINGS, chosen.seconds)
        for chart in CHARTS:
            assert len(lines[chart.key]) == len(chart.lines)
            assert len(paths(draw(chart, lines[chart.key], chosen, known.overview.taken_at))) == len(chart.lines)
    hour = data(known, SETTINGS, HOUR.seconds)["flow-chart"][0]
    assert len(hour) == 299 + 61
    assert hour[-1][1] == 1.0


def test_path_is_in_seconds_and_values_below_the_top() -> None:
    html = draw(FLOW, [[(1_000.0, 100.0), (1_150.0, 4_987.0), (1_300.0, 0.0)], [], [], []], FIVE_MINUTES, 1_300.0)
    assert box(html) == (300, 5_000)
    assert paths(html) == ["M0 4900L150 13L300 5000", "", "", ""]
    assert "to Oracle <b>-</b>" in html
    assert "in <b>0</b>" in html


def test_what_is_older_than_the_range_is_left_out_and_a_gap_stays_one() -> None:
    line: Line = [(0.0, 7.0), (1_010.0, 1.0), (1_020.0, None), (1_030.0, 3.0)]
    assert paths(draw(FLOW, [line, [], [], []], FIVE_MINUTES, 1_300.0))[0] == "M10 2M30 0"


def test_depth_goes_in_steps_over_a_surface() -> None:
    html = draw(DEPTH, [[(1_100.0, 2.0), (1_200.0, 5.0)], []], FIVE_MINUTES, 1_300.0)
    assert paths(html)[0] == "M100 3L200 3L200 0"
    assert '<path class="surface" d="M100 5L100 3L200 3L200 0V5Z"/>' in html


@pytest.mark.parametrize(
    ("most", "top", "labels"),
    [
        (0.0, 1, ["0", "1"]),
        (3.0, 3, ["0", "1", "2", "3"]),
        (11.0, 15, ["0", "5", "10", "15"]),
        (10_000.0, 10_000, ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]),
        (10_001.0, 15_000, ["0", "5,000", "10,000", "15,000"]),
        (1e12, 1e12, ["0", "200,000,000,000"]),
    ],
)
def test_axis_has_round_figures_and_room_for_the_highest(most: float, top: float, labels: list[str]) -> None:
    html = draw(FLOW, [[(1_100.0, most)], [], [], []], FIVE_MINUTES, 1_300.0)
    assert box(html)[1] == top
    assert re.findall(r'dy=".35em">([^<]*)<', html)[: len(labels)] == labels


@pytest.mark.parametrize(("most", "top"), [(0.0, 1), (1.0, 1), (10.0, 1), (11.0, 2), (60_000.0, 5)])
def test_times_stand_on_a_logarithmic_axis(most: float, top: int) -> None:
    html = draw(LATENCY, [[(1_100.0, most)], [], [], []], FIVE_MINUTES, 1_300.0)
    assert box(html)[1] == top
    assert "data-logarithmic" in html


def test_time_axis_has_whole_minutes_within_the_range() -> None:
    html = draw(FLOW, [[], [], [], []], FIVE_MINUTES, 1_000.0)
    axis = html.split('class="time-axis"')[1]
    assert re.findall(r'x="([\d.]+%)" y="1em" data-at="\d+">([\d:]+)<', axis) == [
        ("6.67%", "00:12"), ("26.67%", "00:13"), ("46.67%", "00:14"), ("66.67%", "00:15"), ("86.67%", "00:16"),
    ]  # fmt: skip
