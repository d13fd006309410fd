"""What others write to Redis, however much of it, must not take the monitor down."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.redis import EmbeddedRedis
from shared.events import EventLog
from shared.heartbeat import Heartbeat
from shared.keys import Keys
from shared.redis_link import RedisLink
from tests.integration.monitors import Monitor, monitor_in_a_thread
from tests.waiting import wait_until

#: What a plant with many small groups may have.
MANY = 20_000


@pytest.fixture
def monitor(redis_server: EmbeddedRedis, namespace: str) -> Iterator[Monitor]:
    with monitor_in_a_thread(redis_server.url, namespace) as monitor:
        yield monitor


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
    assert len(monitor.get("/api/polling/status").json()["groups"]) == MANY
    assert monitor.get("/metrics").text.count("tagpipe_polling_values{") == 1_000


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
    poller.beat("running", groups=json.dumps(own))
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
