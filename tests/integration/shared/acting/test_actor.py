"""Who takes an action up, who carries it on, and how it ends, whatever becomes of its owner: on a real Redis."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.acting.actor import MAX_ATTEMPTS, Actor, Duty, Job, Outcome
from shared.acting.board import MAX_BYTES, MAX_OPEN, ActionTooLargeError, Board, TooManyActionsError
from shared.clock import SystemClock
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.faults import Faults
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.records.actions import EXPIRES_S, LEASE_S, Action, ActionKind, ActionState, AuditEntry
from shared.records.reading import from_hash, from_json
from shared.redis.link import RedisLink
from tests.fakes import FakeStop

CLOCK = SystemClock()


@dataclass
class Worker:
    """What a process does when it is asked: it says how far it is and waits until it may end."""

    may_end: threading.Event = field(default_factory=threading.Event)
    begun: list[str] = field(default_factory=list)

    def carry_out(self, job: Job) -> Outcome:
        self.begun.append(job.action.id)
        job.done, job.total, job.unit = 1, 2, "rows"
        while not self.may_end.wait(0.01):
            if job.stop.is_set():
                return Outcome(ActionState.STOPPED, "stopped in the middle")
        job.done = 2
        return Outcome(ActionState.DONE, "both rows")


class Scene:
    """A board, and processes that look at it."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self.link, self.keys = link, keys
        self.events = EventLog(link, keys, "test")
        self.board = Board(link, keys, self.events)

    def process(
        self, name: str, role: str = "writer", *duties: Duty, gives_up: bool = False, board: Board | None = None
    ) -> Actor:
        heartbeat = Heartbeat(self.link, self.keys, EventLog(self.link, self.keys, role), role, name)
        heartbeat.register()
        faults = Faults(self.events, CLOCK, "actions", ends_the_process=False)
        return Actor(board or self.board, heartbeat, role, duties, clock=CLOCK, faults=faults, gives_up=gives_up)

    def ask(self, target: str | None = None, **changes: object) -> Action:
        action = Action(
            id=f"recover-{target}",
            kind=ActionKind.RECOVER,
            target=target,
            asked_by="operator at a test",
            asked_at=self.board.now(),
        )
        return self.board.ask(replace(action, **changes))[0]

    def age(self, action: Action, seconds: float) -> None:
        """Let so many seconds pass since anybody said anything of an action."""
        posted = next(each for each in self.board.open() if each.action and each.action.id == action.id)
        assert posted.action is not None
        alive_at = None if posted.action.alive_at is None else posted.action.alive_at - seconds
        aged = replace(posted.action, alive_at=alive_at, asked_at=posted.action.asked_at - seconds)
        assert self.board.move(posted, aged)

    def ends(self, actor: Actor) -> None:
        """Let an actor look at the board until nothing is open."""

        def look() -> bool:
            actor.run_once()
            return not self.board.open()

        wait_until(look, what="the end")

    def open(self) -> Action | None:
        """Return the only open action; None where there is none."""
        posted = self.board.open()
        assert len(posted) <= 1
        return posted[0].action if posted else None

    def steps(self) -> list[tuple[str, Action]]:
        entries = self.link.command("XRANGE", self.keys.actions_audit, "-", "+")
        found = []
        for _, fields in entries:
            entry = from_hash(AuditEntry, {key.decode(): value.decode() for key, value in fields.items()})
            assert entry is not None
            action = from_json(Action, entry.action)
            assert action is not None
            found.append((entry.what, action))
        return found

    def last(self) -> Action:
        return self.steps()[-1][1]


@contextmanager
def running(actor: Actor) -> Iterator[StopFlag]:
    """Let an actor look at the board until the block ends."""
    stop = StopFlag()
    thread = threading.Thread(target=actor.run, args=[stop])
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(10)


@pytest.fixture
def scene(link: RedisLink, keys: Keys) -> Scene:
    return Scene(link, keys)


