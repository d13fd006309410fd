"""Every alert: when it is raised and when it is not, since when, and that it is documented."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from services.monitor.assess.alert_kinds import KINDS, Severity, Status
from services.monitor.assess.assessment import Alert, Assessor
from services.monitor.assess.findings.buffer import time_to_overflow
from services.monitor.assess.findings.find import find
from services.monitor.assess.trend import Rates
from services.monitor.read.overview import Overview, Service, service_of
from services.monitor.settings import MonitorSettings
from shared.counters import Counter
from shared.records.events import EventRecord
from shared.records.heartbeats import ServiceStatus
from shared.records.losses import Loss, WentBackTotal
from shared.redis.state import RedisState
from tests.unit.monitor import overviews
from tests.unit.monitor.overviews import NOW, backup_file, consumer, make_overview, writer

SETTINGS = MonitorSettings.model_validate({"buffer_max_size": 1_000})
STANDING = Rates()
GROUP = {"plc_code": "P1", "group_name": "a"}
DOCS = (Path(__file__).parents[4] / "docs" / "alerts.md").read_text("utf-8")


def event(age_s: float, kind: str, role: str = "writer", **fields: str) -> EventRecord:
    return overviews.event(NOW - age_s, kind, role, **fields)


def overview(**parts: Any) -> Overview:
    """A pipeline that is well but for what the test says."""
    balanced = {Counter.INSERTED: parts.get("in_buffer", 0) + parts.get("in_flight", 0)}
    return make_overview(**{"services": [consumer(), writer()], "counters": balanced, **parts})


def poller(**fields: str) -> Service[ServiceStatus]:
    return service_of("poller", "poller-1", NOW, {"state": "running", **fields})


def monitor(**fields: str) -> Service[ServiceStatus]:
    return service_of("monitor", "monitor-1", NOW, {"state": "running", **fields})


def own_group(**said: object) -> str:
    """Return what a poller says of one group."""
    return json.dumps([{"name": "a", "plc_code": "P1", "state": "running", **said}])


def found(now: Overview, rates: Rates = STANDING) -> dict[str, Any]:
    return {finding.code: finding for finding in find(now, rates, SETTINGS)}


def test_pipeline_that_is_well_has_no_alert() -> None:
    assert set(found(overview())) == set()


def test_every_alert_is_raised_by_some_test() -> None:
    raised = set(re.findall(r'found\(.*\) == \{"(\w+)"', Path(__file__).read_text("utf-8")))
    raised |= {code for code, *_ in ONE_AT_A_TIME}
    # These need what an overview does not hold: a reading that fails or is late, rates, and other readings before it.
    others = {"redis_away", "monitor_behind", "overflow_soon", "nothing_written", "queue_grows"}
    assert raised | others == set(KINDS)


ONE_AT_A_TIME: list[tuple[str, Mapping[str, Any], str]] = [
    ("ledger_unbalanced", {"counters": {Counter.INSERTED: 7}}, "7 values of those inserted are in no place"),
    ("ledger_unbalanced", {"counters": {Counter.WRITTEN: 1}}, "1 value more are accounted for than were inserted"),
    ("buffer_overflowing", {"window": {1: {"overflowed": 12}}}, "12 values discarded"),
    ("buffer_high", {"in_buffer": 852}, "85.2 % full (852 of 1,000 values), threshold 80 %"),
    (
        "no_writer",
        {"services": [consumer(), service_of("writer", "a", NOW - 60, {})]},
        "the last one was seen 1 min ago",
    ),
    ("no_consumer", {"services": [writer()]}, "3 messages wait"),
    (
        "service_paused",
        {"services": [consumer(), writer("a"), writer("b", state="paused", paused_by="operator at 10.0.0.7")]},
        "writer b paused by operator at 10.0.0.7",
    ),
    ("partitions_differ", {"services": [consumer(), writer(partitions="4")]}, "1 for this monitor; writer plant-1 was"),
    (
        "oracle_configuration",
        {"services": [consumer(), writer(oracle="configuration", last_error="ORA-00942: no table")]},
        "Oracle refuses writer plant-1: ORA-00942: no table",
    ),
    ("oracle_away", {"services": [consumer(), writer(oracle="away", breaker="open")]}, "nothing is lost"),
    (
        "fewer_connections",
        {"services": [consumer(), writer(connections_open="2", connections_short="ORA-02391: SESSIONS_PER_USER")]},
        "writer plant-1 goes on with 2 connections: ORA-02391: SESSIONS_PER_USER",
    ),
    (
        "fewer_connections",
        {"services": [consumer(), writer(connections_open="few", connections_short="ORA-02391")]},
        "writer plant-1 goes on with ? connections: ORA-02391",
    ),
    (
        "logon_warning",
        {"services": [consumer(), writer(logon_warning="ORA-28002: the password will expire within 7 days")]},
        "Oracle warns writer plant-1: ORA-28002: the password will expire within 7 days",
    ),
    (
        "key_missing",
        {"services": [consumer(), writer(table_warning="PLANT.TAG_DATA has no key on (tag_name, timestamp)")]},
        "writer plant-1 found: PLANT.TAG_DATA has no key",
    ),
    (
        "backup_failed",
        {"services": [consumer(), writer(backup="failing", backup_failure="disk full")]},
        "writer plant-1 can't write the backup: disk full",
    ),
    (
        "notices_failing",
        {"services": [consumer(), writer(), monitor(mail_failure="nothing listens at mail.plant:587")]},
        "Notices by mail of monitor monitor-1 are not taken: nothing listens at mail.plant:587",
    ),
    ("backup_lost", {"counters": {Counter.BACKUP_LOST: 7}}, "7 rows gone from backup files"),
    ("rejected_rows_dropped", {"counters": {Counter.ROWS_DROPPED: 9}}, "9 rejected rows lost"),
    ("rejected_rows_waiting", {"rejected_rows_waiting": 2}, "2 rejected rows wait in Redis"),
    ("backup_waiting", {"backup_files": {"a": backup_file(), "b": backup_file(state="recovered")}}, "1 file with 500"),
    (
        "backup_waiting",
        {"backup_files": {"a": backup_file(host="plant-2"), "b": backup_file(host="plant-1")}},
        "to recover on plant-1, plant-2; the oldest",
    ),
    ("rows_rejected", {"window": {20: {"rejected": 3}}}, "3 values refused by Oracle"),
    ("import_rejected", {"window": {20: {"import_rejected": 4}}}, "4 rows of imported files refused"),
    ("conflicts", {"window": {20: {"rejected": 3, "conflicts": 3}}}, "3 values in the last 5 minutes"),
    ("messages_rejected", {"window": {2: {"messages_rejected": 1}}}, "1 message not understood"),
    ("tags_rejected", {"window": {2: {"tags_rejected": 4}}}, "4 tags can't be values"),
    (
        "tag_names_clash",
        {"services": [consumer(name_clash="PLC A tag B.C and PLC A.B tag C are both A.B.C"), writer()]},
        "Two tags, one name: PLC A tag B.C and PLC A.B tag C are both A.B.C",
    ),
    (
        "times_ahead",
        {"window": {2: {"ahead": 10, "ahead_sum_s": 324_000}}},
        "The times of 10 values lie 9 h in the future",
    ),
    ("conflicts", {"window": {2: {"conflicts": 2}}}, "2 values in the last 5 minutes that the table holds otherwise"),
    ("success_rate_low", {"window": {3: {"batches_written": 998, "batches_failed": 2}}}, "99.80 %"),
    (
        "unforeseen_fault",
        {"events": [event(20, "fault", message="worker-1 met a ValueError"), event(4000, "fault")]},
        "1 fault in the last 5 minutes; the last one in writer plant-1: worker-1 met a ValueError",
    ),
    ("inflight_orphaned", {"owners": [("writer", "gone"), ("writer", "plant-1")]}, "writer gone is gone"),
    (
        "polling_silent",
        {"polling": {"P1/a": {**GROUP, "mode": "FIXED", "last_seen_at": NOW - 90, "interval_ms": 1000}}},
        "P1 a for 1 min 30 s",
    ),
    (
        "poller_overflowing",
        {"services": [consumer(), writer(), poller(ring_overflowed_at=str(NOW - 30), ring_overflowed_values="700")]},
        "poller poller-1 discarded 700 values since its start, the last ones 30 s ago",
    ),
    (
        "poller_waiting",
        {"services": [consumer(), writer(), poller(queue_full_since=str(NOW - 90), ring="12")]},
        "poller poller-1 holds 12 messages: the DataQueue is full for 1 min 30 s",
    ),
    (
        "outbox_failing",
        {"services": [consumer(), writer(), poller(outbox_trouble="/x is full", outbox_trouble_since=str(NOW - 9))]},
        "poller poller-1: /x is full",
    ),
    (
        "outbox_failing",
        {"services": [consumer(), writer(), poller(outbox_set_aside="outbox.sqlite3.damaged-2026")]},
        "a damaged file was set aside, with readings that were not sent: outbox.sqlite3.damaged-2026",
    ),
    ("redis_refuses", {"redis": RedisState(refusal="READONLY (demoted)")}, "refuses heartbeats, and what else is writ"),
    ("redis_full", {"services": [consumer(push_refused="Redis is full"), writer()]}, "Redis is full"),
    ("redis_full", {"redis": RedisState(used_bytes=99_000_000, max_bytes=100_000_000)}, "99 % of maxmemory"),
    ("redis_full", {"redis": RedisState(used_bytes=81_000_000, max_bytes=100_000_000)}, "81 % of maxmemory"),
    ("redis_full", {"redis": RedisState(append_failed=True)}, "can't write its append-only file"),
    ("redis_may_lose", {"redis": RedisState(appendonly=False)}, "keeps nothing on disk"),
    ("redis_may_lose", {"redis": RedisState(appendonly=True, appendfsync="everysec")}, "appendfsync everysec"),
    ("redis_may_lose", {"redis": RedisState(eviction="allkeys-lru")}, "allkeys-lru"),
    ("redis_may_lose", {"redis": RedisState(max_bytes=10**9, eviction="volatile-lru")}, "throws away heartbeats"),
    ("redis_went_back", {"went_back": WentBackTotal(at=int(NOW), times=2, inserted=7, written=3)}, "back 2 times"),
    (
        "replicas_missing",
        {"services": [consumer(), writer(), poller(replicas_missing="Redis has 0 of 1 replicas")]},
        "Redis has 0 of 1 replicas: readings are put without their confirmation",
    ),
    ("redis_may_lose", {"redis": RedisState(rewrite_failed=True)}, "could not rewrite its append-only file"),
    ("redis_may_lose", {"redis": RedisState(replicas=2, min_replicas=0)}, "takes values without them"),
    (
        "values_lost",
        {"counters": {Counter.INSERTED: 12, Counter.OVERFLOWED: 12}, "acknowledged": Loss(overflowed=5, at=0)},
        "7 values overflowed and are lost since the acknowledgement of 1970-01-01 00:00 UTC",
    ),
    ("rejected_dropped", {"counters": {Counter.REJECTED_DROPPED: 3}}, "3 rejected entries were dropped"),
    (
        "recovered_exceeds",
        {"counters": {Counter.INSERTED: 9, Counter.REJECTED: 4, Counter.BACKED_UP: 5, Counter.RECOVERED: 11}},
        "2 rows more were recovered",
    ),
    (
        "oracle_went_back",
        {
            "events": [
                event(60, "oracle_went_back", details='{"missing": 3, "first": "2026-03-01", "last": "2026-03-02"}')
            ]
        },
        "values that Oracle had committed, collected from 2026-03-01 to 2026-03-02, are not in the table any more",
    ),
    (
        "readings_lost",
        {"events": [event(60, "overflow", "poller", details='{"values": 40}')]},
        "40 values were discarded by poller plant-1",
    ),
    (
        "readings_unsupported",
        {"window": {3: {"unsupported": 3}}},
        "3 values of the last 5 minutes were lists or objects",
    ),
    (
        "source_failing",
        {"services": [consumer(), writer(), poller(groups=own_group(trouble="no route to the PLC"))]},
        "Can't be read: P1 a: no route to the PLC",
    ),
    (
        "source_failing",
        {"services": [consumer(), writer(), poller(groups=own_group(state="failed"))]},
        "Can't be read: P1 a: failed",
    ),
    (
        "readings_missed",
        {"services": [consumer(), writer(), poller(groups=own_group(skipped_lately=150))]},
        "Never came here: P1 a: 150 polls were skipped between the last 300",
    ),
    (
        "readings_missed",
        {"services": [consumer(), writer(), poller(groups=own_group(lost=7, lost_at=NOW - 60))]},
        "Never came here: P1 a: 7 changes were lost, the last ones 1 min ago",
    ),
    ("not_all_shown", {"services": [consumer(tags_left_out="9"), writer()]}, "9 last values by consumer"),
    (
        "writers_differ",
        {"services": [consumer(), writer(target="T at prod/X"), writer("writer-2", target="T at stage/X")]},
        "Values go to several tables: writer plant-1 to T at prod/X, writer writer-2 to T at stage/X",
    ),
    (
        "certificate_expires",
        {"services": [consumer(), writer(), poller(groups=own_group(certificate_until=NOW + 86_400))]},
        "Ends, or has ended: P1 a at ",
    ),
    ("certificate_expires", {"redis": RedisState(certificate_until=NOW - 60)}, "Ends, or has ended: Redis "),
    (
        "requests_unanswered",
        {"services": [consumer(requests_unanswered="7", requests_dropped="3"), writer()]},
        "7 requests to poll wait, 3 were dropped",
    ),
    (
        "clocks_differ",
        {"services": [consumer(), writer(), poller(beat_at=str(NOW), clock=str(NOW - 10_800))]},
        "By the clock of Redis' host: poller poller-1 is 3 h",
    ),
    (
        "batch_stuck",
        {"events": [event(3 * n, "reclaimed", details='{"elements": 1, "owner": "plant-1"}') for n in range(5)]},
        "never done: writer plant-1 5 times",
    ),
    ("not_all_shown", {"services": [consumer(groups_left_out="7"), writer()]}, "7 polling groups by consumer"),
    ("not_all_shown", {"left_out": {"{t}:polling": 3}}, "too many or unreadable: 3 of {t}:polling"),
]


def test_a_poller_whose_losses_are_old_or_whose_words_are_none_raises_nothing() -> None:
    said = {"ring_overflowed_at": str(NOW - 400), "queue_full_since": "soon"}
    assert found(overview(services=[consumer(), writer(), poller(**said)])) == {}


@pytest.mark.req("OPS-1")
@pytest.mark.parametrize(("code", "parts", "message"), ONE_AT_A_TIME)
def test_cause_raises_its_alert_and_no_other(code: str, parts: Mapping[str, Any], message: str) -> None:
    raised = found(overview(**parts))
    assert set(raised) == {code}
    assert message in raised[code].message


@pytest.mark.parametrize(
    "parts",
    [
        {"window": {5: {"overflowed": 12}}},
        {"counters": {Counter.INSERTED: 12, Counter.OVERFLOWED: 12}, "acknowledged": Loss(overflowed=12, at=1)},
        {"counters": {Counter.INSERTED: 12}, "acknowledged": Loss(difference=12, at=1)},
        {"counters": {Counter.ROWS_DROPPED: 3}, "acknowledged": Loss(rows_dropped=3, at=1)},
        {"counters": {Counter.REJECTED_DROPPED: 3}, "acknowledged": Loss(rejected_dropped=4, at=1)},
        {"events": [event(60, "overflow", "poller")], "acknowledged": Loss(at=int(NOW) - 59)},
        {"redis": RedisState(used_bytes=79, max_bytes=100, appendonly=True, appendfsync="always")},
        {"redis": RedisState(used_bytes=10**12, max_bytes=0, eviction="volatile-lru")},
        {"redis": RedisState(replicas=2, min_replicas=1)},
        {"went_back": WentBackTotal(at=int(NOW)), "acknowledged": Loss(at=int(NOW))},
        {"redis": RedisState(replicas=0, min_replicas=0)},
        {"in_buffer": 799},
        # All that a killed process left, taken up at once by the next one of its name; and what others left.
        {"events": [event(3, "reclaimed", details='{"elements": 1, "owner": "plant-1"}')] * 9},
        {"events": [event(3 * n, "reclaimed", details='{"elements": 1, "owner": "other"}') for n in range(9)]},
        {"services": [consumer(), writer(), poller(beat_at=str(NOW), clock=str(NOW - 29))]},
        {"services": [consumer(), writer(), poller(groups=own_group(skipped=999, skipped_lately=3))]},
        {"services": [consumer(), writer(), poller(groups=own_group(lost=7, lost_at=NOW - 400))]},
        {"window": {3: {"batches_written": 9_991, "batches_failed": 9}}},
        {"owners": [("writer", "plant-1"), ("consumer", "plant-1")]},
        {"backup_files": {"b": backup_file(state="recovered"), "r": backup_file(kind="rejected")}},
        {"polling": {"P1/a": {**GROUP, "mode": "FIXED", "last_seen_at": NOW - 90, "interval_ms": 60_000}}},
        {"polling": {"P1/a": {**GROUP, "mode": "FIXED", "last_seen_at": NOW - 9, "interval_ms": 1000}}},
        {"polling": {"P1/a": {**GROUP, "mode": "HANDSHAKE", "last_seen_at": NOW - 900}}},
        {"polling": {"P1/a": {**GROUP, "mode": "FIXED", "last_seen_at": NOW - 100_000}}},
    ],
)
def test_what_is_no_cause_raises_nothing(parts: Mapping[str, Any]) -> None:
    assert found(overview(**parts)) == {}


def test_recording_that_was_played_to_its_end_is_not_silent() -> None:
    groups = '[{"name":"a","plc_code":"P1","state":"finished"}]'
    poller = service_of("poller", "plant-1", NOW, {"state": "running", "groups": groups})
    polling = {"P1/a": {**GROUP, "mode": "FIXED", "last_seen_at": NOW - 90, "interval_ms": 1000}}
    assert found(overview(services=[consumer(), writer(), poller], polling=polling)) == {}


@pytest.mark.req("OPS-1")
def test_time_to_overflow_is_told_in_seconds() -> None:
    filling = Rates(inserted=100, removed=50, growth=50)
    soon = found(overview(in_buffer=550), filling)["overflow_soon"]
    assert soon.message.startswith("Full in 9 s: 100 values/s come in, 50 go out, room for 450")
    assert soon.severity is Severity.CRITICAL
    later = found(overview(in_buffer=0), Rates(inserted=100, removed=60, growth=40))["overflow_soon"]
    assert later.severity is None


@pytest.mark.parametrize(
    ("rates", "seconds"),
    [
        (Rates(), None),
        (Rates(inserted=100, removed=100), None),
        (Rates(inserted=1000, removed=960, growth=40), None),
        (Rates(inserted=100, removed=50, growth=50), 10.0),
    ],
)
def test_buffer_that_does_not_fill_will_not_overflow(rates: Rates, seconds: float | None) -> None:
    assert time_to_overflow(500, 1_000, rates) == seconds


@pytest.mark.req("OPS-1", "EC-1")
def test_full_buffer_is_critical_when_oracle_is_away() -> None:
    away = [consumer(), writer(oracle="away", breaker="open")]
    assert found(overview(in_buffer=950, services=away))["buffer_high"].severity is Severity.CRITICAL
    assert found(overview(in_buffer=950))["buffer_high"].severity is None


@pytest.mark.req("OPS-1")
def test_outage_says_how_long_it_has_lasted_and_can_last() -> None:
    # Given an outage of 42 s, 1,000 values/s of 80 bytes each in the files, and room for 8 GB
    away = writer(
        oracle="away", breaker="open", backup_free_bytes="8000000000", last_error="ORA-16000: read-only"
    )  # fmt: skip
    now = overview(
        services=[consumer(), away],
        events=[
            event(5, "oracle_retry"),
            event(40, "oracle_back"),  # half-open: no end of the outage
            event(41, "oracle_lost"),
            event(42, "oracle_retry"),
            event(900, "oracle_back", details='{"after_s": 9.0}'),
            event(910, "oracle_lost"),
        ],
        backup_files={"a": backup_file(rows=500, bytes=40_000)},
    )
    outage = found(now, Rates(inserted=1_000, removed=1_000))["oracle_away"]
    assert outage.since == NOW - 42
    assert "Oracle is away for 42 s (writer plant-1)" in outage.message
    assert outage.message.endswith("last error: ORA-16000: read-only")
    assert "its disk lasts 1 d 3 h more at 1,000 values/s" in outage.message


@pytest.mark.req("EC-5", "EC-1")
def test_outage_without_backup_is_critical_and_says_when_the_buffer_is_full() -> None:
    stuck = [consumer(), writer(oracle="away", breaker="open", backup="failing")]
    outage = found(overview(services=stuck, in_buffer=400), Rates(inserted=100, removed=0))["oracle_away"]
    assert outage.severity is Severity.CRITICAL
    assert "the buffer is full in 6 s at 100 values/s, then polls wait in the DataQueue" in outage.message


class TestSince:
    """The moment since when something is wrong, and for how long it must last."""

    @staticmethod
    def look(assessor: Assessor, now: Overview) -> dict[str, Alert]:
        return {alert.code: alert for alert in assessor.assess(now).alerts}

    def test_comes_from_redis_so_that_a_restart_does_not_change_it(self) -> None:
        episodes = {
            "a": {"began_at": NOW - 30, "ended_at": None, "values": 1},
            "b": {"began_at": NOW - 900, "ended_at": NOW - 800, "values": 1},
        }
        now = overview(
            in_buffer=900,
            window={0: {"overflowed": 1}},
            overflows=episodes,
            backup_files={"a": backup_file(created=NOW - 777)},
            events=[event(50, "buffer_high", "consumer"), event(70, "buffer_normal", "consumer")],
        )
        alerts = self.look(Assessor(SETTINGS), now)
        assert alerts["buffer_overflowing"].since == NOW - 30
        assert alerts["buffer_high"].since == NOW - 50
        assert alerts["backup_waiting"].since == NOW - 777

    def test_is_when_it_was_first_seen_where_redis_does_not_know(self) -> None:
        assessor = Assessor(SETTINGS)
        broken = {Counter.INSERTED: 7}
        for age_s in (6, 4, 2):
            alerts = self.look(assessor, overview(counters=broken, taken_at=NOW - age_s))
        assert alerts["ledger_unbalanced"].since == NOW - 6
        # If it ends and begins again, it counts from then
        self.look(assessor, overview(taken_at=NOW - 1))
        assert self.look(assessor, overview(counters=broken, taken_at=NOW)) == {}

    def test_short_trouble_is_no_news(self) -> None:
        assessor = Assessor(SETTINGS)
        hold_s = KINDS["inflight_orphaned"].hold_s
        owners = [("writer", "gone")]
        assert self.look(assessor, overview(owners=owners, taken_at=NOW)) == {}
        assert self.look(assessor, overview(owners=owners, taken_at=NOW + hold_s - 0.1)) == {}
        assert set(self.look(assessor, overview(owners=owners, taken_at=NOW + hold_s))) == {"inflight_orphaned"}

    def test_is_never_in_the_future(self) -> None:
        late = {"a": backup_file(created=NOW + 3600)}
        assert self.look(Assessor(SETTINGS), overview(backup_files=late))["backup_waiting"].since == NOW


def test_critical_ones_come_first() -> None:
    assessor = Assessor(SETTINGS)
    for age_s in (5, 0):
        alerts = assessor.assess(
            overview(backup_files={"a": backup_file()}, services=[writer()], taken_at=NOW - age_s)
        ).alerts
    assert [alert.code for alert in alerts] == ["no_consumer", "backup_waiting"]


@pytest.mark.parametrize("code", KINDS)
def test_every_alert_is_in_the_documentation_as_it_is(code: str) -> None:
    kind = KINDS[code]
    assert f'| <a id="{code}"></a>`{code}` | {kind.severity.value} | {kind.cause} | {kind.remedy} |' in DOCS


def test_documentation_has_no_alert_that_is_none() -> None:
    assert re.findall(r"^\| <a id=.*></a>`(\w+)`", DOCS, re.MULTILINE) == list(KINDS)


def test_two_tags_of_one_name_are_no_news_where_the_table_keeps_them_apart() -> None:
    services = [consumer(name_clash="PLC A tag B.C and PLC A.B tag C are both A.B.C"), writer(layout="tag_values")]
    assert set(found(overview(services=services))) == set()


@pytest.mark.parametrize(
    ("services", "severity", "words"),
    [
        ([writer("a", state="paused", paused_by="Kim"), writer("b"), consumer()], Severity.WARNING, "writer a paused"),
        ([writer("a", state="paused", paused_by="Kim"), consumer()], Severity.CRITICAL, "go to the backup"),
        ([writer(), consumer("a", state="paused", paused_by="Kim")], Severity.CRITICAL, "wait in the DataQueue"),
    ],
)
def test_who_is_paused_is_told_and_worse_where_nobody_does_its_work(
    services: list[Any], severity: Severity, words: str
) -> None:
    """Kind: what a person switched off is forgotten, and looks healthy."""
    raised = found(overview(services=services))
    assert set(raised) == {"service_paused"}
    assert (raised["service_paused"].how_bad, raised["service_paused"].health) == (severity, Status.DEGRADED)
    assert words in raised["service_paused"].message
    assert "Kim" in raised["service_paused"].message
