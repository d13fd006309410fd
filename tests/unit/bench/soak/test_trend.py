import random

import pytest

from bench.soak.trend import Point, rise, stretches, theil_sen, trend

#: Seconds of a run, two samples of it, and two faults that happen in it.
SECONDS, EVERY_S, FAULTS = 3000, 10, (1000.0, 2000.0)


def seen(level: float = 50.0, *, growth: float = 0.0, step: float = 0.0, warm_up: float = 0.0) -> list[Point]:
    """Return a day in 3,000 seconds, with noise: growth an hour, a step at each fault, a warm-up in the first tenth."""
    noise = random.Random(1)
    return [
        Point(
            at_s,
            at_s * 24 / SECONDS,
            level
            + growth * at_s * 24 / SECONDS
            + step * sum(at_s >= fault for fault in FAULTS)
            + warm_up * min(1.0, at_s / 250)
            + noise.gauss(0, 0.3),
        )
        for at_s in range(0, SECONDS, EVERY_S)
    ]


def test_a_flat_quantity_has_no_trend() -> None:
    found = trend(seen(), 300, FAULTS, 40)
    assert found is not None
    assert (found.growth, found.late, found.steps) == pytest.approx((0, 0, 0), abs=0.5)


def test_warm_up_is_no_growth() -> None:
    found = trend(seen(warm_up=20), 300, FAULTS, 40)
    assert found is not None
    assert found.warm_up == pytest.approx(20, abs=1)
    assert found.growth == pytest.approx(0, abs=0.1)


def test_steps_at_faults_are_told_from_growth() -> None:
    found = trend(seen(step=5), 300, FAULTS, 40)
    assert found is not None
    assert found.growth == pytest.approx(0, abs=0.1)
    assert found.steps == pytest.approx(10, abs=1)


def test_growth_is_found_beside_steps_and_warm_up() -> None:
    found = trend(seen(growth=2, step=5, warm_up=20), 300, FAULTS, 40)
    assert found is not None
    assert found.growth == pytest.approx(2, abs=0.1)


def test_what_every_fault_leaves_shows_in_the_last_half() -> None:
    """Kind: a leak at each outage, which the stretches between outages do not show."""
    faults = [float(at_s) for at_s in range(100, SECONDS, 100)]
    points = [Point(p.at_s, p.hours, p.value + sum(p.at_s >= fault for fault in faults)) for p in seen()]
    found = trend(points, 300, faults, 20)
    assert found is not None
    assert found.growth == pytest.approx(0, abs=0.2)
    assert found.late == pytest.approx(30 / 24, abs=0.3)


def test_half_of_the_points_may_be_anywhere() -> None:
    points = [
        Point(p.at_s, p.hours, p.value + (1000 if number % 3 == 0 else 0)) for number, p in enumerate(seen(growth=2))
    ]
    assert theil_sen([points]) == pytest.approx(2, abs=1)


def test_too_few_points_have_no_trend() -> None:
    assert trend(seen()[:4], 0, FAULTS, 40) is None
    assert trend([], 0, FAULTS, 40) is None
    assert theil_sen([]) == 0


def test_stretches_leave_out_what_settles_and_what_is_short() -> None:
    points = seen()
    parts = stretches(points, [*FAULTS, 2010.0], 40)
    assert [(part[0].at_s, part[-1].at_s) for part in parts] == [(0, 990), (1040, 1990), (2050, 2990)]


def test_a_rise_is_that_of_the_edges() -> None:
    assert rise(seen(step=5), 300) == pytest.approx(10, abs=0.5)
    assert rise([], 0) == 0
