"""The monitor over a real Redis: what is there must be shown."""

import json
import socket
import time
from datetime import datetime
from typing import Any

import httpx
import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.monitor.http.server import listen, url_of
from services.monitor.settings import MonitorSettings
from shared.counters import WINDOW_BUCKET_S
from shared.errors import FatalError
from shared.keys import Keys
from shared.records.events import Event, FileNamed
from shared.records.heartbeats import WriterStatus
from shared.redis.link import RedisLink
from tests.integration.monitor.monitors import Monitor, Pipeline, monitor_in_a_thread
from tests.unit.monitor.overviews import backup_file

#: Seconds that an answer may be behind Redis.
FRESH_S = 1.0


@pytest.mark.req("FR-005", "FR-021", "FR-022")
def test_monitor_shows_what_is_in_redis(monitor: Monitor, pipeline: Pipeline) -> None:
    # Given 100 values pushed, 60 written, 10 in flight
    pipeline.push(100)
    pipeline.write(60)
    pipeline.claim(10)
    # Expect size, totals and ledger to say so
    monitor.shows("/api/buffer/status", {"current_size": 30, "total_inserted": 100, "total_removed": 70})
    expected = {"inserted": 100, "in_buffer": 30, "in_flight": 10, "written": 60, "balances": True, "difference": 0}
    monitor.shows("/api/ledger", expected)
    metrics = monitor.get("/api/buffer/writer/metrics").json()
    assert metrics["successful_writes"] == 1
    assert metrics["avg_batch_size"] == 60
    assert metrics["write_latency_p95_ms"] == 15
    assert metrics["lag_p99_ms"] == 300
    short = monitor.get("/api/buffer/metrics").json()
    assert short["buffer"]["current_size"] == 30
    assert short["writer"]["avg_write_latency_ms"] == 12
    assert short["backup"] == {"file_count": 0, "total_bytes": 0}


def test_answer_is_about_as_old_as_one_tick(monitor: Monitor, link: RedisLink) -> None:
    taken_at = datetime.fromisoformat(monitor.get("/api/ledger").json()["taken_at"]).timestamp()
    assert link.command("TIME")[0] - taken_at < FRESH_S


@pytest.mark.req("FR-004", "FR-005")
def test_monitor_shows_overflow(redis_server: EmbeddedRedis, link: RedisLink, keys: Keys) -> None:
    pipeline = Pipeline(link, keys, max_size=50)
    pipeline.push(80)
    pipeline.close()
    with monitor_in_a_thread(redis_server.url, keys.namespace, buffer_max_size=50) as monitor:
        expected = {"current_size": 50, "max_size": 50, "utilization_pct": 100.0, "overflow_count": 30}
        assert monitor.shows("/api/buffer/status", expected)["overflow_rate_pct"] == 37.5
        health = monitor.get("/api/buffer/health")
    assert (health.status_code, health.json()["status"], health.json()["buffer_ok"]) == (503, "unhealthy", False)


def test_health_follows_the_writers_heartbeat(monitor: Monitor, pipeline: Pipeline) -> None:
    pipeline.push(10)
    pipeline.write(10)
    monitor.shows("/api/buffer/health", {"status": "healthy", "oracle_connection_ok": True})
    # A reading that began before the write may hold the heartbeat after it.
    wait_until(lambda: health_details(monitor)["recent_write_success"] is True, what="the write to be seen")
    assert health_details(monitor)["last_write_age_seconds"] < 60
    pipeline.writer.beat("running", WriterStatus(breaker="open", oracle="away", backup="ok"))
    degraded = monitor.shows("/api/buffer/health", {"status": "degraded", "oracle_connection_ok": False})
    assert any("breaker" in reason for reason in degraded["reasons"])
    pipeline.writer.close()
    monitor.shows("/api/buffer/health", {"status": "unhealthy", "writer_ok": False})
    assert monitor.get("/api/buffer/health").status_code == 503


def health_details(monitor: Monitor) -> dict[str, Any]:
    details: dict[str, Any] = monitor.get("/api/buffer/health").json()["details"]
    return details


