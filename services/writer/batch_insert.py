"""One batch of a backup file into the table: tries, retries, and halving where a row is at fault.

As `delivery.py` does it for live values, but there is no backup to fall back to: the file is the backup.
"""

from collections.abc import Sequence
from typing import Protocol

from services.writer.oracle_errors import OracleError, RowError, Verdict
from services.writer.outcome import BatchOutcome
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import TagValue

#: Tries without a single row getting through, after which an unknown error is not taken for a row's fault.
MAX_FRUITLESS_TRIES = 20

_log = get_logger()


class Sink(Protocol):
    """What takes values: OracleSink, or a test's."""

    def write(self, values: Sequence[TagValue]) -> BatchOutcome:
        """Insert and commit what is taken. Raises: OracleError."""


class BatchInsert:
    """The values of one batch and what became of them; `rest` have no outcome yet.

    `oracle_is_proven`: it took other rows of late, so that an unknown error of one row alone is that row's.
    """

    def __init__(self, values: Sequence[TagValue], *, oracle_is_proven: bool) -> None:
        self.rest = list(values)
        self.written = 0
        self.duplicates: list[TagValue] = []
        self.rejected: list[tuple[TagValue, RowError]] = []
        self._oracle_is_proven = oracle_is_proven

    def run(self, sink: Sink, retry_delays_s: Sequence[float], stop: StopFlag) -> None:
        """See every value through: written, duplicate or rejected.

        Raises: OracleError: the retries are used up (none are made for what a person must see to), or it was stopped
            between two of them; call it again to go on with the rest.
        """
        failures = 0
        while self.rest:
            self.rest, error = self._try(sink, self.rest)
            if error is None:
                return
            failures += 1
            is_last = failures > len(retry_delays_s)
            if error.verdict is Verdict.ROW or (error.verdict is Verdict.UNKNOWN and is_last):
                self._isolate(sink, error)
                return
            _log.warning(f"Oracle write failed (attempt {failures}/{len(retry_delays_s) + 1}): {error}")
            if is_last or error.verdict is Verdict.CONFIGURATION:
                raise error
            _log.warning(f"Retrying in {retry_delays_s[failures - 1]} seconds...")
            if stop.wait(retry_delays_s[failures - 1]):
                raise error

    def _try(self, sink: Sink, values: list[TagValue]) -> tuple[list[TagValue], OracleError | None]:
        """Insert once; return what must be tried again and why, nothing and None when every row has its outcome."""
        try:
            outcome = sink.write(values)
        except OracleError as error:
            return values, error
        self.written += outcome.written
        self.duplicates += [values[offset] for offset in outcome.duplicates]
        self.rejected += [(values[error.offset], error) for error in outcome.rejected]
        if not outcome.kept:
            return [], None
        first = outcome.kept[0]
        return [values[error.offset] for error in outcome.kept], OracleError(first.code, first.message)

    def _isolate(self, sink: Sink, error: OracleError) -> None:
        """Find the rows at fault by halving; they are rejected, the others are inserted.

        Raises: OracleError: it is not the rows' fault: an outage began, or an unknown error lets no row through.
        """
        suspects: list[tuple[TagValue, OracleError]] = []
        chunks = _halves(self.rest)
        fruitless = 0
        while chunks:
            chunk = chunks.pop(0)
            kept, failure = self._try(sink, chunk)
            self.rest = [*(value for value, _ in suspects), *kept, *(value for later in chunks for value in later)]
            fruitless = fruitless + 1 if len(kept) == len(chunk) else 0
            if failure is None:
                continue
            is_outage = failure.verdict not in (Verdict.ROW, Verdict.UNKNOWN)
            if is_outage or (failure.verdict is Verdict.UNKNOWN and fruitless > MAX_FRUITLESS_TRIES):
                raise failure
            if len(kept) == 1:
                suspects.append((kept[0], failure))
            else:
                chunks += _halves(kept)
        if error.verdict is Verdict.UNKNOWN and not (self._oracle_is_proven or self.written or self.duplicates):
            raise error
        self.rejected += [(value, RowError(0, cause.code, str(cause))) for value, cause in suspects]
        self.rest = []


def _halves(values: list[TagValue]) -> list[list[TagValue]]:
    middle = len(values) // 2
    return [values[:middle], values[middle:]] if middle else [values]
