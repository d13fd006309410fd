"""A healthy verdict is a claim: losses, a Redis that may lose or refuses and a slow monitor are told as they are."""

import time
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from sandbox.harness.command import run_command
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.monitor.assess.assessment import Assessment, Assessor
from services.monitor.read.overview import Overview
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.records.events import Event, OutboxOverflow
from shared.records.heartbeats import WriterStatus
from shared.redis.link import RedisLink
from tests.integration.monitor.monitors import Monitor, Pipeline, environment, monitor_in_a_thread


@pytest.fixture
def pipeline(link: RedisLink, keys: Keys) -> Iterator[Pipeline]:
    pipeline = Pipeline(link, keys, max_size=50)
    yield pipeline
    pipeline.close()


def alerts(monitor: Monitor) -> dict[str, dict[str, str]]:
    return {alert["code"]: alert for alert in monitor.get("/api/alerts").json()["alerts"]}


def acknowledge(redis_url: str, namespace: str) -> str:
    """Run the command; return what it says."""
    done = run_command("services.monitor", "acknowledge", environ=environment(redis_url, namespace))
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(monitor: Monitor) -> httpx.Response | None:
    answer = monitor.get("/api/ledger")
    return answer if answer.status_code == 503 else None


def keep_beating(pipeline: Pipeline) -> None:
    pipeline.consumer.beat("running")
    pipeline.writer.beat("running", WriterStatus(breaker="closed", oracle="ok", backup="ok", last_write_at=time.time()))


@pytest.mark.req("OPS-1")
def test_loss_is_told_until_a_person_acknowledges_it(
    pipeline: Pipeline, redis_server: EmbeddedRedis, link: RedisLink, keys: Keys
) -> None:
    """Kind: a verdict that forgets: healthy again a quarter of a minute after 30 values were lost."""
    # Given 30 values lost, 2 rejected entries dropped, readings that a poller discarded; all the rest is written
    pipeline.push(80)
    pipeline.write(50)
    link.command("HINCRBY", keys.counters, "rejected_dropped", 2)
    poller = EventLog(link, keys, "poller")
    poller.instance = "plant-1"
    poller.add(Event.OVERFLOW, "Poller overflow", OutboxOverflow(messages=1, values=9, first="", last=""))
    # and that the window has long forgotten it
    for bucket in link.command("KEYS", f"{keys.window_prefix}*"):
        link.command("DEL", bucket)
    with monitor_in_a_thread(redis_server.url, keys.namespace) as monitor:

        def health() -> dict[str, Any]:
            keep_beating(pipeline)
            answer: dict[str, Any] = monitor.get("/api/buffer/health").json()
            return answer

        told = wait_until(lambda: (now := health())["status"] == "degraded" and now, what="the loss in the verdict")
        assert told["reasons"] == [
            "30 values overflowed and are lost (37.500 % of all)",
            "2 rejected entries were dropped to make room and can't be retried",
            "9 values were discarded by poller plant-1 before they came to Redis",
        ]
        assert {"values_lost", "rejected_dropped", "readings_lost"} <= set(alerts(monitor))
        # If it is acknowledged, expect it to be over, and the next loss to be told alone
        assert acknowledge(redis_server.url, keys.namespace).strip() == (
            "Acknowledged: 30 values overflowed and are lost (37.500 % of all); "
            "2 rejected entries were dropped to make room and can't be retried"
        )
        wait_until(lambda: health()["status"] == "healthy", what="healthy")
        assert not {"values_lost", "rejected_dropped", "readings_lost"} & set(alerts(monitor))
        pipeline.push(51)
        pipeline.write(50)
        again = wait_until(lambda: alerts(monitor).get("values_lost"), what="the next loss")
        assert again["message"].startswith("1 value overflowed and are lost since the acknowledgement of 20")
        assert health()["details"]["values_lost"] == 1


def test_acknowledging_without_redis_is_one_line_and_status_1(namespace: str) -> None:
    env = environment("redis://127.0.0.1:1/0", namespace)
    done = run_command("services.monitor", "acknowledge", environ=env)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "nothing was acknowledged" in line


