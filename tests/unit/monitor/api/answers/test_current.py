import json

import pytest

from services.monitor.api.answers import current
from services.monitor.api.answers.prometheus import metrics
from services.monitor.api.state import State
from services.monitor.api.stream import make_snapshot
from services.monitor.assess.assessment import Assessor
from services.monitor.assess.humanize import moment
from services.monitor.read.overview import service_of
from services.monitor.settings import MonitorSettings
from shared.counters import Counter
from tests.unit.monitor.overviews import HEALTHY_POLLING, NOW, backup_file, event, healthy_overview, make_overview


@pytest.mark.req("FR-005", "FR-022")
def test_buffer_status_gives_size_capacity_and_totals() -> None:
    overview = make_overview(
        in_buffer=50, counters={Counter.INSERTED: 3_000, Counter.REMOVED: 2_949, Counter.OVERFLOWED: 1}
    )
    assert current.buffer_status(overview, MonitorSettings.model_validate({"buffer_max_size": 400})).model_dump() == {
        "current_size": 50,
        "max_size": 400,
        "utilization_pct": 12.5,
        "total_inserted": 3_000,
        "total_removed": 2_949,
        "overflow_count": 1,
        "overflow_rate_pct": 0.0333,
        "oldest_value_age_seconds": 0.0,
    }


def test_ledger_balances_when_every_value_has_a_place() -> None:
    ledger = current.ledger(healthy_overview())
    assert (ledger.balances, ledger.difference) == (True, 0)
    assert ledger.in_buffer + ledger.in_flight + ledger.written + ledger.duplicates + ledger.rejected == 5_000
    assert (ledger.queued_messages, ledger.claimed_messages) == (3, 1)


def test_ledger_says_by_how_much_it_does_not_balance() -> None:
    ledger = current.ledger(make_overview(counters={Counter.INSERTED: 10, Counter.WRITTEN: 7}))
    assert (ledger.balances, ledger.difference) == (False, 3)


@pytest.mark.req("FR-022", "OPS-4")
def test_writer_metrics_give_totals_and_averages_of_the_window() -> None:
    metrics = current.writer_metrics(healthy_overview())
    assert (metrics.total_writes, metrics.successful_writes, metrics.failed_writes) == (10, 9, 1)
    assert metrics.success_rate_pct == 90
    assert metrics.last_write_timestamp == moment(NOW - 0.5)
    assert metrics.avg_batch_size == 325
    assert metrics.avg_write_latency_ms == 14
    assert metrics.write_latency_p50_ms == 20
    assert metrics.inserted_per_second == 100
    assert [writer.breaker for writer in metrics.writers] == ["closed"]


def test_success_rate_before_the_first_batch_is_100() -> None:
    assert current.writer_metrics(make_overview()).success_rate_pct == 100


@pytest.mark.req("OPS-4")
def test_backups_count_only_what_waits_for_recovery() -> None:
    overview = make_overview(
        backup_files={
            "backup_20260101_000000.csv": backup_file(state="recovered", rows=100, created=NOW - 5),
            "backup_20260101_000001.csv": backup_file(state="waiting", created=NOW - 4),
            "rejected_20260101_000002.csv": backup_file(kind="rejected", created=NOW - 3),
            "backup_20260101_000003.csv": backup_file(created="soon"),
        }
    )
    backups = current.backups(overview)
    assert (backups.file_count, backups.total_rows, backups.total_bytes) == (1, 500, 40_000)
    # Expect newest first, and the one nobody can read left out without hiding the others.
    assert [file.name for file in backups.files] == [
        "rejected_20260101_000002.csv",
        "backup_20260101_000001.csv",
        "backup_20260101_000000.csv",
    ]


def test_an_entry_of_many_files_counts_as_many_and_one_without_rows_still_waits() -> None:
    """Kind: 1,001 files to recover are told where 50,000 wait: those too many for the list are one entry of it."""
    more = {"(more files) at ab": backup_file(files=49_000, rows=7), "backup_1.csv": backup_file(rows="many")}
    backups = current.backups(make_overview(backup_files=more))
    assert (backups.file_count, backups.total_rows) == (49_001, 7)


