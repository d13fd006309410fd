"""Messengers over a real Redis: who sends, what a next life knows, and what a dead receiver costs the others."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.monitor.api.state import Blame, Failure, Newest, State
from services.monitor.api.whole import Whole
from services.monitor.assess.alert_kinds import Severity
from services.monitor.assess.assessment import Alert, Assessor
from services.monitor.notify import messenger as messenger_module
from services.monitor.notify import schedule
from services.monitor.notify.memory import LEASE_S, Memory, Turn
from services.monitor.notify.messenger import Messenger
from services.monitor.notify.office import messengers_of, status_of, try_all
from services.monitor.settings import MonitorSettings
from shared.errors import FatalError, RedisUnavailableError
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.fakes import FakeClock, FakeEvents
from tests.integration.monitor.monitors import monitor_in_a_thread, start_process
from tests.integration.monitor.notify.places import HookServer, MailServer, silent_port, status
from tests.unit.monitor.overviews import NOW, consumer, make_overview, writer

NO_WRITER = Alert("no_writer", Severity.CRITICAL, 1_767_225_600.0, "No writer is running", "Start one.")
REDIS_AWAY = Alert("redis_away", Severity.CRITICAL, 1_767_225_600.0, "Redis can't be read", "Start Redis.")


@pytest.fixture
def hook() -> Iterator[HookServer]:
    with HookServer() as server:
        yield server


class Monitors:
    """Several monitors' messengers; time passes for all of them at once."""

    def __init__(self, url: str, redis_url: str, keys: Keys) -> None:
        self._settings = MonitorSettings.model_validate({"alert_webhook_url": url})
        self._redis_url, self._keys = redis_url, keys
        self.clock = FakeClock()
        self.state = State()
        self.links: list[RedisLink] = []

    def start(self, whole: Whole | None = None) -> Messenger:
        """Return the messenger of one more monitor; of what `state` says, unless it watches partitions."""
        self.links.append(RedisLink(self._redis_url))
        (messenger,) = messengers_of(
            self._settings,
            self.links[-1],
            self._keys,
            lambda: whole.state if whole else self.state,
            FakeEvents(),
            self.clock,
        )
        return messenger

    def run(self, seconds: float, *messengers: Messenger, alerts: tuple[Alert, ...] = (NO_WRITER,)) -> None:
        """Let time pass while these alerts are raised."""
        failure = Failure(Blame.REDIS, "gone") if REDIS_AWAY in alerts else None
        self.state = State(failure=failure, alerts=alerts)
        for _ in range(round(seconds / 5)):
            for messenger in messengers:
                messenger.turn()
            self.clock.advance(5)

    def close(self) -> None:
        for link in self.links:
            link.close()


@pytest.fixture
def monitors(hook: HookServer, redis_server: EmbeddedRedis, keys: Keys) -> Iterator[Monitors]:
    monitors = Monitors(hook.url, redis_server.url, keys)
    yield monitors
    monitors.close()


def told(hook: HookServer) -> list[str]:
    return [f"{alert['what']} {alert['code']}" for payload in hook.payloads for alert in payload["alerts"]]


def test_three_monitors_send_one_notice_and_the_next_takes_over_from_a_dead_one(
    hook: HookServer, monitors: Monitors, link: RedisLink, keys: Keys
) -> None:
    """Kind: two monitors for safety, and everything is said twice."""
    first, second, third = (monitors.start() for _ in range(3))
    monitors.run(300, first, second, third)
    assert told(hook) == ["raised no_writer"]
    # When the one whose turn it is dies, and its turn runs out
    (turn,) = link.command("KEYS", f"{{{keys.namespace}}}:notices:*:turn")
    assert 0 < link.command("PTTL", turn) <= LEASE_S * 1000
    link.command("DEL", turn)
    monitors.run(300, second, third, alerts=())
    assert told(hook) == ["raised no_writer", "resolved no_writer"]


def test_next_life_of_a_monitor_does_not_repeat_what_was_told(hook: HookServer, monitors: Monitors) -> None:
    """Kind: each restart sends all open alerts again."""
    first = monitors.start()
    monitors.run(60, first)
    first.memory.give_back(first._who)
    second = monitors.start()
    monitors.run(3600, second)
    assert told(hook) == ["raised no_writer"]
    monitors.run(4 * 3600, second)
    assert told(hook) == ["raised no_writer", "still no_writer"]


