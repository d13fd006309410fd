import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.deliver.breaker import CREDENTIALS_FIRST_PROBE_S, Breaker, Permit, State
from services.writer.oracle.errors import oracle_error

LOST = oracle_error("DPY-4011", "lost")
WRONG_PASSWORD = oracle_error("ORA-01017", "wrong password")


def open_breaker() -> Breaker:
    breaker = Breaker(probe_interval_s=5.0)
    breaker.failed(LOST, now=0.0, last=True)
    return breaker


def test_a_failure_makes_it_retrying_and_a_success_closes_it() -> None:
    breaker = Breaker(5.0)
    breaker.failed(LOST, now=1.0, last=False)
    assert (breaker.state, breaker.permit()) == (State.RETRYING, Permit.TRY)
    breaker.succeeded(now=2.0)
    assert (breaker.state, breaker.cause) == (State.CLOSED, None)
    assert [(c.before, c.after) for c in breaker.take_changes()] == [
        (State.CLOSED, State.RETRYING),
        (State.RETRYING, State.CLOSED),
    ]


def test_used_up_retries_open_it_and_one_successful_trial_closes_it() -> None:
    breaker = open_breaker()
    assert breaker.permit() is Permit.BACKUP
    assert not breaker.probe_due(4.9)
    assert breaker.probe_due(5.0)
    breaker.probe_succeeded(5.0)
    assert [breaker.permit() for _ in range(3)] == [Permit.TRIAL, Permit.BACKUP, Permit.BACKUP]
    breaker.succeeded(6.0)
    assert (breaker.state, breaker.permit()) == (State.CLOSED, Permit.TRY)


def test_without_traffic_a_second_probe_closes_it_and_a_failed_one_opens_it_again() -> None:
    breaker = open_breaker()
    breaker.probe_succeeded(5.0)
    assert (breaker.probe_due(9.9), breaker.probe_due(10.0)) == (False, True)
    breaker.probe_failed(LOST, 10.0)
    assert breaker.state is State.OPEN
    breaker.probe_succeeded(15.0)
    breaker.probe_succeeded(20.0)
    assert (breaker.state, breaker.cause) == (State.CLOSED, None)


def test_a_failed_trial_opens_it_again_and_the_next_probe_is_an_interval_away() -> None:
    breaker = open_breaker()
    breaker.probe_succeeded(5.0)
    assert breaker.permit() is Permit.TRIAL
    breaker.failed(LOST, now=6.0, last=False)
    assert breaker.state is State.OPEN
    assert (breaker.probe_due(10.9), breaker.probe_due(11.0)) == (False, True)


def test_a_late_answer_from_before_the_outage_does_not_close_it() -> None:
    breaker = open_breaker()
    breaker.succeeded(1.0)
    assert breaker.state is State.OPEN


@pytest.mark.req("EC-8")
def test_refused_credentials_open_it_at_once_and_are_probed_ever_more_rarely() -> None:
    breaker = Breaker(5.0)
    breaker.failed(WRONG_PASSWORD, now=0.0, last=False)
    assert breaker.state is State.OPEN
    now, tries = 0.0, 0
    while now < 3600:
        now += 1.0
        if breaker.probe_due(now):
            tries += 1
            breaker.probe_failed(WRONG_PASSWORD, now)
    assert not breaker.probe_due(CREDENTIALS_FIRST_PROBE_S)
    assert tries < 10, "a profile locks the account after ten"


@given(st.lists(st.sampled_from(["permit", "ok", "fail", "last", "probe ok", "probe fail"])))
def test_whatever_happens_at_most_one_trial_runs_and_it_can_always_close_again(steps: list[str]) -> None:
    breaker = Breaker(5.0)
    now = 0.0
    trials = 0
    for step in steps:
        now += 10.0
        state = breaker.state
        if step == "permit":
            permit = breaker.permit()
            trials += permit is Permit.TRIAL
            assert (permit is Permit.TRY) == (state in (State.CLOSED, State.RETRYING))
        elif step == "ok":
            breaker.succeeded(now)
        elif step in ("fail", "last"):
            breaker.failed(LOST, now, last=step == "last")
        elif breaker.probe_due(now):
            (breaker.probe_succeeded(now) if step == "probe ok" else breaker.probe_failed(LOST, now))
        if breaker.state is not state:
            trials = 0
        assert trials <= 1
    if breaker.state is State.OPEN:
        breaker.probe_succeeded(now)
    breaker.succeeded(now)
    assert breaker.state is State.CLOSED
