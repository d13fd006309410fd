"""The monitor's loop by itself: what it publishes, whatever Redis and the readings do meanwhile."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.monitor.api.state import Blame, Newest
from services.monitor.assess.assessment import Assessment, Assessor
from services.monitor.loop import GOODBYE_S, TICK_S, Loop
from services.monitor.read.overview import Overview
from services.monitor.read.reader import RedisReader
from services.monitor.settings import MonitorSettings
from shared.errors import FatalError, RedisRefusedError, RedisUnavailableError
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.records.events import Event
from shared.redis.link import RedisLink
from tests.fakes import FakeClock, FakeEvents, FakeStop
from tests.unit.monitor.overviews import NOW, healthy_overview, make_overview

SETTINGS = MonitorSettings.model_validate({})


class FakeLink(RedisLink):
    """A Redis that takes every beat, or refuses all of them."""

    def __init__(self, refusal: str = "") -> None:
        self._refusal = refusal
        #: What was waited for to end.
        self.waited: list[str] = []

    def run(self, *_: Any, **__: Any) -> Any:
        if self._refusal:
            raise RedisRefusedError(self._refusal)
        return [1, 0, 0]

    def command(self, *_: Any) -> Any:
        return None

    def look_for_primary(self) -> None:
        return None

    def server_time(self) -> float:
        return NOW

    def hash(self, _key: str) -> dict[str, str]:
        return {}

    def wait_until_there(
        self,
        stop: StopFlag,
        cause: RedisUnavailableError | None = None,
        tell: Callable[[RedisUnavailableError], object] = lambda _: None,  # noqa: ARG002 - it is away for one reason
    ) -> bool:
        self.waited.append(str(cause))
        return not stop.wait(1.0)


class ScriptedReader(RedisReader):
    """Reads what a script says, one step a reading; the last step is read again and again."""

    def __init__(self, steps: Sequence[Overview | BaseException | Callable[[], Overview]]) -> None:
        self._steps = list(steps)

    def read(self, on_piece: Callable[[], None] = lambda: None) -> Overview:
        on_piece()
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, BaseException):
            raise step
        return step() if callable(step) else step


class RecordingNewest(Newest):
    """Remembers all that was published, and why there was nothing to publish."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.published: list[Assessment] = []
        self.failures: list[tuple[str, Blame]] = []

    def publish(self, assessment: Assessment) -> None:
        super().publish(assessment)
        self.published.append(assessment)

    def fail(self, reason: str, blame: Blame = Blame.REDIS, *, refused: bool = False) -> bool:
        self.failures.append((reason, blame))
        return super().fail(reason, blame, refused=refused)


class Scene:
    """A loop over a script; time passes while it waits."""

    def __init__(
        self, *steps: Overview | BaseException | Callable[[], Overview], ticks: int = 2, refusal: str = ""
    ) -> None:
        self.clock = FakeClock()
        self.stop = FakeStop(self.clock, after=ticks)
        self.events = FakeEvents()
        self.link = FakeLink(refusal)
        self.newest = RecordingNewest(self.clock)
        self.loop = Loop(
            link=self.link,
            reader=ScriptedReader(steps),
            assessor=Assessor(SETTINGS),
            newest=self.newest,
            heartbeat=Heartbeat(self.link, Keys("t"), self.events, "monitor", "plant-1"),
            events=self.events,
            clock=self.clock,
        )

    def run(self) -> None:
        self.loop.run(self.stop)


def test_every_tick_reads_judges_and_publishes() -> None:
    scene = Scene(make_overview(), healthy_overview(), ticks=3)
    scene.run()
    assert [known.health.status for known in scene.newest.published] == ["unhealthy", "healthy", "healthy"]
    assert scene.stop.waits == [TICK_S] * 3
    assert scene.newest.state.fresh() is scene.newest.published[-1]


def test_redis_away_is_said_and_waited_for_and_then_it_goes_on() -> None:
    scene = Scene(RedisUnavailableError("connection refused"), healthy_overview())
    scene.run()
    assert scene.newest.failures == [("connection refused", Blame.REDIS)]
    assert scene.link.waited == ["connection refused"]
    assert scene.newest.state.failure is None


def test_reading_that_can_not_be_worked_out_is_the_monitors_fault_and_ends_nothing() -> None:
    """Kind: one fault ends the loop that is everybody's only source."""

    def breaks() -> Overview:
        raise ZeroDivisionError("one in a million")

    scene = Scene(breaks, healthy_overview(), ticks=3)
    scene.run()
    (failure,) = scene.newest.failures
    assert failure == ("a reading could not be worked out: ZeroDivisionError('one in a million')", Blame.MONITOR)
    assert Event.FAULT in scene.events.kinds
    assert scene.newest.state.failure is None


def test_what_no_service_wrote_is_logged_once_and_told_until_it_is_gone(capfd: pytest.CaptureFixture[str]) -> None:
    scene = Scene(*[FatalError("counters hold something that is no count")] * 3, healthy_overview(), ticks=4)
    scene.run()
    assert len(scene.newest.failures) == 3
    assert len(scene.newest.published) == 1
    said = "".join(capfd.readouterr())
    assert said.count("is no count; the API answers 503") == 1


def test_reading_that_takes_long_leaves_as_much_time_to_others() -> None:
    """Kind: the monitor takes the processor from the pipeline that it watches."""
    scene = Scene(make_overview(), ticks=3)

    def takes_long() -> Overview:
        scene.clock.advance(2.0)
        return make_overview(taken_at=NOW + scene.clock.seconds)

    scene.loop.reader = ScriptedReader([takes_long])
    scene.run()
    assert scene.stop.waits == [2.0] * 3


def test_refused_heartbeat_is_an_alert() -> None:
    """Kind: a Redis that reads and takes no writes passes for one that is well."""
    scene = Scene(healthy_overview(), refusal="READONLY (demoted)", ticks=3)
    scene.loop._beating.beat_once()
    scene.run()
    assert scene.newest.published[-1].overview.redis.refusal == "READONLY (demoted)"
    assert "READONLY (demoted)" in scene.newest.published[-1].health.reasons[0]


def test_end_in_order_is_an_event_and_an_end_without_redis_is_not_waited_for() -> None:
    well, away = Scene(healthy_overview()), Scene(RedisUnavailableError("gone"))
    for scene in (well, away):
        scene.loop._beating.beat_once()
        scene.run()
    assert well.events.kinds == [Event.STARTED, Event.STOPPED]
    assert away.events.kinds == [Event.STARTED]


def test_end_of_the_thread_that_nobody_asked_for_ends_the_process() -> None:
    """Kind: a thread that dies inside a live process."""
    scene = Scene(SystemExit(3))
    scene.loop.start(scene.stop).join(GOODBYE_S)
    assert isinstance(scene.loop.crash, SystemExit)
    assert scene.stop.is_set()