def recovers(worker: Worker, is_mine: Callable[[Action], bool] = lambda _action: True) -> Duty:
    return Duty(ActionKind.RECOVER, worker.carry_out, is_mine, lane="files")


def test_of_several_processes_one_does_it_and_says_how_far_it_is(scene: Scene) -> None:
    one, two, stranger = Worker(), Worker(), Worker()
    actors = [
        scene.process("one", "writer", recovers(one)),
        scene.process("two", "writer", recovers(two)),
        scene.process("other", "writer", recovers(stranger, lambda action: action.place == "elsewhere")),
    ]
    action = scene.ask()
    with running(actors[2]), running(actors[0]), running(actors[1]):
        wait_until(lambda: (known := scene.open()) and known.done, what="progress")
        again, is_new = scene.board.ask(replace(action, id="another"))
        assert (again.id, is_new) == (action.id, False)
        one.may_end.set()
        two.may_end.set()
        wait_until(lambda: scene.open() is None, what="the end")
    assert len(one.begun + two.begun) == 1
    assert stranger.begun == []
    assert [what for what, _ in scene.steps()] == ["requested", "running", "done"]
    last = scene.last()
    assert (last.done, last.total, last.unit, last.outcome) == (2, 2, "rows", "both rows")
    assert last.owner in {"writer:one", "writer:two"}


def test_one_lane_takes_one_at_a_time_and_what_waits_does_not_expire(scene: Scene) -> None:
    worker = Worker()
    actor = scene.process("one", "writer", recovers(worker))
    scene.ask(target="first")
    second = scene.ask(target="second")
    actor.run_once()
    scene.age(second, EXPIRES_S + 1)
    actor.run_once()
    actor.run_once()
    monitor = scene.process("m", "monitor", gives_up=True)
    monitor.run_once()
    assert [posted.action.state for posted in scene.board.open() if posted.action] == ["requested", "running"]
    worker.may_end.set()
    scene.ends(actor)
    assert worker.begun == ["recover-first", "recover-second"]


def test_a_stop_ends_it_in_the_middle_or_before_it_begins(scene: Scene) -> None:
    worker = Worker()
    first = scene.ask(target="first")
    stopped = scene.board.stop(first.id, "operator")
    assert stopped is not None
    assert (stopped.state, scene.board.open()) == ("stopped", [])
    with running(scene.process("one", "writer", recovers(worker))):
        second = scene.ask(target="second")
        wait_until(lambda: worker.begun, what="the beginning")
        assert scene.board.stop(second.id, "operator") is not None
        wait_until(lambda: scene.open() is None, what="the end")
    assert (scene.last().state, scene.last().outcome) == ("stopped", "stopped in the middle")
    assert scene.board.stop(second.id, "operator") is None


@pytest.mark.parametrize("is_followed", [False, True])
def test_a_stop_is_not_forgotten_with_the_owner_who_died(scene: Scene, is_followed: bool) -> None:
    """Kind: who is to stop it is gone: it is stopping for ever, or the next one begins with it anew."""
    worker = Worker()
    action = scene.ask(owner="writer:gone", alive_at=scene.board.now(), started_at=scene.board.now(), attempts=1)
    assert scene.board.stop(action.id, "operator") is not None
    scene.age(action, EXPIRES_S + 1)
    if is_followed:
        scene.process("one", "writer", recovers(worker)).run_once()
    else:
        scene.process("m", "monitor", gives_up=True).run_once()
    assert (scene.last().state, scene.open(), worker.begun) == ("stopped", None, [])


def test_what_a_stopping_process_had_in_hand_is_begun_anew_by_the_next(scene: Scene) -> None:
    """Kind: an upgrade in the middle of a recovery ends it without a word."""
    before, after = Worker(), Worker()
    scene.ask()
    with running(scene.process("one", "writer", recovers(before))):
        wait_until(lambda: (known := scene.open()) and known.done, what="progress")
    left = scene.open()
    assert left is not None
    assert (left.state, left.owner, left.attempts) == ("requested", None, 0)
    after.may_end.set()
    with running(scene.process("two", "writer", recovers(after))):
        wait_until(lambda: scene.open() is None, what="the end")
    assert scene.last().owner == "writer:two"