def test_redis_away_is_told_without_redis_and_by_who_stood_by_only_later(hook: HookServer, keys: Keys) -> None:
    """Kind: who says whose turn it is is what is away, so nobody says it."""
    with EmbeddedRedis() as redis:
        monitors = Monitors(hook.url, redis.url, keys)
        first, second = monitors.start(), monitors.start()
        monitors.run(60, first, second)
        redis.kill()
        monitors.run(LEASE_S, first, second, alerts=(REDIS_AWAY, NO_WRITER))
        assert told(hook) == ["raised no_writer", "raised redis_away"]
        # The first may have died together with Redis
        monitors.run(300, second, alerts=(REDIS_AWAY, NO_WRITER))
        assert told(hook)[2:] == ["raised redis_away"]
        # Expect the end of it to be told once, whoever has the turn then
        redis.start()
        wait_until(lambda: _answers(monitors.links[0]), what="Redis again")
        monitors.run(600, first, second)
        assert told(hook)[3:] == ["resolved redis_away"]
        monitors.close()


def _answers(link: RedisLink) -> bool:
    try:
        link.ping()
    except RedisUnavailableError:
        return False
    return True


def test_partitions_are_told_in_one_notice_and_one_that_is_away_resolves_nothing(
    hook: HookServer, monitors: Monitors
) -> None:
    """Kind: eight partitions, and eight notices of one outage."""
    assessors = [Assessor(MonitorSettings.model_validate({})) for _ in range(3)]
    partitions = [Newest(monitors.clock) for _ in range(3)]
    messenger = monitors.start(Whole(partitions))

    def run(seconds: float, *well: int) -> None:
        for _ in range(round(seconds / 2)):
            for number, newest in enumerate(partitions):
                if number == 2 and well:
                    newest.fail("gone")
                else:
                    services = [consumer(), writer()] if number in well else []
                    overview = make_overview(services=services, taken_at=NOW + monitors.clock.seconds)
                    newest.publish(assessors[number].assess(overview))
            messenger.turn()
            monitors.clock.advance(2)

    run(30)
    (payload,) = hook.payloads
    raised = {(alert["code"], alert["partition"]) for alert in payload["alerts"]}
    assert {("no_writer", 0), ("no_writer", 1), ("no_writer", 2)} <= raised
    # When one is well again, and Redis of another is away
    hook.posts.clear()
    run(200, 0)
    said = {(alert["what"], alert["code"], alert["partition"]) for each in hook.payloads for alert in each["alerts"]}
    assert {("resolved", "no_writer", 0), ("raised", "redis_away", 2)} <= said
    assert not [each for each in said if each[0] == "resolved" and each[2] != 0]


def test_receiver_that_is_away_is_asked_less_and_less_and_misses_nothing(hook: HookServer, monitors: Monitors) -> None:
    hook.answer = lambda request: status(request, 500)
    messenger = monitors.start()
    monitors.run(3600, messenger)
    assert 10 <= len(hook.posts) <= 25
    fares = messenger.fares
    assert (fares.sent, fares.failed) == (0, len(hook.posts))
    assert fares.failure == "it has trouble of its own (500)"
    assert status_of([messenger]).webhook_failed == fares.failed
    assert status_of([messenger]).mail_failed is None
    hook.answer = lambda request: status(request, 200)
    hook.posts.clear()
    monitors.run(600, messenger, alerts=())
    assert told(hook) == ["over no_writer"]
    assert messenger.fares.failure is None


@pytest.mark.parametrize("what", ["string", "junk", "many"])
def test_what_others_write_to_our_keys_stops_no_notice(
    hook: HookServer, monitors: Monitors, link: RedisLink, keys: Keys, what: str
) -> None:
    messenger = monitors.start()
    told_key = keys.notices(messenger.receiver.identity)
    if what == "string":
        link.command("SET", told_key, "no hash")
    elif what == "junk":
        link.command("HSET", told_key, "no_writer", "{", b"\xff", b"\xff", "oracle_away", json.dumps({"told_at": "x"}))
    else:
        for start in range(0, 12_000, 1000):
            link.command("HSET", told_key, *(part for n in range(start, start + 1000) for part in (f"f{n}", "{}")))
    # Where Redis answers with an error nobody can say whose turn it is
    monitors.run(LEASE_S + 60, messenger)
    assert told(hook)[:1] == ["raised no_writer"]
    assert told(hook).count("raised no_writer") == 1


