"""What others write to Redis, however much of it, must not take the monitor down."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.records.heartbeats import PollerStatus
from shared.redis.link import RedisLink
from tests.integration.monitor.monitors import Monitor, Pipeline, start_process
from tests.unit.monitor.overviews import backup_file

#: What a plant with many small groups may have.
MANY = 20_000


def group(plc: str, name: str, **fields: Any) -> str:
    """Return what a consumer says of a group that was silent for 90 s."""
    known = {"plc_code": plc, "group_name": name, "mode": "FIXED", "interval_ms": 1000.0, "values": 3}
    return json.dumps({**known, "last_seen_at": time.time() - 90, **fields})


def alerts(monitor: Monitor) -> dict[str, str]:
    return {alert["code"]: alert["message"] for alert in monitor.get("/api/alerts").json()["alerts"]}


@pytest.mark.req("OPS-1")
def test_twenty_thousand_silent_groups_are_shown_and_no_false_redis_unavailable(
    monitor: Monitor, link: RedisLink, keys: Keys
) -> None:
    """Kind: work that grows with the square of what is there, and its slowness told as another's fault."""
    fields = [part for n in range(MANY) for part in (f"P{n}/g", group(f"P{n}", "g"))]
    for start in range(0, len(fields), 4_000):
        link.command("HSET", keys.polling, *fields[start : start + 4_000])

    def look() -> dict[str, str]:
        found = alerts(monitor)
        assert "redis_away" not in found
        return found if "19,995 more" in found.get("polling_silent", "") else {}

    assert "P0 g for 1 min" in wait_until(look, what="the alert for all of them")["polling_silent"]
    # On a machine that is busy with others the monitor may be behind for a moment, and says so: then it is asked again.
    wait_until(lambda: len(monitor.get("/api/polling/status").json().get("groups", [])) == MANY, what="all groups")
    wait_until(lambda: monitor.get("/metrics").text.count("tagpipe_polling_values{") == 1_000, what="their metrics")


def test_one_finished_group_does_not_silence_the_alert_for_its_pollers_others(
    monitor: Monitor, link: RedisLink, keys: Keys
) -> None:
    """Kind: two facts joined by text search instead of by their names."""
    poller = Heartbeat(link, keys, EventLog(link, keys, "poller"), "poller", "plant-1")
    poller.register()
    own = [
        {"plc_code": "P1", "name": "done", "state": "finished"},
        {"plc_code": "P1", "name": "late", "state": "running"},
    ]
    poller.beat("running", PollerStatus(groups=json.dumps(own)))
    link.command("HSET", keys.polling, "P1/done", group("P1", "done"), "P1/late", group("P1", "late"))
    silent = wait_until(lambda: alerts(monitor).get("polling_silent"), what="the alert")
    assert "P1 late" in silent
    assert "done" not in silent


def test_groups_whose_names_join_alike_are_two_and_older_entries_are_read_too(
    monitor: Monitor, link: RedisLink, keys: Keys
) -> None:
    """Kind: two names that become one."""
    link.command(
        "HSET", keys.polling,
        '["A/B","C"]', group("A/B", "C"), '["A","B/C"]', group("A", "B/C", values=7),
        "A/B/C", group("A", "B/C", values=5, last_seen_at=time.time() - 900),
    )  # fmt: skip
    found = wait_until(lambda: monitor.get("/api/polling/status").json()["groups"], what="the groups")
    assert [(one["plc_code"], one["group_name"], one["values"]) for one in found] == [("A", "B/C", 7), ("A/B", "C", 3)]


def hset(link: RedisLink, key: str, entries: dict[str, str], at_once: int = 1_000) -> None:
    """Write a hash a few entries at a time."""
    flat = [part for entry in entries.items() for part in entry]
    for start in range(0, len(flat), 2 * at_once):
        link.command("HSET", key, *flat[start : start + 2 * at_once])


