"""From the accounts of a run to its verdict: is every value accounted for? Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.recording import Comparison
from shared.counters import Counter
from shared.queues.snapshot import Snapshot

_GOODBYE = re.compile(
    r"Emitted \d+ messages with (\d+) values; discarded \d+ messages with (\d+) values; (\d+) messages"
)


@dataclass(frozen=True)
class Emitted:
    """What the poller said at its end. Unit: values; messages where the name says so."""

    values: int
    discarded: int
    unsent_messages: int


def parse_goodbye(message: str) -> Emitted | None:
    """Return what the poller's last event says; None when it says nothing of the kind.

    >>> parse_goodbye("Emitted 3 messages with 9 values; discarded 0 messages with 0 values; 0 messages not sent")
    Emitted(values=9, discarded=0, unsent_messages=0)
    """
    match = _GOODBYE.search(message)
    return Emitted(*map(int, match.groups())) if match else None


@dataclass(frozen=True)
class Accounts:
    """What is known at the end of a run. Unit: values."""

    ledger: Snapshot
    emitted: Emitted | None  #: None when the poller did not say
    rows: int | None  #: in the table; None when they were not counted
    running_s: float  #: from the first value on the buffer to the last one in the table
    comparison: Comparison | None = None  #: with the recorded file
    cut_short: bool = False  #: the replay was ended before the file was through

    @property
    def values_per_s(self) -> float:
        """Values written a second, over the running time."""
        return self.ledger[Counter.WRITTEN] / self.running_s if self.running_s > 0 else 0.0


def problems(accounts: Accounts) -> list[str]:
    """Return one line for each account that does not add up; none: every value is accounted for."""
    found = [*_never_sent(accounts.emitted), *_left_behind(accounts.ledger), *_lost(accounts.ledger), *_table(accounts)]
    if accounts.comparison is not None:
        found += _against_file(accounts.comparison, cut_short=accounts.cut_short)
    return found


def _never_sent(emitted: Emitted | None) -> Iterator[str]:
    if emitted is None:
        yield "the poller did not say how many values it emitted: see poller.log"
        return
    if emitted.discarded:
        yield f"the poller discarded {emitted.discarded:,} values that the DataQueue did not take in time"
    if emitted.unsent_messages:
        yield f"the poller ended with {emitted.unsent_messages:,} messages that it had not sent"


def _left_behind(ledger: Snapshot) -> Iterator[str]:
    if not ledger.balances:
        yield f"the ledger does not balance: inserted {ledger[Counter.INSERTED]:,}, accounted for {ledger.accounted:,}"
    places = {
        "messages in the DataQueue": ledger.queued_messages + ledger.claimed_messages,
        "values in the buffer": ledger.in_buffer,
        "values in flight": ledger.in_flight,
    }
    yield from (f"{left:,} {place} are left" for place, left in places.items() if left)


def _lost(ledger: Snapshot) -> Iterator[str]:
    if ledger[Counter.OVERFLOWED]:
        yield (
            f"{ledger[Counter.OVERFLOWED]:,} values overflowed the buffer: poll less (DEMO_RATE), "
            "or raise BUFFER_MAX_SIZE"
        )
    if ledger[Counter.MESSAGES_REJECTED]:
        yield f"{ledger[Counter.MESSAGES_REJECTED]:,} messages could not be understood: see consumer.log"
    if ledger[Counter.REJECTED]:
        yield f"{ledger[Counter.REJECTED]:,} values were rejected by the database: see backup/rejected_*.csv"
    waiting = ledger[Counter.BACKED_UP] - ledger[Counter.RECOVERED]
    if waiting > 0:
        yield f"{waiting:,} values are in backup files, not in the table: see backup/backup_*.csv"


def _table(accounts: Accounts) -> Iterator[str]:
    if accounts.rows is None:
        yield "the table's rows could not be counted"
        return
    # A duplicate may be a value that an attempt wrote whose answer was lost: then the table holds it, uncounted.
    written = accounts.ledger[Counter.WRITTEN] + accounts.ledger[Counter.RECOVERED]
    if not written <= accounts.rows <= written + accounts.ledger[Counter.DUPLICATES]:
        yield f"the table holds {accounts.rows:,} rows, written (and recovered) were {written:,}"
    if accounts.emitted is not None and accounts.rows != accounts.emitted.values:
        yield f"the table holds {accounts.rows:,} rows, the poller emitted {accounts.emitted.values:,} values"


def _against_file(comparison: Comparison, *, cut_short: bool) -> Iterator[str]:
    if comparison.different:
        yield f"{comparison.different:,} values differ from the file's"
    if comparison.unexpected:
        yield f"{comparison.unexpected:,} values are not in the file"
    if comparison.missing and not cut_short:
        yield f"{comparison.missing:,} values of the file are not in the table"