@pytest.mark.parametrize(("name", "silent_s"), [("one", 0.0), ("two", LEASE_S + 1)])
def test_who_died_at_it_is_followed_by_its_restart_at_once_or_by_another_in_time(
    scene: Scene, name: str, silent_s: float
) -> None:
    dead, worker = Worker(), Worker()
    action = scene.ask()
    scene.process("one", "writer", recovers(dead)).run_once()
    wait_until(lambda: dead.begun, what="the beginning")
    # As after kill -9: the name is free, and nothing was said.
    scene.link.command("DEL", scene.keys.service("writer", "one"))
    follower = scene.process(name, "writer", recovers(worker))
    if silent_s:
        follower.run_once()
        assert worker.begun == []
        scene.age(action, silent_s)
    worker.may_end.set()
    scene.ends(follower)
    assert (scene.last().owner, scene.last().attempts) == (f"writer:{name}", 2)
    dead.may_end.set()


def test_what_processes_seem_to_die_of_is_given_up(scene: Scene) -> None:
    """Kind: what kills its owner kills the next one too, and so for ever."""
    scene.ask(attempts=MAX_ATTEMPTS, owner="writer:three", alive_at=1.0)
    worker = Worker()
    scene.process("one", "writer", recovers(worker)).run_once()
    assert worker.begun == []
    assert scene.last().state == "failed"
    assert "3 processes ended while they were at it" in str(scene.last().outcome)


