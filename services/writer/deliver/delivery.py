"""What becomes of one batch: tries, retries, halving, backup.

Every value ends written, duplicate, rejected or backed up. Nothing here talks to Redis, and nothing is settled here:
the values stay in flight until all of them have an outcome.
"""

from collections.abc import Sequence
from datetime import datetime

from services.writer.backup.csv_backup import NOT_A_VALUE, BackupFailedError, CsvBackup, backup_row, rejected_row
from services.writer.backup.waiting_rows import waiting_row
from services.writer.deliver.breaker import Breaker, Permit
from services.writer.deliver.conflicts import ConflictCheck
from services.writer.deliver.insertion import Insertion
from services.writer.deliver.report import Report
from services.writer.sink import RowError, SinkError, TakesValues, Verdict
from shared.clock import Clock
from shared.counters import Counter
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import Decoded, TagValue

#: Seconds between two tries to write a file while it can't be written.
BACKUP_RETRY_S = 1.0

_log = get_logger()


class Delivered(Insertion):
    """A batch and what became of its values; `counts` is what is settled."""

    def __init__(self, batch: Decoded) -> None:
        super().__init__(batch.values)
        self.size = len(batch)
        self.rejected += [_unreadable(raw, reason) for raw, reason in batch.unreadable]
        self.backed_up = 0
        self.conflicts = 0
        self.retries = 0
        #: Rejected rows that no file could take: they wait in Redis, from the settling on.
        self.waiting: list[bytes] = []

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
        sink: TakesValues,
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

    def deliver(self, batch: Decoded, stop: StopFlag) -> Delivered | None:
        """See a batch through; return what became of it, or None when stopped first: then nothing may be settled."""
        delivered = Delivered(batch)
        failures = 0
        while delivered.rest:
            permit = self._breaker.permit(self._clock.monotonic())
            if permit is Permit.BACKUP:
                if not self._save_rest(delivered, stop) and stop.is_set():
                    return None
                continue
            error = delivered.attempt(self._sink)
            failures += 1
            if error is not None and self._is_perhaps_a_rows_fault(error, failures):
                error = delivered.isolate(self._sink, error)
            if error is None:
                self._breaker.succeeded(self._clock.monotonic())
            elif not self._is_last(error, failures, permit):
                delivered.retries += 1
                if stop.wait(self._retry_delays_s[failures - 1]):
                    return None
        self._finish(delivered)
        return delivered

    def back_up(self, batch: Decoded, stop: StopFlag) -> Delivered | None:
        """Save a batch to the backup without trying Oracle; None when stopped before it was saved."""
        delivered = Delivered(batch)
        while delivered.rest and not self._save_rest(delivered, stop):
            if stop.is_set():
                return None
        self._finish(delivered)
        return delivered

    def _is_perhaps_a_rows_fault(self, error: SinkError, failures: int) -> bool:
        is_last = failures > len(self._retry_delays_s)
        return error.verdict is Verdict.ROW or (error.verdict is Verdict.UNKNOWN and is_last)

    def _is_last(self, error: SinkError, failures: int, permit: Permit) -> bool:
        """Tell the breaker and the log of a failed try; return whether the batch must go to the backup now."""
        retries = len(self._retry_delays_s)
        is_last = permit is Permit.TRIAL or failures > retries or error.needs_a_person
        self._breaker.failed(error, self._clock.monotonic(), last=is_last)
        _log.warning(f"Oracle write failed (attempt {failures}/{retries + 1}): {error}")
        if failures > retries:
            _log.error(f"All {retries} retries exhausted, saving to CSV backup")
        elif not is_last:
            _log.warning(f"Retrying in {self._retry_delays_s[failures - 1]} seconds...")
            self._report.retrying(error, failures)
        return is_last

    def _save_rest(self, delivered: Delivered, stop: StopFlag) -> bool:
        """Save what has no outcome; when no file can be written, say so, wait a moment and return False."""
        now = self._now()
        rows = [backup_row(value, now) for value in delivered.rest]
        try:
            self._report.saved(self._backup.append(rows), len(rows))
        except BackupFailedError as error:
            self._report.backup_failed(error)
            stop.wait(BACKUP_RETRY_S)
            return False
        delivered.backed_up, delivered.rest = len(delivered.rest), []
        return True

    def _finish(self, delivered: Delivered) -> None:
        """Save the rejected rows, or let them wait where no file can be written; look duplicates up."""
        if delivered.rejected:
            now = self._now()
            rows = [rejected_row(value, now, error) for value, error in delivered.rejected]
            try:
                self._report.saved(self._rejects.append(rows), len(rows))
            except BackupFailedError as error:
                # The dead must not block the living: the batch is settled, these rows wait for a file.
                self._report.rows_wait(error, len(rows))
                delivered.waiting = [waiting_row(row) for row in rows]
            self._report.rejected(delivered.rejected)
        if delivered.duplicates:
            self._report.duplicates(len(delivered.duplicates))
            delivered.conflicts = self._conflicts.count(delivered.duplicates)

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")


def _unreadable(raw: bytes, reason: str) -> tuple[TagValue, RowError]:
    """Return what is kept of an element of the buffer that is no value: its raw text in the place of a value."""
    shown = TagValue(datetime.min, "", "", raw.decode(errors="backslashreplace"), "BAD")  # noqa: DTZ901 - no time
    return shown, RowError(0, NOT_A_VALUE, f"not a TagValue: {reason}")
