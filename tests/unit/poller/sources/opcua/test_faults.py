"""Which nodes are blamed, for how long, and which are not."""

from typing import Any

import pytest
from asyncua import ua as typed_ua

from services.poller.sources.opcua.matches import FIRST_BROWSE_S, FORGET_S, LAST_BROWSE_S, Matches
from services.poller.sources.opcua.tags import Tag
from services.poller.sources.opcua.wire.faults import RETRY_S, Faults, NodeFault, is_of_the_answer
from tests.fakes import FakeClock

#: Its own number types are of no interest here.
ua: Any = typed_ua

A, B, C = (ua.NodeId(name, 2) for name in "ABC")


def made(time: FakeClock) -> tuple[Faults, list[str]]:
    said: list[str] = []
    return Faults(time, said.append), said


def test_a_node_that_is_blamed_is_due_again_after_a_while_and_said_once_each_way() -> None:
    time = FakeClock(0.0)
    faults, said = made(time)
    faults.remember(A, "too large")
    faults.confirm()
    assert A in faults
    assert faults[A] == NodeFault("too large")
    assert faults.due([A, B]) == []
    time.advance(RETRY_S)
    assert faults.due([A, B]) == [A]
    faults.remember(A, "too large")
    faults.confirm()
    assert faults.due([A]) == []
    faults.forget(A)
    faults.forget(B)
    assert [line.partition(" (")[0] for line in said] == [
        "node ns=2;s=A can't be read",
        "node ns=2;s=A can be read again",
    ]


def test_what_is_withdrawn_was_never_said() -> None:
    faults, said = made(FakeClock(0.0))
    faults.remember(A, "BadInternalError")
    faults.withdraw()
    faults.confirm()
    assert (len(faults), said) == (0, [])


def test_a_node_found_twice_in_one_read_is_said_once_and_one_that_was_read_after_all_not() -> None:
    faults, said = made(FakeClock(0.0))
    faults.remember(A, "no")
    faults.remember(A, "no")
    faults.remember(B, "no")
    faults.forget(B)
    faults.confirm()
    assert len(said) == len(faults) == 1


def test_a_connection_that_ends_blames_a_node_only_when_the_server_answered_just_before() -> None:
    faults, _ = made(FakeClock(0.0))
    faults.suspect([A, B, C], "EOF", answers=False)
    assert faults.suspects == [[A, B], [C]]
    faults.suspects.clear()
    faults.suspect([A], "EOF", answers=False)
    assert (faults.suspects, len(faults)) == ([[A]], 0)
    faults.suspect([A], "EOF", answers=True)
    assert faults[A].reason == "the connection ends when it is read: EOF"


@pytest.mark.parametrize(
    ("error", "of_the_answer"),
    [
        (TimeoutError(), False),
        (ConnectionError("lost"), False),
        (ua.uaerrors.BadSessionIdInvalid(), False),
        (ua.uaerrors.BadTcpMessageTooLarge(), True),
        (ua.uaerrors.BadDataLost(), True),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), True),
        (RecursionError(), True),
    ],
)
def test_what_another_request_could_do_better_is_no_fault_of_the_connection(
    error: Exception, *, of_the_answer: bool
) -> None:
    assert is_of_the_answer(error) is of_the_answer


def found(*names: str) -> list[tuple[Any, Tag]]:
    return [(ua.NodeId(name, 2), Tag(f"ns=2;s={name}", name)) for name in names]


def test_what_a_glob_matched_before_stays_until_it_has_been_gone_for_long() -> None:
    time = FakeClock(0.0)
    matches = Matches(time)
    matches.connected(found("a", "b"))
    assert matches.add(found("a", "c")) == 1
    assert (matches.addresses, matches.gone) == (["a", "b", "c"], 1)
    time.advance(FORGET_S + 1)
    matches.connected(found("a", "c"))
    assert (matches.addresses, matches.gone) == (["a", "c"], 0)


def test_it_is_looked_for_again_ever_less_often() -> None:
    time = FakeClock(0.0)
    matches = Matches(time)
    assert not matches.is_due()
    matches.connected(found("a"))
    assert not matches.is_due()
    time.advance(FIRST_BROWSE_S)
    assert matches.is_due()
    assert not matches.is_due()
    waits = []
    for _ in range(12):
        waited = 0.0
        while not matches.is_due():
            time.advance(FIRST_BROWSE_S)
            waited += FIRST_BROWSE_S
        waits.append(waited)
    assert waits == sorted(waits)
    assert waits[-1] == LAST_BROWSE_S
