from collections.abc import Mapping, Sequence

import pytest

from services.monitor.assess.alert_kinds import Status
from services.monitor.assess.assessment import Assessor
from services.monitor.assess.health import Health, last_write_at
from services.monitor.read.overview import Service, service_of
from services.monitor.settings import MonitorSettings
from shared.counters import Counter
from shared.records.heartbeats import ServiceStatus
from tests.unit.monitor.overviews import NOW, consumer, healthy_overview, make_overview, writer

WRITES = {0: {"batches_written": 1}}


def judged(
    services: Sequence[Service[ServiceStatus]],
    *,
    in_buffer: int = 0,
    window: Mapping[int, Mapping[str, int]] | None = None,
) -> Health:
    counters = {Counter.INSERTED: in_buffer}
    overview = make_overview(services=services, in_buffer=in_buffer, window=window or WRITES, counters=counters)
    return Assessor(MonitorSettings.model_validate({"buffer_max_size": 1_000})).assess(overview).health


def test_pipeline_at_work_is_healthy_and_has_no_reasons() -> None:
    health = Assessor(MonitorSettings.model_validate({})).assess(healthy_overview()).health
    assert (health.status, health.reasons) == (Status.HEALTHY, ())
    assert health.buffer_ok
    assert health.writer_ok
    assert health.oracle_connection_ok
    assert health.recent_write_success is True
    assert health.last_write_age_s == 0.5


def test_without_a_living_writer_it_is_unhealthy() -> None:
    lost = service_of("writer", "plant-1", NOW - 60, {})
    health = judged([consumer(), lost])
    assert health.status is Status.UNHEALTHY
    assert "No writer is running" in health.reasons[0]
    assert not health.writer_ok
    assert not health.oracle_connection_ok


@pytest.mark.parametrize("oracle", ["away", "configuration"])
def test_oracle_gone_and_backup_failing_is_unhealthy(oracle: str) -> None:
    health = judged([consumer(), writer(oracle=oracle, backup="failing")])
    assert health.status is Status.UNHEALTHY
    assert not health.writer_ok


@pytest.mark.parametrize("oracle", ["away", "configuration"])
def test_oracle_gone_while_the_backup_works_is_degraded(oracle: str) -> None:
    health = judged([consumer(), writer(oracle=oracle)])
    assert health.status is Status.DEGRADED
    assert not health.oracle_connection_ok


def test_one_writer_that_still_reaches_oracle_keeps_it_from_being_unhealthy() -> None:
    health = judged([consumer(), writer("a", oracle="away", backup="failing"), writer("b")])
    assert health.status is Status.DEGRADED
    assert health.oracle_connection_ok
    assert any("writer a" in reason for reason in health.reasons)


@pytest.mark.req("OPS-1", "EC-1")
def test_full_buffer_that_overflows_is_unhealthy() -> None:
    health = judged([consumer(), writer()], in_buffer=1_000, window={0: {"overflowed": 7, "batches_written": 1}})
    assert health.status is Status.UNHEALTHY
    assert "7 values discarded" in health.reasons[0]
    assert not health.buffer_ok


def test_overflow_that_is_over_is_degraded_at_first_and_then_forgotten() -> None:
    just_over = judged([consumer(), writer()], window={1: {"overflowed": 7, "batches_written": 1}})
    long_over = judged([consumer(), writer()], window={5: {"overflowed": 7}, 0: {"batches_written": 1}})
    assert just_over.status is Status.DEGRADED
    assert long_over.status is Status.HEALTHY


@pytest.mark.req("OPS-1")
def test_buffer_above_its_threshold_is_degraded() -> None:
    assert judged([consumer(), writer()], in_buffer=799).status is Status.HEALTHY
    health = judged([consumer(), writer()], in_buffer=800)
    assert health.status is Status.DEGRADED
    assert "80.0 % full" in health.reasons[0]


@pytest.mark.parametrize("breaker", ["open", "half-open", "retrying"])
def test_breaker_that_is_not_closed_is_degraded(breaker: str) -> None:
    health = judged([consumer(), writer(breaker=breaker)])
    assert health.status is Status.DEGRADED
    assert breaker in health.reasons[0]


def test_missing_consumer_is_degraded() -> None:
    health = judged([writer()])
    assert health.status is Status.DEGRADED
    assert "No consumer" in health.reasons[0]


def test_writer_that_never_reached_oracle_is_not_called_connected() -> None:
    health = judged([consumer(), writer(oracle="unknown")])
    assert health.status is Status.DEGRADED
    assert not health.oracle_connection_ok


def test_recent_write_success_tells_of_the_last_batches() -> None:
    failing = judged([consumer(), writer()], window={0: {"batches_failed": 2}, 1: {"batches_written": 2}})
    idle = judged([consumer(), writer()], window={3: {"inserted": 1}})
    assert failing.recent_write_success is False
    assert not failing.writer_ok
    assert idle.recent_write_success is None
    assert idle.writer_ok


def test_last_write_comes_from_the_newest_heartbeat() -> None:
    writers = [writer("a", last_write_at="100.5"), writer("b", last_write_at="99"), writer("c", last_write_at="soon")]
    assert last_write_at(make_overview(services=writers)) == 100.5


def test_last_write_comes_from_the_window_where_no_heartbeat_knows_and_is_never_told_later_than_it_was() -> None:
    """Kind: a bound is told as the fact: "last write now", when the last writer had ended seconds before."""
    overview = make_overview(window={2: {"batches_written": 1}, 0: {"batches_failed": 1}})
    assert last_write_at(overview) == overview.buckets[-3].began_at == NOW - 25
    assert judged([], window={0: {"batches_written": 1}}).last_write_age_s == 5
    assert last_write_at(make_overview()) is None


def test_clock_of_a_writer_that_is_ahead_gives_no_negative_age() -> None:
    assert judged([consumer(), writer(last_write_at=str(NOW + 30))]).last_write_age_s == 0
