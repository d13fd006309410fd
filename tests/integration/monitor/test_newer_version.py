"""A newer version is rolled out, or this one is gone back to: Redis holds words that are known to no one here."""

import json
import time

import pytest

from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.monitor.monitors import Monitor

LATER = "of-a-later-version"
PATHS = ("/monitoring/buffer", "/monitoring/plc", "/monitoring/plc?code=PLC01", "/monitoring/rejected", "/metrics")


@pytest.fixture
def newer(link: RedisLink, keys: Keys) -> None:
    """What processes of a later version say: states, kinds and roles of their own, and fields beside ours."""
    now = time.time()
    heartbeats = {
        ("writer", "w"): {"state": LATER, "breaker": LATER, "oracle": LATER, "backup": LATER},
        ("consumer", "c"): {"state": LATER, "lanes": "7"},
        ("poller", "p"): {
            "groups": json.dumps([{"plc_code": "PLC01", "name": "g", "mode": LATER, "state": LATER, "trouble": None}]),
        },
        ("archiver", "a"): {"state": LATER, "archived": "12"},
    }
    for (role, instance), said in heartbeats.items():
        link.command("ZADD", keys.services, now, f"{role}:{instance}")
        who = {"role": role, "instance": instance, "incarnation": "1", "version": "9.0.0", "beat_at": str(now)}
        link.command("HSET", keys.service(role, instance), *(part for pair in (who | said).items() for part in pair))
    file = {"kind": LATER, "state": LATER, "created": now, "rows": 5, "bytes": 10, "checksum": LATER}
    link.command("HSET", keys.backup_files, f"{LATER}.parquet", json.dumps(file))
    link.command("HSET", keys.polling, "P", json.dumps({"plc_code": "PLC01", "group_name": "g", "mode": LATER}))
    link.command("HSET", keys.rejected_codes, f"{LATER}:X-1", json.dumps({"first_at": now, "last_at": now}))
    link.command("HSET", keys.counters, LATER, 3, f"{LATER}:X-1", 3)
    link.command("HSET", keys.window(int(now // 10)), LATER, 3)
    link.command("XADD", keys.events, "*", "kind", LATER, "role", "archiver", "instance", "a", "message", LATER)
    action = {"id": "1" * 16, "kind": LATER, "state": LATER, "asked_by": "somebody", "asked_at": now, "unit": LATER}
    link.command("HSET", keys.actions, LATER, json.dumps({**action, "done": 1, "options": {LATER: 1}}))
    link.command(
        "HSET", keys.last_values, "PLC01.D1", json.dumps([1, "2026-01-01T00:00:00", "PLC01", "D1", "1", LATER])
    )


@pytest.mark.usefixtures("newer")
def test_words_of_a_later_version_are_shown_and_hide_nothing(monitor: Monitor) -> None:
    """Kind: one word that is not known refuses the whole answer, as long as two versions run beside each other."""
    monitor.shows("/api/buffer/health", {"buffer_ok": True})
    read = [path for path, ways in monitor.get("/openapi.json").json()["paths"].items() if "get" in ways]
    answers = {path: monitor.get(path) for path in [*read, *PATHS] if path != "/api/stream" and "{" not in path}
    assert len(answers) > 20
    assert [path for path, answer in answers.items() if answer.status_code != 200] == []
    said = {path: answer.text for path, answer in answers.items()}
    for path in (
        "/api/services",
        "/api/backups",
        "/api/events",
        "/api/actions",
        "/api/polling/status",
        "/api/buffer/writer/metrics",
        "/api/tags",
    ):
        assert LATER in said[path], path
    assert "be drawn just now" not in "".join(said.values())
    assert "archiver" in said["/monitoring/buffer"]
    # What is not known to be well does not count as well.
    assert not answers["/api/buffer/health"].json()["oracle_connection_ok"]
    assert 'tagpipe_backup_rows{kind="other",state="other"} 5.0' in said["/metrics"]
    assert all(alert["code"] != "not_all_shown" for alert in answers["/api/alerts"].json()["alerts"])