@pytest.mark.parametrize(
    ("options", "code", "severity", "words"),
    [
        (["--appendfsync", "everysec"], "redis_may_lose", "warning", "appendfsync everysec"),
        (["--appendonly", "no"], "redis_may_lose", "warning", "appendonly no"),
        (["--maxmemory-policy", "allkeys-lru"], "redis_may_lose", "critical", "maxmemory-policy allkeys-lru"),
        (["--maxmemory", "2mb"], "redis_full", "critical", "of maxmemory"),
        (["--appendonly", "no", "--rename-command", "CONFIG", ""], "redis_may_lose", "warning", "appendonly no"),
        (["--appendfsync", "everysec", "--rename-command", "CONFIG", ""], None, "", ""),
        ([], None, "", ""),
    ],
)
def test_redis_that_may_lose_or_refuses_is_told(
    namespace: str, options: list[str], code: str | None, severity: str, words: str
) -> None:
    """Kind: trust in a neighbour's promise that was never looked at."""
    with EmbeddedRedis(options=options) as redis, monitor_in_a_thread(redis.url, namespace) as monitor:
        monitor.shows("/api/ledger", {"inserted": 0})
        if code == "redis_full":
            # Below what it uses: then it refuses.
            link = RedisLink(redis.url)
            link.command("CONFIG", "SET", "maxmemory", link.command("INFO", "memory")["used_memory"] - 100_000)
            link.close()
        found = wait_until(lambda: alerts(monitor), what="alerts: no writer runs")
        if code is None:
            assert not {"redis_may_lose", "redis_full"} & set(found)
            return
        wait_until(lambda: alerts(monitor).get(code, {}).get("severity") == severity, what=f"{severity} {code}")
        assert words in alerts(monitor)[code]["message"]


class SlowAssessor(Assessor):
    """Takes long to work out what it sees."""

    slow_s = 0.0

    def assess(self, overview: Overview) -> Assessment:
        time.sleep(self.slow_s)
        return super().assess(overview)


class BrokenAssessor(Assessor):
    """Can't work out the readings of some time."""

    is_broken = False

    def assess(self, overview: Overview) -> Assessment:
        if self.is_broken:
            raise ZeroDivisionError("one in a million")
        return super().assess(overview)


