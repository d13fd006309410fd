from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.deliver.breaker import Breaker, Permit
from services.writer.sink import SinkError, Verdict
from shared.backoff import spread_s
from shared.records.heartbeats import BreakerState

LOST = SinkError("LOST", "lost", Verdict.CONNECTION_LOST)
READ_ONLY = SinkError("READ_ONLY", "read-only", Verdict.TRANSIENT)
WRONG_PASSWORD = SinkError("PASSWORD", "wrong password", Verdict.CREDENTIALS)


def exact_breaker() -> Breaker:
    """One whose probes are exactly an interval apart."""
    return Breaker(5.0, spread=lambda interval_s: interval_s)


def open_breaker() -> Breaker:
    breaker = exact_breaker()
    breaker.failed(LOST, now=0.0, last=True)
    return breaker


def test_a_failure_makes_it_retrying_and_a_success_closes_it() -> None:
    breaker = exact_breaker()
    breaker.failed(LOST, now=1.0, last=False)
    assert (breaker.state, breaker.permit(1.0)) == (BreakerState.RETRYING, Permit.TRY)
    breaker.succeeded(now=2.0)
    assert (breaker.state, breaker.cause) == (BreakerState.CLOSED, None)
    assert [(c.before, c.after) for c in breaker.pop_changes()] == [
        (BreakerState.CLOSED, BreakerState.RETRYING),
        (BreakerState.RETRYING, BreakerState.CLOSED),
    ]


def test_used_up_retries_open_it_and_one_successful_trial_closes_it() -> None:
    breaker = open_breaker()
    assert breaker.permit(1.0) is Permit.BACKUP
    assert not breaker.probe_due(4.9)
    assert breaker.probe_due(5.0)
    breaker.probe_succeeded(5.0)
    assert [breaker.permit(5.0) for _ in range(3)] == [Permit.TRIAL, Permit.BACKUP, Permit.BACKUP]
    breaker.succeeded(6.0)
    assert (breaker.state, breaker.permit(6.0)) == (BreakerState.CLOSED, Permit.TRY)


def test_without_traffic_it_stays_half_open_and_a_failed_probe_opens_it_again() -> None:
    """Kind: a SELECT taken for proof of an INSERT. Only a batch that was taken closes it."""
    breaker = open_breaker()
    breaker.probe_succeeded(5.0)
    assert (breaker.probe_due(9.9), breaker.probe_due(10.0)) == (False, True)
    breaker.probe_succeeded(10.0)
    breaker.probe_succeeded(15.0)
    assert (breaker.state, breaker.cause) == (BreakerState.HALF_OPEN, LOST)
    breaker.probe_failed(LOST, 20.0)
    assert breaker.state is BreakerState.OPEN


def test_trials_that_fail_for_the_known_reason_come_an_interval_apart_and_change_nothing() -> None:
    """Kind: flapping. A read-only database answered every probe and refused every batch: 71 changes in 200 s."""
    breaker = exact_breaker()
    breaker.failed(READ_ONLY, now=0.0, last=True)
    trials = 0
    for tenth in range(2000):
        now = tenth / 10
        if breaker.probe_due(now):
            breaker.probe_succeeded(now)
        if breaker.permit(now) is Permit.TRIAL:
            trials += 1
            breaker.failed(READ_ONLY, now, last=True)
    assert [change.after for change in breaker.pop_changes()] == [BreakerState.OPEN, BreakerState.HALF_OPEN]
    assert 35 <= trials <= 40
    breaker.succeeded(201.0)
    assert (breaker.state, breaker.cause) == (BreakerState.CLOSED, None)


def test_a_trial_that_fails_for_a_new_reason_opens_it_again_and_the_next_probe_is_an_interval_away() -> None:
    breaker = open_breaker()
    breaker.probe_succeeded(5.0)
    assert breaker.permit(5.0) is Permit.TRIAL
    breaker.failed(READ_ONLY, now=6.0, last=False)
    assert (breaker.state, breaker.cause) == (BreakerState.OPEN, READ_ONLY)
    assert (breaker.probe_due(10.9), breaker.probe_due(11.0)) == (False, True)


def test_a_late_answer_from_before_the_outage_does_not_close_it() -> None:
    breaker = open_breaker()
    breaker.succeeded(1.0)
    assert breaker.state is BreakerState.OPEN


@pytest.mark.req("EC-8")
def test_refused_credentials_open_it_at_once() -> None:
    breaker = exact_breaker()
    breaker.failed(WRONG_PASSWORD, now=0.0, last=False)
    assert breaker.state is BreakerState.OPEN


def test_writers_that_lost_oracle_together_do_not_probe_in_step() -> None:
    """Kind: many processes that come at the same moments. Ten writers see the same outage at the same second."""
    breakers = [Breaker(5.0, spread=partial(spread_s, random=Random(seed))) for seed in range(10)]
    for breaker in breakers:
        breaker.failed(LOST, now=0.0, last=True)
    tenths = [next(tenth for tenth in range(100) if breaker.probe_due(tenth / 10)) for breaker in breakers]
    assert (min(tenths) >= 25, max(tenths) <= 51, len(set(tenths)) > 5) == (True, True, True)


@given(st.lists(st.sampled_from(["permit", "ok", "fail", "last", "probe ok", "probe fail"])))
def test_whatever_happens_trials_are_an_interval_apart_and_it_can_always_close_again(steps: list[str]) -> None:
    breaker = exact_breaker()
    now = 0.0
    for step in steps:
        now += 2.0
        state = breaker.state
        if step == "permit":
            permit = breaker.permit(now)
            if permit is Permit.TRIAL:
                assert state is BreakerState.HALF_OPEN
                assert breaker.permit(now + 4.9) is Permit.BACKUP
            assert (permit is Permit.TRY) == (state in (BreakerState.CLOSED, BreakerState.RETRYING))
        elif step == "ok":
            breaker.succeeded(now)
        elif step in ("fail", "last"):
            breaker.failed(LOST, now, last=step == "last")
        elif breaker.probe_due(now):
            (breaker.probe_succeeded(now) if step == "probe ok" else breaker.probe_failed(LOST, now))
    if breaker.state is BreakerState.OPEN:
        breaker.probe_succeeded(now)
    breaker.succeeded(now)
    assert breaker.state is BreakerState.CLOSED