@pytest.mark.usefixtures("quick")
def test_dead_receiver_holds_up_neither_the_other_nor_the_api_nor_the_end(
    hook: HookServer, redis_server: EmbeddedRedis, namespace: str
) -> None:
    """Kind: a mail server that hangs, and the dashboard with it."""
    with silent_port() as silent, monitor_in_a_thread(
        redis_server.url, namespace, alert_webhook_url=hook.url, alert_smtp_host="127.0.0.1", alert_smtp_port=silent,
        alert_smtp_from="a@example.com", alert_smtp_to="b@example.com",
    ) as monitor:  # fmt: skip
        wait_until(lambda: "raised no_writer" in told(hook), what="the webhook's notice")
        alerts = wait_until(
            lambda: [a for a in monitor.get("/api/alerts").json()["alerts"] if a["code"] == "notices_failing"],
            what="the alert that mail is not taken",
        )
        assert f"127.0.0.1:{silent} gives no answer within" in alerts[0]["message"]
        assert alerts[0]["severity"] == "warning"
        metrics = monitor.get("/metrics").text
        assert 'receiver="webhook"} 0.0' in metrics
        assert 'receiver="mail"} 1.0' in metrics
        assert "tagpipe_notices_total{" in metrics
        # The page and the API know nothing of it
        assert monitor.get("/api/ledger").elapsed.total_seconds() < 1
        wait_until(lambda: "raised notices_failing" in told(hook), what="the webhook to tell of the mail server")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messenger_module, "TURN_S", 0.1)
    monkeypatch.setattr("services.monitor.notify.mail.STEP_S", 0.5)
    for severity in Severity:
        monkeypatch.setitem(schedule.LASTS_S, severity, 0.3)


def test_command_tries_every_receiver_and_says_which_took_it(hook: HookServer, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text(hook.url + "\n")
    with MailServer(tmp_path, tls="none") as server:
        server.refused = {"b@example.com"}
        settings = {
            "ALERT_WEBHOOK_URL_FILE": str(secret), "ALERT_SMTP_HOST": "127.0.0.1", "ALERT_SMTP_PORT": str(server.port),
            "ALERT_SMTP_TLS": "none", "ALERT_SMTP_FROM": "a@example.com", "ALERT_SMTP_TO": "b@example.com",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "services.monitor", "notify", "--test"],
            env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert "The webhook took a test notice; the mail took nothing: " in said
        assert "no b@example.com here" in said
        assert "secret-token-of-the-tests" not in said
        assert told(hook) == ["test test"]
        server.refused = set()
        chosen = MonitorSettings.model_validate(
            {name.lower(): value for name, value in settings.items()} | {"alert_webhook_url": hook.url}
        )
        assert try_all(chosen, FakeClock()) == ["The webhook took a test notice", "The mail took a test notice"]
    with pytest.raises(FatalError, match="Nobody is told of alerts"):
        try_all(MonitorSettings.model_validate({}), FakeClock())


@pytest.mark.slow
def test_monitor_as_a_process_tells_what_is_raised_and_ends_while_its_receiver_hangs(
    hook: HookServer, redis_server: EmbeddedRedis, namespace: str
) -> None:
    monitor = start_process(redis_server.url, namespace, ALERT_WEBHOOK_URL=hook.url)
    wait_until(lambda: "raised no_writer" in told(hook), timeout_s=30, what="the notice")
    hook.answer = lambda _: sleep(30)
    assert "Shutdown complete" in monitor.end()


def test_the_turn_of_who_died_before_redis_clock_was_put_back_ends_in_time(link: RedisLink, keys: Keys) -> None:
    """Kind: a moment taken for a span. Nobody sent a notice for as long as the clock was put back by."""
    first, second = (Memory(link, keys, "webhook", FakeClock()) for _ in range(2))
    assert first.take_turn("one") is Turn.OURS
    link.command("PEXPIRE", keys.notices_turn("webhook"), 3_600_000)
    assert second.take_turn("two") is Turn.ANOTHERS
    assert 0 < link.command("PTTL", keys.notices_turn("webhook")) <= LEASE_S * 1000