def test_slow_computation_is_never_told_as_redis_being_away(
    redis_server: EmbeddedRedis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: one's own slowness told as another's fault."""
    monkeypatch.setattr("tests.integration.monitor.monitors.Assessor", SlowAssessor)
    with monitor_in_a_thread(redis_server.url, namespace) as monitor:
        monitor.shows("/api/ledger", {"inserted": 0})
        monkeypatch.setattr(SlowAssessor, "slow_s", 5.0)
        answer = wait_until(lambda: refusal(monitor), what="503")
        assert answer.json()["error"] == "MONITOR_BEHIND"
        monkeypatch.setattr(SlowAssessor, "slow_s", 0.0)
        assert "redis_away" not in alerts(monitor)
        monitor.shows("/api/ledger", {"inserted": 0})


def test_reading_that_can_not_be_worked_out_ends_nothing(
    redis_server: EmbeddedRedis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: one fault ends the loop that is everybody's only source."""
    monkeypatch.setattr("tests.integration.monitor.monitors.Assessor", BrokenAssessor)
    with monitor_in_a_thread(redis_server.url, namespace) as monitor:
        monitor.shows("/api/ledger", {"inserted": 0})
        monkeypatch.setattr(BrokenAssessor, "is_broken", True)
        answer = wait_until(lambda: refusal(monitor), what="503")
        assert (answer.json()["error"], "one in a million" in answer.text) == ("MONITOR_BEHIND", True)
        monkeypatch.setattr(BrokenAssessor, "is_broken", False)
        monitor.shows("/api/ledger", {"inserted": 0})


def test_queue_that_grows_although_a_consumer_lives_is_critical(
    pipeline: Pipeline, redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a living process taken for one that works."""
    # Given a minute that lasts six seconds, a consumer that beats and takes nothing, and polls that come
    monkeypatch.setattr("services.monitor.assess.findings.movement.GROWTH_S", 6.0)
    with monitor_in_a_thread(redis_server.url, keys.namespace) as monitor:

        def look() -> dict[str, str] | None:
            link.command("RPUSH", keys.data_queue, *["{}"] * 5)
            keep_beating(pipeline)
            return alerts(monitor).get("queue_grows")

        found = wait_until(look, what="the alert")
        assert found["severity"] == "critical"
        assert "although a consumer runs" in found["message"]
        health = monitor.get("/api/buffer/health")
        assert (health.status_code, health.json()["status"]) == (503, "unhealthy")


def test_ledger_that_does_not_balance_is_never_healthy(
    pipeline: Pipeline, redis_server: EmbeddedRedis, link: RedisLink, keys: Keys
) -> None:
    """Kind: a healthy verdict beside a broken account."""
    pipeline.push(7)
    pipeline.write(7)
    link.command("HINCRBY", keys.counters, "inserted", 5)
    with monitor_in_a_thread(redis_server.url, keys.namespace) as monitor:
        monitor.shows("/api/ledger", {"inserted": 12, "difference": 5})
        keep_beating(pipeline)
        health = monitor.get("/api/buffer/health").json()
        assert health["status"] == "unhealthy"
        assert "5 values of those inserted are in no place" in health["reasons"][0]
        # If a person acknowledges it, expect the ledger to say it still, and the verdict to go on from there
        assert "5 values of those inserted are in no place" in acknowledge(redis_server.url, keys.namespace)

        def is_healthy() -> bool:
            keep_beating(pipeline)
            return bool(monitor.get("/api/buffer/health").json()["status"] == "healthy")

        wait_until(is_healthy, what="healthy")
        assert monitor.get("/api/ledger").json()["difference"] == 5


def test_what_was_told_before_redis_clock_was_put_back_does_not_stand_for_days(
    monitor: Monitor, link: RedisLink, keys: Keys, redis_server: EmbeddedRedis
) -> None:
    """Kind: a moment taken for a span. Redis' host had begun days ahead; its clock is right by now."""
    ahead = int(time.time()) + 3 * 86_400
    # Given: a loss, a fault, a return to an earlier moment and an acknowledgement of the days to come
    for number, fields in enumerate((("overflow", "poller", '{"values": 7}'), ("fault", "writer", "{}"))):
        kind, role, details = fields
        link.command("XADD", keys.events, f"{ahead}000-{number}", "kind", kind, "role", role, "details", details)
    link.command("HSET", keys.went_back, "at", ahead, "times", 1)
    link.command("HSET", keys.loss_acknowledged, "at", ahead, "by", "somebody")
    # Expect: what is lost is told, nothing is called new that is not, and an event of now has the time of now
    wait_until(lambda: {"readings_lost", "redis_went_back"} <= alerts(monitor).keys(), what="the losses")
    assert "unforeseen_fault" not in alerts(monitor)
    EventLog(link, keys, "writer").add(Event.FAULT, "one of now")
    wait_until(lambda: "one of now" in str(alerts(monitor).get("unforeseen_fault")), what="a fault of now")
    newest = monitor.get("/api/events?kind=fault").json()["events"][0]
    assert abs(datetime.fromisoformat(newest["at"]).timestamp() - time.time()) < 60
    # If: a person acknowledges it; expect: it is over, and what comes later is told
    assert "already" not in acknowledge(redis_server.url, keys.namespace)
    wait_until(lambda: not {"readings_lost", "redis_went_back"} & alerts(monitor).keys(), what="their end")
    wait_until(lambda: link.server_time() > int(link.hash(keys.loss_acknowledged)["at"]), what="the second after it")
    EventLog(link, keys, "poller").add(
        Event.OVERFLOW, "more", OutboxOverflow(messages=1, values=5, first="a", last="b")
    )
    wait_until(lambda: "5 values" in str(alerts(monitor).get("readings_lost")), what="what was lost since")


def test_a_host_whose_clock_is_wrong_is_told(
    monitor: Monitor, link: RedisLink, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: each trusts its own clock. A host without a battery began where it had ended, and so did its rows."""
    poller = Heartbeat(link, keys, EventLog(link, keys, "poller"), "poller", "edge-1")
    poller.register()

    def is_told() -> bool:
        poller.beat("running")
        return "poller edge-1 is 14 d" in str(alerts(monitor).get("clocks_differ"))

    with monkeypatch.context() as patched:
        patched.setattr("shared.life.heartbeat.time", SimpleNamespace(time=lambda: time.time() - 14 * 86_400))
        wait_until(is_told, what="the alert")
    poller.beat("running")
    wait_until(lambda: "clocks_differ" not in alerts(monitor), what="its end")
