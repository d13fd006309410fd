"""What becomes of one batch: tries, retries, halving, backup.

Every value ends written, duplicate, rejected or backed up. Nothing here talks to Redis, and nothing is settled here:
the values stay in flight until all of them have an outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.backup.format import NOT_A_VALUE, backup_row, rejected_row
from services.writer.backup.waiting_rows import waiting_row
from services.writer.deliver.breaker import Breaker, Permit
from services.writer.deliver.insertion import Insertion, insert_with_retries
from services.writer.deliver.report import Report
from services.writer.sink import CONFLICT, RowError, SinkError, Verdict, WritesValues
from shared.clock import Clock
from shared.counters import Counter, by_code
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import Decoded, TagValue
from shared.records.heartbeats import BreakerState

#: Seconds between two tries to write a file while it can't be written.
BACKUP_RETRY_S = 1.0

#: Seconds for which rows are not tried again that are refused for what others were, while the rest goes in: a plant
#: that sends some in each batch would wait for them all day.
IN_VAIN_S = 600.0

_log = get_logger()


class Delivered(Insertion):
    """A batch and what became of its values; `counts` is what is settled."""

    def __init__(self, batch: Decoded) -> None:
        super().__init__(batch.values)
        self.size = len(batch)
        self.rejected += [_unreadable(raw, reason) for raw, reason in batch.unreadable]
        self.backed_up = 0
        self.retries = 0
        #: Rejected rows that no file could take: they wait in Redis, from the settling on.
        self.waiting: list[bytes] = []

    @property
    def counts(self) -> dict[str, int]:
        """The counters to raise.

        Raises: RuntimeError: a value has no outcome or two; such a batch must never be settled.
        """
        ends: dict[str, int] = {
            Counter.WRITTEN: self.written,
            Counter.DUPLICATES: len(self.duplicates),
            Counter.REJECTED: len(self.rejected),
            Counter.BACKED_UP: self.backed_up,
        }
        if sum(ends.values()) != self.size:
            raise RuntimeError(f"{self.size} values in the batch, outcomes: {ends}")
        return {
            **ends,
            **by_code(Counter.REJECTED, (error.code for _, error in self.rejected)),
            Counter.CONFLICTS: sum(error.code == CONFLICT for _, error in self.rejected),
            Counter.RETRIES: self.retries,
            Counter.BATCHES_FAILED if self.backed_up and not self.is_alone else Counter.BATCHES_WRITTEN: 1,
        }


@dataclass(kw_only=True)
class Delivery:
    """Delivers batches; safe to use from several threads."""

    sink: WritesValues
    breaker: Breaker
    backup: CsvBackup
    rejects: CsvBackup
    report: Report
    clock: Clock
    retry_delays_s: Sequence[float]

    def __post_init__(self) -> None:
        #: Until when rows that are refused with a code, while others go in, are tried once: monotonic times.
        self._tried_in_vain: dict[str, float] = {}

    def deliver(self, batch: Decoded, stop: StopFlag, *, untried: bool = False) -> Delivered | None:
        """See a batch through; return what became of it, or None when stopped first: then nothing may be settled.

        untried: it goes to the backup, and Oracle does not see it.
        """
        delivered = Delivered(batch)
        is_given_up = False
        while delivered.pending:
            permit = Permit.BACKUP if is_given_up or untried else self.breaker.permit(self.clock.monotonic())
            if permit is not Permit.BACKUP:
                error = self._insert(delivered, permit, stop)
                if error is not None and stop.is_set() and self.breaker.state is BreakerState.RETRYING:
                    return None
                # Another worker may have found out meanwhile that Oracle takes nothing: then this one is asked again.
                is_given_up = permit is Permit.TRIAL or delivered.is_alone
                continue
            if not self._back_up_pending(delivered, stop) and stop.is_set():
                return None
            # While no file can be written, Oracle may be back.
            is_given_up = False
        self._finish(delivered)
        return delivered

    def _insert(self, delivered: Delivered, permit: Permit, stop: StopFlag) -> SinkError | None:
        delays_s = self.retry_delays_s if permit is Permit.TRY else []

        def failed(error: SinkError, failures: int, is_last: bool) -> None:
            now = self.clock.monotonic()
            if not is_last:
                delivered.retries += 1
                self.report.retrying(error, failures)
            if delivered.is_alone:
                # Oracle takes what others bring: no reason to keep that from it.
                if is_last and error.code not in self._known():
                    self._tried_in_vain[error.code] = now + IN_VAIN_S
                    self.report.rows_kept(error, len(delivered.pending))
                return
            if is_last and error.verdict is Verdict.UNKNOWN:
                # Nobody knows this code, no try mended it, and no row is proven to be at fault: a person must see it.
                error = SinkError(error.code, str(error), Verdict.CONFIGURATION, error.hint)
            self.breaker.failed(error, now, last=is_last)
            if is_last and failures > len(delays_s) and delays_s:
                _log.error(f"All {len(delays_s)} retries exhausted, saving to CSV backup")

        error = insert_with_retries(
            delivered, self.sink, delays_s, stop, failed=failed,
            may_go_on=lambda: self.breaker.state in (BreakerState.CLOSED, BreakerState.RETRYING),
            known=self._known(),
        )  # fmt: skip
        # Rows that were refused before they were bound say nothing of Oracle.
        if (error is None or delivered.is_alone) and (delivered.written or delivered.duplicates):
            self.breaker.succeeded(self.clock.monotonic())
        return error

    def _known(self) -> frozenset[str]:
        now = self.clock.monotonic()
        return frozenset(code for code, until in self._tried_in_vain.copy().items() if now < until)

    def _back_up_pending(self, delivered: Delivered, stop: StopFlag) -> bool:
        """Save what has no outcome; when no file can be written, say so, wait a moment and return False."""
        attempted_at = self._attempted_at()
        rows = [backup_row(value, attempted_at) for value in delivered.pending]
        try:
            self.report.wrote(self.backup.append(rows), len(rows))
        except BackupFailedError as error:
            self.report.backup_failed(error)
            stop.wait(BACKUP_RETRY_S)
            return False
        delivered.backed_up, delivered.pending = len(delivered.pending), []
        return True

    def _finish(self, delivered: Delivered) -> None:
        """Save the rejected rows, conflicts among them, or let them wait where no file can be written."""
        if delivered.rejected:
            attempted_at = self._attempted_at()
            rows = [rejected_row(value, attempted_at, error) for value, error in delivered.rejected]
            path = None
            try:
                path = self.rejects.append(rows)
                self.report.wrote(path, len(rows))
            except BackupFailedError as error:
                # The dead must not block the living: the batch is settled, these rows wait for a file.
                self.report.rows_wait(error, len(rows))
                delivered.waiting = [waiting_row(row) for row in rows]
            self.report.rejected(delivered.rejected, rows, path)
        if delivered.duplicates:
            self.report.duplicates(len(delivered.duplicates))

    def _attempted_at(self) -> str:
        return self.clock.now().isoformat(timespec="milliseconds")


def _unreadable(raw: bytes, reason: str) -> tuple[TagValue, RowError]:
    """Return what is set aside of an element of the buffer that is no value: its raw text in the place of a value."""
    shown = TagValue(datetime.min, "", "", raw.decode(errors="backslashreplace"), "BAD")  # noqa: DTZ901 - no time
    return shown, RowError(0, NOT_A_VALUE, f"not a TagValue: {reason}")
