"""Who waits for values, for a whole batch or for room is woken, and nobody else; who counts as dead."""

import threading
import time
from itertools import pairwise

import pytest

from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.queues.buffer import CALL_AT_BATCHES
from shared.queues.tokens import WakeUp
from tests.integration.shared.queues.sides import Side, numbered, side


def test_a_batch_of_a_living_writer_is_not_taken_over(one: Side, two: Side) -> None:
    one.push(*numbered(0, 5))
    one.claim()
    assert two.inflight.sweep() == 0
    assert one.inflight.sweep() == 0, "its own batch in hand is no orphan"


def test_a_batch_of_a_dead_writer_is_taken_over_whole_and_settled_once(one: Side, two: Side) -> None:
    one.push(*numbered(0, 5))
    batch = one.claim()
    one.heartbeat.close()
    assert two.inflight.sweep() == 5
    taken = two.claim(1)
    assert taken.values == batch.values
    # The dead writer was only frozen: what it settles now counts for nothing.
    assert not one.buffer.settle(batch, {Counter.WRITTEN: 5}, {})
    assert two.buffer.settle(taken, {Counter.DUPLICATES: 5}, {})
    snapshot = two.snapshot()
    assert (snapshot[Counter.WRITTEN], snapshot[Counter.DUPLICATES]) == (0, 5)


def test_two_writers_that_sweep_at_once_take_a_batch_over_once(one: Side, two: Side, namespace: str) -> None:
    for _ in range(20):
        one.push(*numbered(0, 5))
        one.claim()
    one.heartbeat.close()
    three = side(f"redis://{two.link.address}/0", namespace, "three")
    taken: dict[str, int] = {}
    threads = [
        threading.Thread(target=lambda s=s: taken.__setitem__(s.heartbeat.instance, s.inflight.sweep()))
        for s in (two, three)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken.values()) == 100


def test_a_name_is_held_by_one_process_and_given_on_when_it_beats_no_more(one: Side, namespace: str) -> None:
    url = f"redis://{one.link.address}/0"
    one.link.command("HSET", one.keys.service("writer", "one"), "pid_space", "elsewhere")
    second = side(url, namespace, "one")
    assert second.heartbeat.instance == "one-2"
    one.link.command("DEL", one.keys.service("writer", "one"))
    third = side(url, namespace, "one")
    assert third.heartbeat.instance == "one"
    # The first wakes up and finds its name with another.
    for name in ("one", "one-2"):
        third.link.command("HSET", one.keys.service("writer", name), "pid_space", "elsewhere")
    assert one.heartbeat.beat("running") is False
    assert one.heartbeat.instance == "one-3"
    assert second.heartbeat.beat("running") is True


@pytest.mark.req("FR-009")
def test_a_writer_is_woken_by_the_first_value_and_goes_when_a_batch_is_full(one: Side, two: Side) -> None:
    heard: list[tuple[bool, int]] = []

    def wait() -> None:
        token = two.buffer.wait(5)
        heard.append((token is WakeUp.FULL or two.buffer.wait_for_full(5), two.buffer.depth()))

    waiting = threading.Thread(target=wait)
    waiting.start()
    for before, after in pairwise(range(0, 13, 2)):
        one.push(*numbered(before, after))
        if after < 10:
            assert waiting.is_alive()
    waiting.join(4)
    assert heard
    assert heard[0][0]
    assert heard[0][1] >= 10


def test_a_batch_wakes_one_writer_and_the_next_batch_the_other(one: Side, two: Side) -> None:
    """Kind: a writer that is there and never gets anything, though all is well."""
    heard: list[str] = []

    def serve(side: Side, name: str) -> None:
        while len(heard) < 6:
            if side.buffer.wait(5) is None:
                return
            batch = side.buffer.claim(side.inflight, 500)
            heard.append(name if batch else f"{name}: nothing")

    serving = [threading.Thread(target=serve, args=(side, name)) for side, name in ((one, "one"), (two, "two"))]
    for thread in serving:
        thread.start()
    for done in range(6):
        wait_until(lambda: one.link.command("CLIENT", "LIST").count(b" flags=b ") == 2, what="both to wait")
        one.push(*numbered(0, 12))
        wait_until(lambda: len(heard) > done, what="the batch to be claimed")  # noqa: B023 - called at once
    one.push(*numbered(0, 12))
    for thread in serving:
        thread.join(6)
    assert heard[:6] in (["one", "two"] * 3, ["two", "one"] * 3)