def test_services_events_backups_overflows_and_groups_are_listed(
    monitor: Monitor, pipeline: Pipeline, link: RedisLink, keys: Keys
) -> None:
    pipeline.events.add(Event.BACKUP_FILE, "Saved 500 items", FileNamed(file="a.csv"))
    episode = {"began_at": 1_767_225_000.5, "ended_at": None, "values": 3, "tags": {"PLC01.D1": 3}}
    link.command("HSET", keys.overflow_episodes, "1767225000.500-ab", json.dumps(episode), "torn", "{")
    group = {"group_id": 1, "group_name": "line 1", "plc_code": "PLC01", "mode": "FIXED", "last_seen_at": time.time()}
    link.command("HSET", keys.polling, "PLC01/line 1", json.dumps(group))
    # Last: a reading that shows it shows the others too.
    link.command("HSET", keys.backup_files, "backup_20260101_000000.csv", json.dumps(backup_file()))

    monitor.shows("/api/backups", {"file_count": 1, "total_bytes": 40_000})
    (event,) = monitor.get("/api/events?kind=backup_file").json()["events"]
    assert (event["role"], event["message"], event["details"]) == ("writer", "Saved 500 items", {"file": "a.csv"})
    (overflow,) = monitor.get("/api/overflows").json()["episodes"]
    assert (overflow["values"], overflow["tags"], overflow["ended_at"]) == (3, {"PLC01.D1": 3}, None)
    (polled,) = monitor.get("/api/polling/status").json()["groups"]
    assert (polled["plc_code"], polled["group_name"], polled["mode"]) == ("PLC01", "line 1", "FIXED")
    wait_until(
        lambda: (
            {("consumer", True), ("monitor", True), ("writer", True)}
            == {(entry["role"], entry["alive"]) for entry in monitor.get("/api/services").json()["services"]}
        ),
        what="all three services, the monitor itself among them",
    )


