"""Several partitions as one: sums where sums are true, the worst where they would hide it."""

import asyncio
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.monitor.api.answers import current
from services.monitor.api.answers.prometheus import metrics
from services.monitor.api.state import Newest, NotFreshError
from services.monitor.api.stream import make_snapshot
from services.monitor.api.whole import Whole
from services.monitor.assess.alert_kinds import Status
from services.monitor.assess.assessment import Assessor
from services.monitor.dashboard.pages import Dashboard
from services.monitor.dashboard.wishes import Wishes
from services.monitor.read.merge import merged
from services.monitor.read.overview import Overview, service_of
from services.monitor.settings import MonitorSettings
from shared.counters import Counter
from shared.records.losses import Loss, WentBackTotal
from tests.fakes import FakeClock
from tests.unit.monitor.overviews import NOW, consumer, healthy_overview, make_overview, writer

SETTINGS = MonitorSettings.model_validate({"partitions": 2})


def overview(**parts: object) -> Overview:
    services = [consumer(partitions="2"), writer(partitions="2")]
    return make_overview(services=services, **parts)  # type: ignore[arg-type]


def whole_of(*overviews: Overview | None) -> Whole:
    """Return partitions as they were read; None for one that is away."""
    partitions = []
    for each in overviews:
        newest = Newest(FakeClock())
        if each is None:
            newest.fail("connection refused")
        else:
            newest.publish(Assessor(SETTINGS).assess(each))
        partitions.append(newest)
    return Whole(partitions)


def test_counts_are_added_up_and_the_ledger_balances() -> None:
    counts = {Counter.INSERTED: 100, Counter.WRITTEN: 60}
    window = {1: {"inserted": 10, "batches_written": 1}}
    part = overview(counters=counts, in_buffer=30, in_flight=10, window=window)
    now = whole_of(part, part).state.fresh().overview
    ledger = current.ledger(now)
    assert (ledger.inserted, ledger.written, ledger.in_buffer, ledger.in_flight) == (200, 120, 60, 20)
    assert ledger.balances
    assert [bucket.counts.get("inserted", 0) for bucket in now.history][-2:] == [20, 0]
    assert len(now.history) == len(part.history)


def test_one_full_partition_of_two_is_full_and_not_half_full() -> None:
    full = overview(in_buffer=9_900, counters={Counter.INSERTED: 9_900})
    state = whole_of(overview(), full).state
    status = current.buffer_status(state.fresh().overview, SETTINGS)
    assert (status.current_size, status.max_size, status.utilization_pct) == (9_900, 20_000, 99.0)
    assert state.fresh().health.utilization_pct == 99.0
    assert [part.utilization_pct for part in current.partitions(state)] == [0.0, 99.0]


def test_health_is_that_of_the_worst_and_says_where() -> None:
    # A writer in the second partition, one that is gone in the first.
    gone = service_of("writer", "plant-1", NOW - 60, {})
    state = whole_of(make_overview(services=[consumer(partitions="2"), gone]), overview()).state
    health = state.fresh().health
    assert health.status is Status.UNHEALTHY
    assert health.reasons[0].startswith("partition 0: ")
    alert = next(alert for alert in state.alerts if alert.code == "no_writer")
    assert (alert.partition, alert.message[:13]) == (0, "partition 0: ")
    assert not any(alert.partition == 1 for alert in state.alerts)


def test_losses_of_all_are_added_up_and_acknowledged_when_the_last_was() -> None:
    """Kind: a sum of what is no amount: two moments added up lie in the year 2081, and nothing is lost after that."""
    parts = [
        overview(
            acknowledged=Loss(overflowed=3, at=int(NOW)), went_back=WentBackTotal(times=1, inserted=7, at=int(NOW))
        ),
        overview(acknowledged=Loss(overflowed=4, at=int(NOW) - 60), went_back=WentBackTotal(times=2, inserted=1, at=9)),
    ]
    whole = merged(dict(enumerate(parts)))
    assert whole.acknowledged == Loss(overflowed=7, at=int(NOW))
    assert whole.went_back == WentBackTotal(times=3, inserted=8, at=int(NOW))


def test_one_that_is_away_is_said_and_the_others_answer() -> None:
    part = overview(counters={Counter.INSERTED: 100, Counter.WRITTEN: 100})
    state = whole_of(part, None).state
    assert current.ledger(state.fresh().overview).inserted == 100
    assert [part.away for part in current.partitions(state)] == [False, True]
    away = state.alerts[0]
    assert (away.code, away.partition) == ("redis_away", 1)
    health = state.fresh().health
    assert health.status is Status.UNHEALTHY
    assert health.reasons == ("partition 1: Redis can't be read: connection refused",)
    assert make_snapshot(state, SETTINGS).partitions[1].reason == "connection refused"


def test_where_all_are_away_nothing_is_answered() -> None:
    state = whole_of(None, None).state
    with pytest.raises(NotFreshError, match="connection refused"):
        state.fresh()
    assert [alert.partition for alert in state.alerts] == [0, 1]


def test_a_state_is_made_once_until_a_partition_has_a_newer_one() -> None:
    whole = whole_of(overview(), overview())
    assert whole.state is whole.state
    before = whole.state
    whole.partitions[1].publish(Assessor(SETTINGS).assess(overview(in_buffer=1, counters={Counter.INSERTED: 1})))
    assert whole.state is not before


def test_one_partition_is_the_pipeline_itself() -> None:
    newest = Newest(FakeClock())
    newest.publish(Assessor(SETTINGS).assess(healthy_overview()))
    assert Whole([newest]).state is newest.state
    assert Whole([newest, newest]).only(1).state is newest.state


def test_every_series_of_prometheus_says_its_partition() -> None:
    text = metrics(whole_of(overview(in_buffer=7, counters={Counter.INSERTED: 7}), None).state, SETTINGS).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    up = {sample.labels["partition"]: sample.value for sample in families["tagpipe_redis_up"].samples}
    assert up == {"0": 1, "1": 0}
    assert [(sample.labels, sample.value) for sample in families["tagpipe_buffer_values"].samples] == [
        ({"partition": "0"}, 7)
    ]
    assert all("partition" not in sample.labels for sample in families["tagpipe_monitor_info"].samples)
    alone = metrics(whole_of(healthy_overview()).state, SETTINGS).decode()
    assert "partition=" not in alone


def test_a_service_that_was_told_another_number_is_an_alert() -> None:
    told_four = make_overview(services=[consumer(partitions="4"), writer(partitions="2")])
    alerts = {alert.code: alert for alert in Assessor(SETTINGS).assess(told_four).alerts}
    assert "consumer plant-1 was told 4" in alerts["partitions_differ"].message
    assert "partitions_differ" not in {alert.code for alert in Assessor(SETTINGS).assess(overview()).alerts}


def test_the_page_has_a_cell_for_each_partition() -> None:
    full = overview(in_buffer=9_900, counters={Counter.INSERTED: 9_900})
    page = Dashboard(whole_of(full, None), SETTINGS, asyncio.Event()).page(Wishes("en", {}))
    strip = re.search(r'data-testid="partitions".*?</section>', page, re.DOTALL)
    assert strip is not None
    cells = re.findall(r'<li class="(\w+)"><b>(\d)</b> ([\w ]+)', strip[0])
    assert cells == [("warn", "0", "degraded "), ("bad", "1", "away")]
    assert "99.0 % full" in strip[0]
    alone = MonitorSettings.model_validate({})
    assert 'data-testid="partitions"' not in Dashboard(whole_of(healthy_overview()), alone, asyncio.Event()).page(
        Wishes("en", {})
    )
