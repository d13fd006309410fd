"""What is due to be told and when: by hand, second by second."""

from collections.abc import Sequence

import pytest

from services.monitor.assess.alert_kinds import KINDS, Severity
from services.monitor.assess.assessment import Alert
from services.monitor.assess.findings.movement import GROWTH_S
from services.monitor.notify.notice import What
from services.monitor.notify.schedule import CALM_S, CAME_BACK_S, LASTS_S, LEARNS_S, Schedule

T0 = 1_767_225_600.0
REPEAT_S = 4 * 3600.0


def critical(code: str = "no_writer", partition: int | None = None) -> Alert:
    return Alert(code, Severity.CRITICAL, T0, "No writer is running", "Start one.", partition)


def warning(code: str = "backup_waiting") -> Alert:
    return Alert(code, Severity.WARNING, T0, "Files wait", "Recover them.")


class Scene:
    """A receiver that takes all, unless told not to."""

    def __init__(self, least: Severity = Severity.WARNING, repeat_s: float = REPEAT_S) -> None:
        self.schedule = Schedule(least, repeat_s)
        self.takes = True
        self.now = T0
        #: What was told: seconds, what, which.
        self.told: list[tuple[float, What, str]] = []

    def run(
        self, seconds: float, *alerts: Alert, step_s: float = 2.0, stale: Sequence[int | None] = ()
    ) -> list[tuple[float, What, str]]:
        """Let time pass with these alerts raised; return what was told meanwhile."""
        before, end = len(self.told), self.now + seconds
        while self.now < end:
            self.schedule.see(alerts, frozenset(stale), self.now)
            news = self.schedule.due(self.now)
            if news and self.takes:
                self.schedule.tell(news, self.now)
                self.told += [(self.now - T0, each.what, each.name) for each in news]
            self.now += step_s
        return self.told[before:]


def test_what_lasts_is_told_once_and_again_at_each_interval_and_when_it_is_over() -> None:
    scene = Scene()
    assert scene.run(60, critical()) == [(LASTS_S[Severity.CRITICAL], What.RAISED, "no_writer")]
    assert [what for _, what, _ in scene.run(3 * REPEAT_S, critical(), step_s=30)] == [What.STILL] * 3
    began = scene.now - T0
    assert scene.run(CALM_S * 4) == [(began + CALM_S, What.RESOLVED, "no_writer")]


def test_what_does_not_last_is_no_news() -> None:
    scene = Scene()
    assert scene.run(8, critical()) == []
    assert scene.run(50, warning()) == []
    assert scene.run(600) == []


def test_repeat_interval_of_0_tells_once() -> None:
    assert len(Scene(repeat_s=0).run(REPEAT_S * 3, critical(), step_s=60)) == 1


def test_severity_below_the_threshold_is_not_told_until_it_gets_worse() -> None:
    scene = Scene(least=Severity.CRITICAL)
    assert scene.run(600, warning("oracle_away")) == []
    assert [what for _, what, _ in scene.run(60, critical("oracle_away"))] == [What.RAISED]


def test_warning_that_gets_critical_is_told_at_once_and_only_once() -> None:
    """Kind: what was told as harmless becomes serious within the repeat interval, and nobody hears of it."""
    scene = Scene()
    scene.run(120, warning("oracle_away"))
    assert scene.run(2, critical("oracle_away")) == [(120.0, What.WORSE, "oracle_away")]
    assert scene.run(300, warning("oracle_away")) == []
    assert scene.run(300, critical("oracle_away")) == []


