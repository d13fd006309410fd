from dataclasses import replace

import pytest

from sandbox.recording import Comparison
from sandbox.summary import Accounts, Emitted, parse_goodbye, problems
from shared.counters import Counter
from shared.queues.snapshot import Snapshot


def _ledger(in_buffer: int = 0, in_flight: int = 0, queued: int = 0, claimed: int = 0, **counts: int) -> Snapshot:
    return Snapshot(
        taken_at=0.0,
        in_buffer=in_buffer,
        in_flight=in_flight,
        batches_in_flight=0,
        queued_messages=queued,
        claimed_messages=claimed,
        rejected_messages_kept=0,
        counters={counter: counts.get(counter.value, 0) for counter in Counter},
    )


_GOOD = Accounts(ledger=_ledger(inserted=100, written=100), emitted=Emitted(100, 0, 0), rows=100, running_s=4.0)


def test_everything_written_is_accounted_for() -> None:
    assert problems(_GOOD) == []
    assert _GOOD.values_per_s == 25


def test_write_whose_answer_was_lost_is_accounted_for_by_its_duplicates() -> None:
    assert problems(replace(_GOOD, ledger=_ledger(inserted=100, written=60, duplicates=40))) == []


def test_backed_up_values_that_were_recovered_are_accounted_for() -> None:
    assert problems(replace(_GOOD, ledger=_ledger(inserted=100, written=60, backed_up=40, recovered=40))) == []


@pytest.mark.parametrize(
    ("accounts", "says"),
    [
        (replace(_GOOD, ledger=_ledger(inserted=101, written=100)), "the ledger does not balance"),
        (replace(_GOOD, ledger=_ledger(inserted=101, written=100, in_buffer=1)), "1 values in the buffer are left"),
        (replace(_GOOD, ledger=_ledger(inserted=101, written=100, in_flight=1)), "1 values in flight are left"),
        (replace(_GOOD, ledger=_ledger(inserted=100, written=100, queued=2)), "2 messages in the DataQueue are left"),
        (replace(_GOOD, ledger=_ledger(inserted=100, written=100, claimed=2)), "2 messages in the DataQueue are left"),
        (replace(_GOOD, ledger=_ledger(inserted=101, written=100, overflowed=1)), "1 values overflowed the buffer"),
        (replace(_GOOD, ledger=_ledger(inserted=101, written=100, rejected=1)), "1 values were rejected"),
        (replace(_GOOD, ledger=_ledger(inserted=101, written=100, backed_up=1)), "1 values are in backup files"),
        (
            replace(_GOOD, ledger=_ledger(inserted=100, written=100, messages_rejected=1)),
            "1 messages could not be understood",
        ),
        (replace(_GOOD, emitted=None), "the poller did not say"),
        (replace(_GOOD, emitted=Emitted(101, 0, 0)), "the table holds 100 rows, the poller emitted 101"),
        (replace(_GOOD, emitted=Emitted(100, 5, 0)), "the poller discarded 5 values"),
        (replace(_GOOD, emitted=Emitted(100, 0, 3)), "the poller ended with 3 messages"),
        (replace(_GOOD, rows=None), "the table's rows could not be counted"),
        (replace(_GOOD, comparison=Comparison(equal=99, different=1)), "1 values differ"),
        (replace(_GOOD, comparison=Comparison(equal=99, unexpected=1)), "1 values are not in the file"),
        (replace(_GOOD, comparison=Comparison(equal=99, missing=1)), "1 values of the file are not in the table"),
    ],
)
def test_account_that_does_not_add_up_is_said(accounts: Accounts, says: str) -> None:
    assert [problem for problem in problems(accounts) if problem.startswith(says)]


def test_rows_that_nobody_wrote_are_said() -> None:
    found = problems(replace(_GOOD, rows=101, emitted=Emitted(101, 0, 0)))
    assert found == ["the table holds 101 rows, written (and recovered) were 100"]


def test_replay_that_was_cut_short_need_not_hold_the_whole_file() -> None:
    assert problems(replace(_GOOD, comparison=Comparison(equal=100, missing=7), cut_short=True)) == []


def test_poller_that_says_something_else_has_not_said_it() -> None:
    assert parse_goodbye("Poller demo started with 1 polling groups") is None
