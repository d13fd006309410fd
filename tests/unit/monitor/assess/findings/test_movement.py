"""What only several readings show: values that are not written, and a DataQueue that grows."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.assessment import Assessment, Assessor
from services.monitor.settings import MonitorSettings
from shared.counters import Counter
from tests.unit.monitor.overviews import NOW, consumer, make_overview, writer

SETTINGS = MonitorSettings.model_validate({})


def after(seconds: int, at: Callable[[int], Mapping[str, Any]]) -> Assessment:
    """Look at a pipeline once a second; `at` says how it is then, the ledger balances."""
    assessor = Assessor(SETTINGS)
    for second in range(seconds + 1):
        parts = {"queued": 0, "claimed": 0, "services": [consumer(), writer()], **at(second)}
        counters = dict(parts.pop("counters", {}))
        ends = (Counter.WRITTEN, Counter.BACKED_UP, Counter.REJECTED, Counter.DUPLICATES)
        counters[Counter.INSERTED] = sum(counters.get(end, 0) for end in ends) + parts.get("in_buffer", 0)
        assessment = assessor.assess(make_overview(counters=counters, taken_at=NOW + second, **parts))
    return assessment


def codes(assessment: Assessment) -> set[str]:
    return {alert.code for alert in assessment.alerts}


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (lambda _: {"in_buffer": 7}, "7 values wait and no value was written for 6 s"),
        (lambda second: {"counters": {Counter.BACKED_UP: 5 * second}}, "Batches only go to the backup: 30 values"),
        (lambda second: {"counters": {Counter.REJECTED: second}}, "Oracle refuses every value: 6 values"),
        (lambda _: {"queued": 4}, "4 messages wait and no value was written for 6 s"),
    ],
)
def test_pipeline_that_writes_nothing_is_not_healthy(at: Callable[[int], Mapping[str, Any]], reason: str) -> None:
    """Kind: a healthy verdict from what services say of themselves, not from what reaches the table."""
    assert after(2, at).health.status is Status.HEALTHY, "that short is no news"
    assessment = after(6, at)
    assert assessment.health.status is Status.DEGRADED
    assert reason in assessment.health.reasons[0]
    assert codes(assessment) == {"nothing_written"}


@pytest.mark.parametrize(
    "at",
    [
        lambda second: {"in_buffer": 7, "counters": {Counter.WRITTEN: second}},
        lambda second: {"in_buffer": 7, "counters": {Counter.DUPLICATES: second}},
        lambda second: {"in_buffer": second % 2},
        lambda second: {"counters": {Counter.REJECTED: second, Counter.WRITTEN: second}},
        lambda second: {"counters": {Counter.BACKED_UP: second, Counter.WRITTEN: second // 3}},
    ],
)
def test_pipeline_at_work_is_healthy(at: Callable[[int], Mapping[str, Any]]) -> None:
    assessment = after(90, at)
    assert (assessment.health.status, codes(assessment)) == (Status.HEALTHY, set())


def test_values_that_wait_for_a_minute_are_critical() -> None:
    assessment = after(61, lambda _: {"in_buffer": 7})
    (alert,) = assessment.alerts
    assert (alert.severity, alert.since, assessment.health.status) == (Severity.CRITICAL, NOW, Status.UNHEALTHY)


def test_outage_is_told_once() -> None:
    away = [consumer(), writer(oracle="away", breaker="open")]
    assessment = after(20, lambda second: {"services": away, "counters": {Counter.BACKED_UP: second}})
    assert codes(assessment) == {"oracle_away"}


@pytest.mark.parametrize(
    "at",
    [
        # More comes in than is taken; a consumer that lives and takes nothing.
        lambda second: {"queued": 100 + 5 * second, "counters": {Counter.MESSAGES: 3 * second}},
        lambda second: {"queued": 2 + second // 50},
    ],
)
def test_queue_that_grows_although_a_consumer_lives_is_critical(at: Callable[[int], Mapping[str, Any]]) -> None:
    """Kind: a living process taken for one that works."""

    def written(second: int) -> Mapping[str, Any]:
        counters = {Counter.WRITTEN: second, **at(second).get("counters", {})}
        return {**at(second), "counters": counters}

    assert "queue_grows" not in codes(after(50, written))
    assessment = after(70, written)
    assert codes(assessment) == {"queue_grows"}
    assert assessment.alerts[0].severity is Severity.CRITICAL
    assert assessment.health.status is Status.UNHEALTHY


@pytest.mark.parametrize(
    "at",
    [
        lambda second: {"queued": 40 * (second % 20), "counters": {Counter.MESSAGES: second}},
        lambda second: {"queued": max(0, 500 - 10 * second), "counters": {Counter.MESSAGES: 10 * second}},
        lambda second: {"queued": second % 3},
    ],
)
def test_queue_that_comes_and_goes_does_not_grow(at: Callable[[int], Mapping[str, Any]]) -> None:
    def written(second: int) -> Mapping[str, Any]:
        return {**at(second), "counters": {Counter.WRITTEN: second, **at(second).get("counters", {})}}

    assert codes(after(150, written)) == set()


def test_readings_missed_while_redis_was_away_say_nothing() -> None:
    assessor = Assessor(SETTINGS)
    for at in (0, 1, 2, 90):
        assessment = assessor.assess(
            make_overview(services=[consumer(), writer()], queued=5, in_buffer=5, taken_at=NOW + at,
                          counters={Counter.INSERTED: 5})
        )  # fmt: skip
    assert codes(assessment) == set()


def test_value_that_comes_after_an_hour_of_silence_is_no_alarm() -> None:
    """Field case: a health check by "there is something, and nothing was acknowledged lately" (motornet #973)."""
    assessment = after(93, lambda second: {"in_buffer": int(second > 90), "counters": {Counter.WRITTEN: 5}})
    assert (assessment.health.status, codes(assessment)) == (Status.HEALTHY, set())
    # Expect no more than a warning when it waits for a few seconds, however long the silence before
    assessment = after(97, lambda second: {"in_buffer": int(second > 90), "counters": {Counter.WRITTEN: 5}})
    (alert,) = assessment.alerts
    assert (alert.severity, alert.since) == (Severity.WARNING, NOW + 91)
