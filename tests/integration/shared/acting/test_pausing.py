"""A pause as it is asked for, remembered and taken back: on a real Redis."""

import threading

import pytest

from sandbox.harness.waiting import wait_until
from shared.acting.actor import Actor, Job
from shared.acting.board import Board, Posted
from shared.acting.pausing import Pause
from shared.clock import SystemClock
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.faults import Faults
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.queues.claims import Claims
from shared.records.actions import Action, ActionKind
from shared.redis.link import RedisLink


class Scene:
    """A writer that can be paused, and something in its hand as long as the test says."""

    def __init__(self, link: RedisLink, keys: Keys, name: str = "one") -> None:
        self.events = EventLog(link, keys, "writer")
        self.heartbeat = Heartbeat(link, keys, self.events, "writer", name)
        self.heartbeat.register()
        self.pause = Pause(link, keys, self.heartbeat, "writer")
        self.board = Board(link, keys, self.events)
        self.is_busy = True
        faults = Faults(self.events, SystemClock(), "actions", ends_the_process=False)
        duties = self.pause.duties(lambda: self.is_busy)
        self.actor = Actor(self.board, self.heartbeat, "writer", duties, clock=SystemClock(), faults=faults)

    def ask(self, kind: ActionKind) -> str:
        action = Action(id=kind, kind=kind, target="writer:one", asked_by="Kim", asked_at=self.board.now())
        return self.board.ask(action)[0].id

    def look(self) -> set[str]:
        """Let the actor look at the board; return what is open then."""
        self.actor.run_once()
        return {each.action.id for each in self.board.open() if each.action}


@pytest.fixture
def scene(link: RedisLink, keys: Keys) -> Scene:
    return Scene(link, keys)


def test_it_is_done_once_nothing_is_in_hand_and_the_next_life_remembers_it(
    scene: Scene, link: RedisLink, keys: Keys
) -> None:
    stop = StopFlag()
    flag = scene.pause.within(stop)
    scene.ask(ActionKind.PAUSE)
    wait_until(lambda: scene.look() == {"pause"} and scene.pause.is_on(), what="the pause to begin")
    assert (flag.is_set(), stop.is_set(), scene.pause.state) == (True, False, "paused")
    scene.is_busy = False
    wait_until(lambda: not scene.look(), what="the pause to be done")

    link.command("DEL", keys.service("writer", "one"))
    restarted, other = Scene(link, keys), Scene(link, keys, "two")
    for each in (restarted, other):
        each.pause.recall(stop)
    assert (restarted.pause.is_on(), other.pause.is_on()) == (True, False)
    assert restarted.pause.within(stop).is_set()
    assert restarted.pause.said is not None
    assert restarted.pause.said.by == "Kim"


def test_who_is_resumed_while_it_still_pauses_goes_on(scene: Scene) -> None:
    """Kind: the second word overtakes the first, and the first one has the last."""
    stop = StopFlag()
    scene.ask(ActionKind.PAUSE)
    wait_until(lambda: scene.look() and scene.pause.is_on(), what="the pause to begin")
    scene.ask(ActionKind.RESUME)
    wait_until(lambda: not scene.look(), what="both to end, though something is in hand all the while")
    assert (scene.pause.is_on(), scene.pause.within(stop).is_set()) == (False, False)


def test_a_paused_process_takes_over_nothing_from_the_dead_but_finds_what_it_forgot(
    scene: Scene, link: RedisLink, keys: Keys
) -> None:
    """Kind: what was recovered is worked on although all is paused."""
    claims = Claims(
        link, keys, scene.heartbeat, scene.events, role="writer", index_key=keys.inflight, list_key=keys.inflight_list
    )
    forgotten = keys.inflight_list("one", f"{scene.heartbeat.incarnation}-7")
    for key in (keys.inflight_list("dead", "ab-1"), forgotten):
        link.command("RPUSH", key, "a", "b")
        link.command("SADD", keys.inflight, key)
    assert claims.sweep(only_own=True) == 2
    assert link.command("LLEN", keys.inflight_list("dead", "ab-1")) == 2
    assert claims.sweep() == 2


def test_while_redis_is_away_a_start_waits_with_what_it_would_take_up(scene: Scene, keys: Keys) -> None:
    """Kind: what can't be asked is taken for a no."""
    away = RedisLink("redis://127.0.0.1:1/0")
    pause, stop = Pause(away, keys, scene.heartbeat, "writer"), StopFlag()
    asking = threading.Thread(target=pause.recall, args=[stop])
    asking.start()
    wait_until(lambda: asking.is_alive() and not stop.wait(0.2), what="it to wait")
    stop.set()
    asking.join(10)
    away.close()


def test_what_is_paused_is_one_process_by_its_name(scene: Scene) -> None:
    job = Job(Posted(b"", b"", None), Action(id="x", kind=ActionKind.PAUSE, target="writer:two"))
    pause, _ = scene.pause.duties(lambda: False)
    assert not pause.is_mine(job.action)
    assert not pause.is_mine(Action(id="x", kind=ActionKind.PAUSE, target="consumer:one"))
    assert pause.is_mine(Action(id="x", kind=ActionKind.PAUSE, target="writer:one"))