def test_there_is_no_token_while_the_buffer_is_empty_and_one_for_what_is_left(one: Side) -> None:
    one.push(*numbered(0, 65))
    one.claim(10)
    assert one.buffer.wait(0.05) is WakeUp.FULL, f"55 are left, {CALL_AT_BATCHES} batches are 40"
    one.claim(20)
    assert one.buffer.wait(0.05) is WakeUp.READY, "35 are left: whoever claimed goes on with them"
    one.claim(35)
    assert one.buffer.wait(0.05) is None
    assert not one.link.command("EXISTS", one.keys.ready_token, one.keys.full_token)


def test_who_claims_tells_a_push_that_there_is_room(one: Side, two: Side) -> None:
    one.push(*numbered(0, 100))
    waited: list[int] = []

    def wait() -> None:
        while one.buffer.depth() > 80:
            one.buffer.wait_for_room(20, 5)
            waited.append(one.buffer.depth())

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until(lambda: two.link.command("EXISTS", two.keys.room_wanted), what="somebody to wait")
    two.claim(10)
    assert waiting.is_alive(), "90 are left"
    two.claim(10)
    waiting.join(4)
    assert waited == [80], "it was woken once, when there was room"
    assert not one.link.command("EXISTS", one.keys.room_wanted, one.keys.room_token)


@pytest.mark.parametrize("place", ["room_wanted", "room_token"])
def test_a_spoiled_key_lets_a_push_look_for_room(one: Side, place: str) -> None:
    """Kind: a side key that could end the main path."""
    one.push(*numbered(0, 100))
    one.link.command("DEL", getattr(one.keys, place))
    one.link.command("HSET", getattr(one.keys, place), "who", "wrote this?")
    one.buffer.wait_for_room(20, 0.01)
    one.claim(30)
    one.buffer.wait_for_room(20, 60)


def test_room_that_was_made_before_anybody_waited_is_seen(one: Side) -> None:
    one.push(*numbered(0, 100))
    one.claim(30)
    one.buffer.wait_for_room(20, 60)
    assert one.buffer.depth() == 70


def test_pressure_rings_at_the_alert_depth_and_says_how_far_to_fall(one: Side) -> None:
    one.push(*numbered(0, 79))
    assert one.buffer.wait_for_pressure(0.05) is None
    one.push("80")
    pressure = one.buffer.wait_for_pressure(0.05)
    assert pressure is not None
    assert (pressure.target, pressure.urgent) == (40, False)
    one.buffer.ask_for_room(30, urgent=True)
    asked = one.buffer.wait_for_pressure(0.05)
    assert asked is not None
    assert (asked.target, asked.urgent) == (70, True)


@pytest.mark.parametrize("token", [b"", b"!", b"-1!", b"\xff", b"1e3", b"9" * 5000, "\u0663"])
def test_a_pressure_that_a_stranger_left_is_none(one: Side, token: bytes | str) -> None:
    """Kind: what is read from a place that others may write is taken for what we wrote there."""
    one.link.command("RPUSH", one.keys.pressure_token, token)
    assert one.buffer.wait_for_pressure(0.05) is None
    assert one.buffer.wait_for_pressure(0.01) is None


def test_a_blocking_wait_ends_by_itself(one: Side) -> None:
    began = time.monotonic()
    assert not one.queue.wait(0.1)
    assert one.buffer.wait(0.1) is None
    assert not one.buffer.wait_for_full(0.1)
    assert one.buffer.wait_for_pressure(0.1) is None
    assert time.monotonic() - began < 5
