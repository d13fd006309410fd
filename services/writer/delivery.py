"""What becomes of one batch: tries, retries, halving, backup.

Every value ends written, duplicate, rejected or backed up. Nothing here talks to Redis, and nothing is settled here:
the values stay in flight until all of them have an outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.writer.breaker import Breaker, Permit
from services.writer.conflicts import ConflictCheck
from services.writer.csv_backup import BackupFailedError, CsvBackup, backup_row, rejected_row
from services.writer.oracle_errors import OracleError, RowError, Verdict
from services.writer.oracle_sink import OracleSink
from services.writer.report import Report
from shared.clock import Clock
from shared.counters import Counter
from shared.errors import RejectedError
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import TagValue

#: Seconds between two tries to write a file while it can't be written.
BACKUP_RETRY_S = 1.0

#: Tries without a single row getting through, after which a batch's rows are no longer suspected.
MAX_FRUITLESS_HALVINGS = 20

_log = get_logger()


@dataclass
class Delivered:
    """What became of the values of a batch; `counts` is what is settled."""

    size: int
    written: int = 0
    duplicates: list[TagValue] = field(default_factory=list)
    rejected: list[tuple[TagValue, RowError]] = field(default_factory=list)
    backed_up: int = 0
    conflicts: int = 0
    retries: int = 0

    @property
    def counts(self) -> dict[Counter, int]:
        """The counters to raise.

        Raises: RuntimeError: a value has no outcome or two; such a batch must never be settled.
        """
        ends: dict[Counter, int] = {
            Counter.WRITTEN: self.written,
            Counter.DUPLICATES: len(self.duplicates),
            Counter.REJECTED: len(self.rejected),
            Counter.BACKED_UP: self.backed_up,
        }
        if sum(ends.values()) != self.size:
            raise RuntimeError(f"{self.size} values in the batch, outcomes: {ends}")
        return {
            **ends,
            Counter.CONFLICTS: self.conflicts,
            Counter.RETRIES: self.retries,
            Counter.BATCHES_FAILED if self.backed_up else Counter.BATCHES_WRITTEN: 1,
        }


class Delivery:
    """Delivers batches; safe to use from several threads."""

    def __init__(
        self,
        sink: OracleSink,
        breaker: Breaker,
        backup: CsvBackup,
        rejects: CsvBackup,
        conflicts: ConflictCheck,
        report: Report,
        clock: Clock,
        retry_delays_s: Sequence[float],
    ) -> None:
        self._sink = sink
        self._breaker = breaker
        self._backup = backup
        self._rejects = rejects
        self._conflicts = conflicts
        self._report = report
        self._clock = clock
        self._retry_delays_s = list(retry_delays_s)

    def deliver(self, values: Sequence[TagValue | RejectedError], stop: StopFlag) -> Delivered | None:
        """See a batch through; return what became of it, or None when stopped first: then nothing may be settled."""
        delivered = Delivered(size=len(values))
        rest = _readable(values, delivered)
        failures = 0
        while rest:
            permit = self._breaker.permit()
            if permit is Permit.BACKUP:
                if not self._save(self._backup, [backup_row(value, self._now()) for value in rest], stop):
                    if stop.is_set():
                        return None
                    continue
                delivered.backed_up = len(rest)
                break
            rest, error = self._try(rest, delivered)
            failures += 1
            if error is not None and (error.verdict is Verdict.ROW or self._is_unknown_at_last(error, failures)):
                rest, error = self._isolate(rest, delivered, error)
            if error is None:
                self._breaker.succeeded(self._clock.monotonic())
                break
            if self._is_last(error, failures, permit):
                continue
            delivered.retries += 1
            if stop.wait(self._retry_delays_s[failures - 1]):
                return None
        return delivered if self._finish(delivered, stop) else None

    def back_up(self, values: Sequence[TagValue | RejectedError], stop: StopFlag) -> Delivered | None:
        """Save a batch to the backup without trying Oracle; None when stopped before it was saved."""
        delivered = Delivered(size=len(values))
        rest = _readable(values, delivered)
        while rest and not self._save(self._backup, [backup_row(value, self._now()) for value in rest], stop):
            if stop.is_set():
                return None
        delivered.backed_up = len(rest)
        return delivered if self._finish(delivered, stop) else None

    def _try(self, values: list[TagValue], delivered: Delivered) -> tuple[list[TagValue], OracleError | None]:
        """Insert once; return what must be kept and why, nothing and None when every row has its outcome."""
        try:
            outcome = self._sink.write(values)
        except OracleError as error:
            return values, error
        delivered.written += outcome.written
        delivered.duplicates += [values[offset] for offset in outcome.duplicates]
        delivered.rejected += [(values[error.offset], error) for error in outcome.rejected]
        if not outcome.kept:
            return [], None
        first = outcome.kept[0]
        return [values[error.offset] for error in outcome.kept], OracleError(first.code, first.message)

    def _is_unknown_at_last(self, error: OracleError, failures: int) -> bool:
        return error.verdict is Verdict.UNKNOWN and failures > len(self._retry_delays_s)

    def _isolate(
        self, values: list[TagValue], delivered: Delivered, error: OracleError
    ) -> tuple[list[TagValue], OracleError | None]:
        """Find the rows at fault by halving; the others are written. Return what must be kept and why.

        An unknown error that lets no row at all through is not the rows' fault: then all are kept.
        """
        suspects: list[tuple[TagValue, OracleError]] = []
        chunks = _halves(values) if len(values) > 1 else [values]
        fruitless = 0
        while chunks:
            chunk = chunks.pop(0)
            kept, failure = self._try(chunk, delivered)
            fruitless = fruitless + 1 if len(kept) == len(chunk) else 0
            if failure is None:
                continue
            outage = failure.verdict not in (Verdict.ROW, Verdict.UNKNOWN)
            if outage or (error.verdict is Verdict.UNKNOWN and fruitless > MAX_FRUITLESS_HALVINGS):
                return [
                    *kept,
                    *(value for rest in chunks for value in rest),
                    *(value for value, _ in suspects),
                ], failure
            if len(kept) == 1:
                suspects.append((kept[0], failure))
            else:
                chunks += _halves(kept)
        some_went_through = delivered.written + len(delivered.duplicates) > 0
        if error.verdict is Verdict.UNKNOWN and not some_went_through:
            return [value for value, _ in suspects], error
        delivered.rejected += [(value, RowError(0, cause.code, str(cause))) for value, cause in suspects]
        return [], None

    def _is_last(self, error: OracleError, failures: int, permit: Permit) -> bool:
        """Tell the breaker and the log of a failed try; return whether the batch must go to the backup now."""
        retries = len(self._retry_delays_s)
        is_last = permit is Permit.TRIAL or failures > retries or error.verdict is Verdict.CONFIGURATION
        self._breaker.failed(error, self._clock.monotonic(), last=is_last)
        _log.warning(f"Oracle write failed (attempt {failures}/{retries + 1}): {error}")
        if failures > retries:
            _log.error(f"All {retries} retries exhausted, saving to CSV backup")
        elif not is_last:
            _log.warning(f"Retrying in {self._retry_delays_s[failures - 1]} seconds...")
            self._report.retrying(error, failures)
        return is_last

    def _save(self, file: CsvBackup, rows: list[tuple[object, ...]], stop: StopFlag) -> bool:
        """Append rows to a file; when it can't be written, say so, wait a moment and return False."""
        try:
            path = file.append(rows)
        except BackupFailedError as error:
            self._report.backup_failed(error)
            stop.wait(BACKUP_RETRY_S)
            return False
        self._report.saved(path, len(rows))
        return True

    def _finish(self, delivered: Delivered, stop: StopFlag) -> bool:
        """Save the rejected rows and look duplicates up; False when stopped before the rejected rows were saved."""
        if delivered.rejected:
            rows = [rejected_row(value, self._now(), error) for value, error in delivered.rejected]
            while not self._save(self._rejects, rows, stop):
                if stop.is_set():
                    return False
            self._report.rejected(delivered.rejected)
        if delivered.duplicates:
            self._report.duplicates(len(delivered.duplicates))
            delivered.conflicts = self._conflicts.count(delivered.duplicates)
        return True

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")


def _readable(values: Sequence[TagValue | RejectedError], delivered: Delivered) -> list[TagValue]:
    """Return the TagValues; an element of the buffer that is none is rejected, with its raw text for a value."""
    readable = []
    for value in values:
        if isinstance(value, TagValue):
            readable.append(value)
        else:
            unreadable = TagValue(datetime.min, "", "", str(value), "BAD")  # noqa: DTZ901 - a stand-in, stored nowhere
            delivered.rejected.append((unreadable, RowError(0, "NOT_A_VALUE", str(value))))
    return readable


def _halves(values: list[TagValue]) -> list[list[TagValue]]:
    middle = len(values) // 2
    return [values[:middle], values[middle:]]