def test_what_flaps_is_a_handful_of_notices_and_never_silence() -> None:
    """Kind: an alert that comes and goes fills a mailbox in a night, until nobody reads it."""
    scene = Scene()
    for _ in range(8 * 3600 // 240):
        scene.run(120, critical())
        scene.run(120)
    raised = [at for at, what, _ in scene.told if what is What.RAISED]
    assert 1 <= len(raised) <= 4
    # Expect it to be told again at each interval although it never stood for so long
    assert [what for _, what, _ in scene.told].count(What.STILL) >= 1
    assert len(scene.told) <= 10


def test_what_flaps_faster_than_it_must_last_is_told_all_the_same() -> None:
    """Kind: damping that hides what is broken all the time, five seconds at a time."""
    scene = Scene()
    for _ in range(20):
        scene.run(4, critical())
        scene.run(4)
    assert [what for _, what, _ in scene.told] == [What.RAISED]


def test_alert_that_comes_again_long_after_is_told_anew() -> None:
    scene = Scene()
    scene.run(60, critical())
    scene.run(CAME_BACK_S + 600, step_s=10)
    assert [what for _, what, _ in scene.run(60, critical())] == [What.RAISED]
    assert [what for _, what, _ in scene.run(CALM_S + 20)] == [What.RESOLVED]
    assert scene.schedule.told["no_writer"].times == 1


def test_what_was_raised_and_ended_while_the_receiver_was_away_is_told_once_it_is_back() -> None:
    """Kind: an outage of the mail server takes the news of all other outages with it."""
    scene = Scene()
    scene.takes = False
    scene.run(300, critical())
    scene.run(7200, step_s=60)
    scene.takes = True
    assert [what for _, what, _ in scene.run(20)] == [What.OVER]
    assert scene.run(7200, step_s=60) == []


def test_nothing_is_resolved_by_a_redis_that_can_not_be_read() -> None:
    """Kind: the source goes away, and all that it told of counts as mended."""
    scene = Scene()
    scene.run(60, critical())
    assert [name for _, _, name in scene.run(3600, critical("redis_away"), stale=[None])] == ["redis_away"]
    # Of partitions only those that can't be read
    parts = Scene()
    parts.run(60, critical(partition=0), critical(partition=1))
    told = parts.run(3600, stale=[1], step_s=60)
    assert [(what, name) for _, what, name in told] == [(What.RESOLVED, "no_writer (partition 0)")]


def test_next_life_repeats_nothing_within_the_interval_and_says_what_ended_meanwhile() -> None:
    """Kind: each restart of the monitor sends all open alerts again."""
    first, second = Scene(), Scene()
    first.run(120, critical(), warning())
    second.now, second.schedule.told = first.now + 600, dict(first.schedule.told)
    told = second.run(3600, warning())
    assert [(what, name) for _, what, name in told] == [(What.RESOLVED, "no_writer")]


def test_next_life_resolves_nothing_that_it_can_not_see_yet() -> None:
    """Kind: no news taken for good news: a monitor that was restarted told that a queue had ceased to grow."""
    first, second = Scene(), Scene()
    first.run(60, critical("queue_grows"))
    second.now, second.schedule.told = first.now + 5, dict(first.schedule.told)
    # That a queue grows shows when it has been watched for a minute and some seconds.
    assert second.run(75) == []
    assert second.run(600, critical("queue_grows")) == []
    assert [what for _, what, _ in second.run(CALM_S + 20)] == [What.RESOLVED]
    assert GROWTH_S + max(kind.hold_s for kind in KINDS.values()) + LASTS_S[Severity.WARNING] < LEARNS_S


def test_clock_that_is_put_back_keeps_nothing_from_being_told() -> None:
    """Kind: a moment taken for a span: a host that had begun hours ahead told of its alerts hours later."""
    scene = Scene()
    scene.run(8, critical())
    scene.now -= 7200
    assert [what for _, what, _ in scene.run(20, critical())] == [What.RAISED]
    scene.run(4)
    scene.now -= 7200
    assert [what for _, what, _ in scene.run(CALM_S + 20)] == [What.RESOLVED]


def test_notice_from_the_future_holds_nothing_back() -> None:
    """Kind: a clock that was wrong for a minute, and an alert that is not told for a year."""
    scene = Scene()
    scene.now = T0 + 365 * 86_400
    scene.run(60, critical())
    scene.now = T0
    assert [what for _, what, _ in scene.run(60, critical())] == [What.STILL]


def test_many_alerts_that_end_leave_nothing_behind() -> None:
    scene = Scene()
    for number in range(200):
        scene.run(20, critical(partition=number), step_s=5)
    scene.run(CAME_BACK_S * 2, step_s=60)
    assert scene.schedule.told == {}
    assert scene.schedule._watched == {}


@pytest.mark.parametrize("key", ["", ":", "x:no_writer", "3:", "no such alert", "-1:no_writer"])
def test_what_others_wrote_among_the_told_ends_nothing(key: str) -> None:
    scene = Scene()
    scene.run(60, critical())
    scene.schedule.told[key] = scene.schedule.told["no_writer"]
    scene.run(600)
    scene.run(CAME_BACK_S * 2, step_s=60)
    assert [what for _, what, name in scene.told if name == "no_writer"] == [What.RAISED, What.RESOLVED]
