"""The role of a sink: what takes values, what it may answer, and what its errors ask of the one who catches them. Pure.

deliver/ and recover/ speak to a sink in these words alone. Who plays the role (oracle/) fills in the verdict: nobody
else knows a database's error codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from shared.errors import PipelineError
from shared.models import TagValue

#: Code of a row whose key the sink holds with another value or quality.
CONFLICT = "CONFLICT"


class Verdict(Enum):
    """What to do about an error."""

    DUPLICATE = "duplicate"  #: the row is in the table already, with the same value and quality
    ROW = "row"  #: the row's own fault: it can never be stored as it is
    CONNECTION_LOST = "connection lost"  #: reconnect and repeat; the rows may have been stored
    TRANSIENT = "transient"  #: repeat later on whatever connection
    SPACE = "space"  #: no room on the sink's side: hold, alarm, never blame the rows
    CONFIGURATION = "configuration"  #: a person must act; repeating can't mend it (the table's fault, too)
    CREDENTIALS = "credentials"  #: a person must act, and every further try counts against the account
    UNKNOWN = "unknown"  #: as transient, but not for ever


class SinkError(PipelineError):
    """A whole call failed; `code` is the sink's own code, `verdict` what to do about it.

    `hint` says in plain words what is wrong and where to look; empty where nobody knows more than the sink's own text.
    """

    def __init__(self, code: str, message: str, verdict: Verdict, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.verdict = verdict
        self.hint = hint

    @property
    def plain(self) -> str:
        """The error for people: what it means first, then the sink's own words."""
        return f"{self.hint} ({self})" if self.hint else str(self)

    @property
    def needs_a_person(self) -> bool:
        """Whether only a person can mend it."""
        return self.verdict in (Verdict.CONFIGURATION, Verdict.CREDENTIALS)


@dataclass(frozen=True)
class RowError:
    """One row of a batch failed; `offset` is its place in the batch, from 0.

    `is_alone`: it must be kept, and the sink takes other rows meanwhile: no reason to keep those from it. `hint` as
    that of SinkError, of rows that must be kept.
    """

    offset: int
    code: str
    message: str
    verdict: Verdict = Verdict.ROW
    is_alone: bool = False
    hint: str = ""


@dataclass(frozen=True)
class BatchOutcome:
    """Every row of a batch in exactly one place: written, or in one of these.

    Offsets are places in the batch, from 0. `kept` rows are not at fault; they must be tried again or backed up.
    """

    size: int
    duplicates: tuple[int, ...]
    rejected: tuple[RowError, ...]
    kept: tuple[RowError, ...]

    @property
    def written(self) -> int:
        """Number of rows that the table took."""
        return self.size - len(self.duplicates) - len(self.rejected) - len(self.kept)


def decide(size: int, errors: Sequence[RowError]) -> BatchOutcome:
    """Return the outcome of a batch of `size` rows from the errors that the sink reported, in whatever order.

    Raises: ValueError: an error names a row that is not in the batch, or one row twice; nothing can be settled on that.
    """
    by_row = {error.offset: error for error in errors}
    if len(by_row) != len(errors) or any(not 0 <= offset < size for offset in by_row):
        raise ValueError(f"row errors do not fit a batch of {size}: {sorted(error.offset for error in errors)}")
    ordered = [by_row[offset] for offset in sorted(by_row)]
    return BatchOutcome(
        size=size,
        duplicates=tuple(error.offset for error in ordered if error.verdict is Verdict.DUPLICATE),
        rejected=tuple(error for error in ordered if error.verdict is Verdict.ROW),
        kept=tuple(error for error in ordered if error.verdict not in (Verdict.DUPLICATE, Verdict.ROW)),
    )


@dataclass(frozen=True)
class Target:
    """Where values are meant to go, in words that tell one place from another; None is not known."""

    table: str | None = None  #: with its schema
    dsn: str | None = None  #: the address, without credentials
    database: str | None = None  #: what the database calls itself; known once it was reached


class WritesValues(Protocol):
    """What a batch needs of a sink."""

    def write(self, values: Sequence[TagValue]) -> BatchOutcome:
        """Insert and commit what is taken. A row is rejected only for its own fault, or for a conflict.

        Raises: SinkError: the call failed as a whole. Where its verdict is CONNECTION_LOST or TRANSIENT the rows may
            have been stored all the same; where it is ROW, one of them is at fault and the sink takes others.
        """


class Sink(WritesValues, Protocol):
    """Everything that the writer asks of one."""

    @property
    def connections(self) -> tuple[int, int]:
        """Connections open, and those of them in use."""

    @property
    def shortage(self) -> str | None:
        """Why there are fewer connections than the work asked for; None when there are enough, or none at all."""

    @property
    def logon_warning(self) -> str | None:
        """What it said of our account when it let us in last: a password that expires; None where nothing."""

    @property
    def table_warning(self) -> str | None:
        """What of the table doubles values without a word, as `inspect` found it; None where nothing."""

    @property
    def target(self) -> Target:
        """What files of its values say they were meant for."""

    def probe(self) -> None:
        """Ask whether it is there; learn the table. Raises: SinkError."""

    def inspect(self) -> None:
        """Look at the table again: what was learned of it, and whether it still knows what comes twice.

        Raises: SinkError.
        """

    def lookup(self, values: Sequence[TagValue]) -> list[tuple[str | None, str] | None]:
        """Return what is stored under the values' keys: value as text and quality, or None. Raises: SinkError."""

    def gone(self) -> tuple[int, list[TagValue]]:
        """Look for what it took lately; return how many values, and those that it does not hold any more.

        Raises: SinkError.
        """

    def close(self) -> None:
        """Close everything; does not wait for what is in use."""