def test_an_action_for_which_no_thread_is_left_is_begun_with_once_there_is_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: half alive: with the limit of threads reached it was running for ever, and what came after it waited."""
    worker = Worker()
    worker.may_end.set()
    actor = scene.process("one", "writer", recovers(worker))
    scene.ask()

    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        with pytest.raises(RuntimeError, match="new thread"):
            actor.run_once()
    scene.ends(actor)
    assert (worker.begun, scene.last().state) == (["recover-None"], "done")


@pytest.mark.parametrize("begun", [False, True])
def test_what_was_asked_long_ago_is_not_done_now_by_who_sees_it_first(scene: Scene, begun: bool) -> None:
    """Kind: what was asked for counts for ever: a stack that starts days later, a copy of Redis that is restored."""
    owner = {"owner": "writer:gone", "alive_at": scene.board.now(), "started_at": 1.0, "attempts": 1}
    action = scene.ask(None, **(owner if begun else {}))
    scene.age(action, 3 * 86_400)
    worker = Worker()
    scene.process("one", "writer", recovers(worker)).run_once()
    assert (worker.begun, scene.open(), scene.last().state) == ([], None, "failed" if begun else "expired")


@pytest.mark.parametrize("begun", [False, True])
def test_what_nobody_takes_up_or_carries_on_ends_and_says_so(scene: Scene, begun: bool) -> None:
    """Kind: a click that is followed by nothing, for ever: no owner, or one of a version that knows no actions."""
    owner = {"owner": "writer:gone", "alive_at": scene.board.now(), "started_at": 1.0}
    action = scene.ask(None, place="attic", **(owner if begun else {}))
    monitor = scene.process("m", "monitor", gives_up=True)
    monitor.run_once()
    assert scene.open() is not None
    scene.age(action, EXPIRES_S + 1)
    monitor.run_once()
    assert scene.open() is None
    outcome = str(scene.last().outcome)
    if begun:
        assert (scene.last().state, "writer:gone is gone" in outcome) == ("failed", True)
    else:
        assert scene.last().state == "expired"
        assert "no writer that has the directory attic is running" in outcome


def test_what_fails_in_a_way_that_nobody_foresaw_costs_the_action_alone(scene: Scene) -> None:
    def surprised(_job: Job) -> Outcome:
        raise ZeroDivisionError("of nothing")

    actor = scene.process("one", "writer", Duty(ActionKind.RECOVER, surprised))
    scene.ask()
    scene.ends(actor)
    assert scene.last().state == "failed"
    assert "ZeroDivisionError" in str(scene.last().outcome)


def test_junk_on_the_board_ends_nobody_and_is_taken_away(scene: Scene) -> None:
    """Kind: whoever writes into Redis ends a service, or fills it."""
    worker = Worker()
    worker.may_end.set()
    forged = {"id": "x", "kind": "recover", "attempts": -1, "asked_at": "soon", "options": [1], "owner": {"a": 1}}
    junk: dict[str | bytes, str | bytes] = {
        b"\xff\x00": b"\xfe", "a": "{", "b": "[" * 5000, "c": json.dumps({"kind": "recover"}), "d": b"",
        "e": json.dumps(forged), "f": json.dumps({"id": "y", "kind": "no such kind"}), "long": b"x" * (MAX_BYTES + 1),
        "n" * 300: "{}",
    }  # fmt: skip
    for name, raw in junk.items():
        scene.link.command("HSET", scene.keys.actions, name, raw)
    asked = scene.ask(target="real")
    monitor = scene.process("m", "monitor", gives_up=True)
    with running(scene.process("one", "writer", recovers(worker))), running(monitor):
        wait_until(lambda: asked.id in worker.begun, what="the real one to be done")
        wait_until(lambda: scene.link.command("HLEN", scene.keys.actions) <= 3, what="the junk to go")
    left = set(scene.link.command("HKEYS", scene.keys.actions))
    # What is too long is not read, and what may be a newer version's kind is given its time.
    assert left <= {b"long", b"n" * 300, b"f"}


def test_there_is_an_end_to_what_may_be_asked_for(scene: Scene) -> None:
    for number in range(MAX_OPEN):
        scene.ask(target=str(number))
    with pytest.raises(TooManyActionsError):
        scene.ask(target="one more")
    assert scene.ask(target="7").id == "recover-7"
    with pytest.raises(ActionTooLargeError):
        scene.ask(options={"ids": "x" * MAX_BYTES})


@pytest.mark.parametrize("lacks", ["hscan", "eval_ro"])
def test_who_lacks_the_right_to_look_rests(scene: Scene, redis_server: EmbeddedRedis, lacks: str) -> None:
    """Kind: services are upgraded before their users' rights, and each refusal costs a process its connections."""
    ns = scene.keys.namespace
    rights = ["+@all", "-hscan"] if lacks == "hscan" else ["+@all", "-eval_ro", "-evalsha_ro", "-eval", "-evalsha"]
    scene.link.command("ACL", "SETUSER", ns, "on", ">pw", f"~{{{ns}}}:*", *rights)
    narrow = Scene(RedisLink(redis_server.url.replace("redis://", f"redis://{ns}:pw@")), scene.keys)
    stop = FakeStop(after=4)
    try:
        scene.process("old", board=narrow.board).run(stop)
    finally:
        scene.link.command("ACL", "DELUSER", ns)
        narrow.link.close()
    # So long: from the first rest on twice as long each time, and between them a look.
    assert stop.waits[::2] == [2.0, 4.0]


def test_an_action_of_before_redis_clock_was_put_back_is_not_held_for_hours() -> None:
    """Kind: a moment taken for a span. What the dead had been at stayed RUNNING for as long as that."""
    now, ahead = 1_000_000.0, 1_003_600.0
    held = Action(id="1", kind=ActionKind.RECOVER, asked_at=ahead, owner="writer:w", alive_at=ahead)
    assert held.is_free(now)
    assert held.is_given_up(now)
    assert not replace(held, asked_at=now, alive_at=now + 1).is_free(now)
    assert not replace(held, asked_at=now, alive_at=now + 1).is_given_up(now)