def test_old_buckets_leave_the_averages(monitor: Monitor, link: RedisLink, keys: Keys) -> None:
    # Given a slow batch six minutes ago and a quick one now
    now = int(link.command("TIME")[0])
    for age_s, latency_ms in ((360, 900), (0, 10)):
        key = keys.window((now - age_s) // WINDOW_BUCKET_S)
        link.command("HSET", key, "latency_sum_ms", latency_ms, "latency:1000", 1, "batches_written", 1, "written", 1)
    metrics = wait_until(
        lambda: (found := monitor.get("/api/buffer/writer/metrics").json())["avg_batch_size"] and found
    )
    assert metrics["avg_write_latency_ms"] == 10


@pytest.mark.req("OPS-4")
def test_history_is_kept_in_redis_so_that_a_restart_of_the_monitor_loses_nothing(
    redis_server: EmbeddedRedis, pipeline: Pipeline, keys: Keys
) -> None:
    # Given 100 values pushed, of which 60 are written
    pipeline.push(100)
    pipeline.write(60)
    seen = []
    for _ in range(2):
        with monitor_in_a_thread(redis_server.url, keys.namespace) as monitor:
            monitor.shows("/api/ledger", {"written": 60})
            points = monitor.get("/api/history?minutes=2").json()["points"]
        moved = [point for point in points if point["inserted"] or point["written"]]
        assert sum(point["inserted"] for point in moved) == 100
        assert sum(point["written"] for point in moved) == 60
        assert max(point["depth_max"] for point in moved) == 100
        assert points[-1]["depth"] == 40
        seen.append({point["at"]: point for point in moved})
    assert seen[0] == seen[1]


@pytest.mark.req("OPS-4")
def test_latency_is_counted_in_total_too_for_prometheus(monitor: Monitor, pipeline: Pipeline) -> None:
    pipeline.push(100)
    pipeline.write(60)
    monitor.shows("/api/ledger", {"written": 60})
    exposition = monitor.get("/metrics").text
    assert 'tagpipe_write_latency_seconds_bucket{le="0.01"} 0.0' in exposition
    assert 'tagpipe_write_latency_seconds_bucket{le="0.015"} 1.0' in exposition
    assert "tagpipe_write_latency_seconds_sum 0.012" in exposition
    assert "tagpipe_lag_seconds_count 60.0" in exposition
    assert 'tagpipe_values_total{outcome="written"} 60.0' in exposition


@pytest.mark.req("OPS-1")
def test_alerts_follow_what_happens_and_survive_a_restart(
    redis_server: EmbeddedRedis, pipeline: Pipeline, keys: Keys, link: RedisLink
) -> None:
    link.command("HSET", keys.backup_files, "backup_20260101_000000.csv", json.dumps(backup_file()))
    pipeline.events.add(Event.ORACLE_LOST, "Oracle: retrying -> open")
    pipeline.writer.beat("running", WriterStatus(breaker="open", oracle="away", backup="ok"))
    since = []
    for _ in range(2):
        with monitor_in_a_thread(redis_server.url, keys.namespace) as monitor:
            found = wait_until(lambda: _alerts(monitor, "oracle_away", "backup_waiting"), what="the alerts")
            since.append({code: alert["since"] for code, alert in found.items()})
    assert since[0] == since[1]


def _alerts(monitor: Monitor, *codes: str) -> dict[str, dict[str, str]]:
    found = {alert["code"]: alert for alert in monitor.get("/api/alerts").json()["alerts"]}
    return {code: found[code] for code in codes} if set(codes) <= set(found) else {}


def test_garbage_in_redis_hides_nothing_else(monitor: Monitor, pipeline: Pipeline, link: RedisLink, keys: Keys) -> None:
    pipeline.push(7)
    link.command("HSET", keys.window(int(time.time()) // WINDOW_BUCKET_S), "inserted", "lots", "torn", "{")
    link.command("SADD", keys.inflight, "odd")
    link.command("XADD", keys.events, "*", "kind", b"\xff\xfe")
    monitor.shows("/api/ledger", {"inserted": 7})
    for path in ("/api/history", "/api/alerts", "/api/buffer/writer/metrics", "/api/events", "/metrics"):
        assert monitor.get(path).status_code == 200, path


def test_total_that_is_no_number_is_a_503_with_the_reason_until_it_is_cured(
    monitor: Monitor, pipeline: Pipeline, link: RedisLink, keys: Keys
) -> None:
    pipeline.push(7)
    link.command("HSET", keys.counters, "written", "many")
    wait_until(lambda: monitor.get("/api/ledger").status_code == 503, what="the 503")
    reason = monitor.get("/api/ledger").json()["details"]["reason"]
    assert "no count" in reason
    assert reason.endswith(f"redis-cli HDEL '{keys.counters}' written")
    assert {alert["code"] for alert in monitor.get("/api/alerts").json()["alerts"]} >= {"redis_away"}
    link.command("HDEL", keys.counters, "written")
    monitor.shows("/api/ledger", {"inserted": 7})


def test_stream_sends_a_snapshot_a_second(monitor: Monitor, pipeline: Pipeline) -> None:
    pipeline.push(7)
    seen = []
    with httpx.stream("GET", monitor.url + "/api/stream", timeout=10) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line.removeprefix("data:")))
                if len(seen) >= 2 and seen[-1]["ledger"]["inserted"] == 7:
                    break
    assert seen[-1]["stale"] is False
    assert seen[-1]["buffer"]["current_size"] == 7
    assert seen[-1]["taken_at"] > seen[0]["taken_at"]


def test_monitor_changes_nothing_but_its_own_entries(
    monitor: Monitor, pipeline: Pipeline, link: RedisLink, keys: Keys
) -> None:
    pipeline.push(3)
    monitor.shows("/api/ledger", {"inserted": 3})
    wait_until(lambda: len(monitor.get("/api/services").json()["services"]) == 3)
    found = {key.decode() for key in link.command("KEYS", f"{{{keys.namespace}}}:*")}
    own = {key for key in found if ":service:monitor:" in key}
    bucket_keys = {key for key in found if key.startswith(keys.window_prefix)}
    services = {keys.service("writer", "plant-1"), keys.service("consumer", "plant-1")}
    assert found - own - bucket_keys - services == {
        keys.buffer, keys.counters, keys.ready_token, keys.services, keys.events,
    }  # fmt: skip


@pytest.mark.req("SC-006")
def test_answers_are_not_held_back_by_the_network_stack() -> None:
    # Given a listener of ours, from which accepted connections take their options
    with listen(MonitorSettings.model_validate({"monitor_port": 0})) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_address_of_another_machine_is_refused_with_the_remedy(host: str) -> None:
    settings = MonitorSettings.model_validate({"monitor_host": host, "monitor_port": 0, "monitor_insecure": True})
    with pytest.raises(FatalError, match=f"can't listen on {host}.*check MONITOR_HOST"):
        listen(settings)


def test_address_is_written_as_a_browser_wants_it() -> None:
    with listen(MonitorSettings.model_validate({"monitor_port": 0})) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