def test_services_tell_the_lost_from_the_living() -> None:
    beating = {"state": "running", "pid": "77", "started_at": f"{NOW - 60:.3f}", "incarnation": "ab", "breaker": "open"}
    living = service_of("writer", "a", NOW - 1, beating)
    listed = current.services(make_overview(services=[living, service_of("writer", "b", NOW - 90, {})])).services
    assert [(entry.instance, entry.alive, entry.state) for entry in listed] == [
        ("a", True, "running"),
        ("b", False, "lost"),
    ]
    assert (listed[0].pid, listed[0].details) == (77, {"breaker": "open"})
    assert listed[0].started_at == moment(NOW - 60)
    assert listed[1].last_beat_age_seconds == 90


def test_events_are_filtered_by_kind_and_limited() -> None:
    records = [event(at, "overflow" if at % 2 else "started") for at in range(6, 0, -1)]
    overview = make_overview(events=records)
    assert [event.id for event in current.events(overview, 2).events] == ["6000-0", "5000-0"]
    assert [event.id for event in current.events(overview, 2, "overflow").events] == ["5000-0", "3000-0"]


def test_event_with_details_that_are_no_json_is_still_shown() -> None:
    overview = make_overview(events=[event(1, "overflow", details="{")])
    assert current.events(overview, 1).events[0].details is None


def test_overflow_episodes_come_newest_first_and_limited() -> None:
    overview = make_overview(
        overflows={str(began): {"began_at": began, "ended_at": None, "values": 1} for began in (100.0, 300.0, 200.0)}
    )
    assert [round(episode.began_at.timestamp()) for episode in current.overflows(overview, 2).episodes] == [300, 200]


def test_polling_groups_have_an_age_and_keep_what_the_consumer_saw() -> None:
    (group,) = current.polling_status(healthy_overview()).groups
    assert (group.plc_code, group.mode, group.values, group.errors) == ("PLC01", "FIXED", 98, 2)
    assert group.age_seconds == 0.25


def test_polling_groups_take_on_what_our_own_poller_says() -> None:
    own = [
        {"plc_code": "PLC01", "name": "line 1", "interval_ms": 1000, "group_id": None, "values": 9_800, "polls": 100},
        {"plc_code": "PLC02", "name": "line 2", "mode": "HANDSHAKE", "interval_ms": None},
    ]
    overview = make_overview(
        polling=HEALTHY_POLLING,
        services=[service_of("poller", "a", NOW, {"state": "running", "groups": json.dumps(own)})],
    )
    first, second = current.polling_status(overview).groups
    # Expect the configured interval, and the poller's totals beside the last poll's figures.
    assert (first.interval_ms, first.group_id, first.values) == (1000, 1, 98)
    assert first.details == {"group_id": None, "values": 9_800, "polls": 100}
    assert (second.plc_code, second.group_name, second.mode, second.values) == ("PLC02", "line 2", "HANDSHAKE", None)


def test_poller_with_groups_that_are_no_json_hides_nothing() -> None:
    overview = make_overview(polling=HEALTHY_POLLING, services=[service_of("poller", "a", NOW, {"groups": "[1]"})])
    assert len(current.polling_status(overview).groups) == 1


@pytest.mark.parametrize("odd", ["", "soon", "nan", "inf", "-inf", "-1", "1e300", "9" * 400])
def test_heartbeat_with_odd_fields_hides_nothing(odd: str) -> None:
    fields = dict.fromkeys(
        (
            "last_write_at",
            "started_at",
            "pid",
            "oracle",
            "breaker",
            "groups",
            "state",
            "ring_overflowed_at",
            "queue_full_since",
            "push_refused_since",
            "push_refused",
        ),
        odd,
    )
    overview = make_overview(
        services=[service_of(role, "a", NOW, fields) for role in ("consumer", "poller", "writer")],
        polling={"a": {"last_seen_at": odd}, "b": {"last_seen_at": 1e300}, **HEALTHY_POLLING},
        backup_files={"a": backup_file(created=odd), "b": backup_file(created="2026-01-01"), "c": backup_file()},
        overflows={"a": {"began_at": odd, "values": 1}, "b": {"began_at": NOW, "values": 1}},
    )
    settings = MonitorSettings.model_validate({})
    state = State(Assessor(settings).assess(overview))
    snapshot = make_snapshot(state, settings)
    assert metrics(state, settings)
    assert snapshot.model_dump_json()
    assert [service.instance for service in snapshot.services] == ["a", "a", "a"]
    assert [group.plc_code for group in snapshot.polling] == ["PLC01"]
    assert snapshot.backups is not None
    assert "c" in {file.name for file in snapshot.backups.files}
    assert current.overflows(overview, 9).episodes[0].values == 1