def test_megabytes_in_every_key_cost_the_monitor_little_and_hide_nothing_else(
    redis_server: EmbeddedRedis, pipeline: Pipeline, link: RedisLink, keys: Keys
) -> None:
    """Kind: outside input without a bound in bytes; names of 1 MB cost the monitor 673 MB, /metrics was 300 MB."""
    # Given what is right beside entries of a megabyte each, in every key that the monitor reads
    pipeline.push(7)
    mb = "x" * 1_000_000
    for n in range(100):
        hset(link, keys.polling, {f"{n}{mb}": group(f"{n}{mb}", "g")}, 1)
        hset(link, keys.backup_files, {f"b{n}{mb}": json.dumps({"kind": mb})}, 1)
    for key in (keys.overflow_episodes, keys.counters, keys.window(int(time.time()) // 10)):
        hset(link, key, {f"{n}": mb for n in range(10)} | {mb: "1"}, 1)
    for n in range(20):
        link.command(
            "XADD", keys.events, "*", "kind", "overflow", "role", "writer", "message", mb, "details", mb, mb, mb
        )
        link.command("SADD", keys.inflight, f"{{x}}:inflight:{n}{mb}:1")
        link.command("ZADD", keys.services, int(time.time()), f"writer:{n}{mb}")
    link.command("HSET", keys.service("writer", "plant-1"), "last_error", mb, "backup_failure", mb, "x", mb)
    hset(link, keys.polling, {"right": group("P1", "right")})
    hset(link, keys.backup_files, {"backup_1.csv": json.dumps(backup_file())})
    process = start_process(redis_server.url, keys.namespace)
    try:
        # Expect what is right to be shown, all answers to be short, and to be told what is left out
        process.shows("/api/ledger", {"inserted": 7})
        polling = wait_until(lambda: (found := process.get("/api/polling/status").json())["groups"] and found)
        assert ([one["plc_code"] for one in polling["groups"]], polling["left_out"]) == (["P1"], 100)
        assert process.get("/api/backups").json()["left_out"] == 100
        said = wait_until(lambda: alerts(process).get("not_all_shown"), what="the alert")
        assert f"100 of {keys.polling}" in said
        for path in ("/metrics", "/api/events", "/api/services", "/api/alerts", "/api/overflows", "/api/buffer/health"):
            answer = process.get(path)
            assert answer.status_code in {200, 503}, path
            assert len(answer.content) < 200_000, path
        assert peak_memory_mb(process.process.pid) < 400
    finally:
        process.end()


def peak_memory_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1000


@pytest.mark.parametrize("odd", ["[" * 10_000, '{"a":' + "[" * 9_000 + "]" * 9_000 + "}", "1e999", "{", "\ud800"])
def test_record_that_is_no_record_hides_no_other(monitor: Monitor, link: RedisLink, keys: Keys, odd: str) -> None:
    """Kind: one undrawable record freezes what shows all."""
    raw = odd.encode(errors="surrogatepass")
    link.command("HSET", keys.polling, "odd", raw, "right", group("P1", "right"))
    link.command("HSET", keys.overflow_episodes, "odd", raw)
    link.command("HSET", keys.backup_files, "odd", raw, "backup_1.csv", json.dumps(backup_file()))
    link.command("XADD", keys.events, "99999999999999999-0", "kind", "started", "details", raw)
    link.command("ZADD", keys.services, "inf", "writer:odd", "1e300", "poller:odd", "-inf", "x")
    monitor.shows("/api/backups", {"file_count": 1})
    for path in ("/api/polling/status", "/api/events", "/api/services", "/api/overflows", "/api/alerts", "/metrics"):
        assert monitor.get(path).status_code == 200, path
    wait_until(
        lambda: "9999" in [event["at"][:4] for event in monitor.get("/api/events").json()["events"]],
        what="the event of no year",
    )
    # The page that is open is drawn on, and does not say "live" over what stands still.
    with httpx.stream("GET", f"{monitor.url}/monitoring/news", timeout=20) as news:
        drawn = (line for line in news.iter_lines() if line.startswith("data:"))
        assert "41,041" not in next(drawn)
        link.command("HSET", keys.counters, "inserted", 41_041, "overflowed", 41_041)
        assert any("41,041" in line for line in drawn)


def test_many_small_entries_are_bounded_too(monitor: Monitor, link: RedisLink, keys: Keys) -> None:
    """Kind: a bound in bytes where there may be many."""
    hset(link, keys.polling, {f"{n}": group(f"P{n}", "g", last_seen_at=1.0) for n in range(26_000)})
    hset(link, keys.backup_files, {f"b{n}": "{}" for n in range(6_000)})
    hset(link, keys.counters, {f"c{n}": "1" for n in range(50_000)} | {"inserted": "5", "overflowed": "5"})
    link.command("SADD", keys.inflight, *(f"odd:{n}:1" for n in range(5_000)))
    link.command("ZADD", keys.services, *(part for n in range(3_000) for part in (int(time.time()), f"writer:{n}")))
    monitor.shows("/api/ledger", {"inserted": 5, "overflowed": 5})
    wait_until(
        lambda: len(monitor.get("/api/polling/status").json().get("groups", [])) >= 25_000, what="as many as are shown"
    )
    monitor.shows("/api/ledger", {"inserted": 5})
    assert len(monitor.get("/api/services").json()["services"]) == 500
    assert "not_all_shown" in alerts(monitor)
