"""What the writer tells people: log lines and events, most of them at most once a second. Moves nothing."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.writer.backup.csv_backup import FileFault, NoRoomForRejectsError
from services.writer.backup.format import row_example
from services.writer.backup.index import Manifest
from services.writer.deliver.breaker import Breaker
from services.writer.sink import CONFLICT, RowError, SinkError
from shared.counters import WINDOW_BUCKET_S, WINDOW_KEEP_S
from shared.counters import Counter as CounterName
from shared.errors import PipelineError
from shared.journal.events import EventLog
from shared.journal.rejected_examples import RejectedExamples
from shared.keys import Keys
from shared.logs import get_logger
from shared.models import TagValue
from shared.records.events import (
    Conflicts,
    Event,
    FileNamed,
    OracleError,
    OracleWentBack,
    OracleWrites,
    RowsRefused,
)
from shared.records.heartbeats import BreakerState
from shared.records.rejected import Rejected
from shared.redis.link import RedisLink

_log = get_logger()


@dataclass
class _News:
    """What happened since the last tick."""

    in_files: Counter[Path] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    last_rejected: str = ""
    conflicts: int = 0
    conflict: tuple[TagValue, RowError] | None = None  #: the first
    retrying: tuple[SinkError, int] | None = None


@dataclass
class Report:
    """Collects what happened and says it by `tick`; safe to use from several threads."""

    events: EventLog
    breaker: Breaker
    manifest: Manifest
    link: RedisLink
    keys: Keys

    def __post_init__(self) -> None:
        #: Told of rejected rows; whoever retries or sets them aside tells them of it, too.
        self.examples = RejectedExamples(self.link, self.keys)
        self._lock = threading.Lock()
        self._news = _News()
        #: The last file that was told of, by its kind: of each kind one is open.
        self._announced: dict[str, Path] = {}
        self._lost = 0
        #: Why a file could not be written last; None while files can be written.
        self.backup_failure: str | None = None
        self._said_failing: set[str] = set()
        #: Text of Oracle's last error; None before any.
        self.last_error: str | None = None

    def retrying(self, error: SinkError, failures: int) -> None:
        """Take note that a batch waits for its next try."""
        with self._lock:
            self._news.retrying = (error, failures)
            self.last_error = error.plain

    def rows_kept(self, error: SinkError, rows: int) -> None:
        """Say that rows are refused for a state of the database while others go in, and where they go."""
        message = (
            f"{rows} rows go to the CSV backup while Oracle takes others, and so will all that it refuses so: {error}"
        )
        _log.error(message)
        with self._lock:
            self.last_error = error.plain
        self.events.add(Event.ORACLE_RETRY, message, OracleError(code=error.code))

    def went_back(self, looked_for: int, gone: Sequence[TagValue], *, was_away: bool) -> None:
        """Say that values which Oracle had committed are not in the table any more: after an outage, or time and again.

        Args: how many were looked for, and those that are gone.
        """
        what = (
            "Oracle came back from an earlier moment (a failover, a restored or flashed back database), or somebody "
            "deleted values"
            if was_away
            else "The table does not keep, or does not show, what it takes (a trigger or a policy takes or hides it, "
            "or somebody moves it elsewhere)"
        )
        first, last = (str(value.timestamp) for value in (gone[0], gone[-1]))
        message = (
            f"{what}: of {looked_for} values that it had committed, a second apart, {len(gone)} are gone, and what "
            f"came between them, collected from {first} to {last}. They count as written; `verify` says what is missing"
        )
        _log.critical(message)
        self.events.add(Event.ORACLE_WENT_BACK, message, OracleWentBack(missing=len(gone), first=first, last=last))

    def wrote(self, path: Path, rows: int) -> None:
        """Take note of rows written to a file."""
        with self._lock:
            self._news.in_files[path] += rows
        self._files_work(str(path))

    def files_available(self, failure: str) -> None:
        """Take note that what was wrong with the open files is not any more, unless something else is."""
        if self.backup_failure == failure:
            self._files_work("the open files are where they were")

    def _files_work(self, what: str) -> None:
        with self._lock:
            works_again, self.backup_failure = self.backup_failure is not None, None
            self._said_failing.clear()
        if works_again:
            message = f"Files can be written again: {what}"
            _log.info(message)
            self.events.add(Event.BACKUP_WORKS, message)

    def backup_failed(self, error: Exception, *, is_needed: bool = True) -> None:
        """Take note that a file can't be written; said when it begins."""
        what = "Backup can't be written, values stay in Redis and nothing is acknowledged"
        self._files_fail(error, what if is_needed else "No backup could be written, though none is needed now")

    def rows_wait(self, error: Exception, rows: int) -> None:
        """Take note of rejected rows that no file could take; said when it begins."""
        what = "No file can be written: {rows} rejected rows wait in Redis for one, all else goes on"
        self._files_fail(error, what, rows=rows)

    def _files_fail(self, error: Exception, what: str, **figures: int) -> None:
        with self._lock:
            begins = what not in self._said_failing
            self._said_failing.add(what)
            if not isinstance(error, NoRoomForRejectsError):
                # Else backups can be written, and that rows wait is an alert of its own.
                self.backup_failure = str(error)
        if begins:
            message = f"{what.format(**figures)}: {error}"
            _log.critical(message)
            self.events.add(Event.BACKUP_FAILED, message)

    def file_fault(self, fault: FileFault) -> None:
        """Take note that somebody took a file away, or changed it; said and counted by the next tick."""
        if fault.left is None:
            self.manifest.forget(fault.path)
        self._note_fault(str(fault), fault.lost)

    def file_left_behind(self, error: Exception, rows: int) -> None:
        """Take note that the process ends with a file that nobody finds any more, and could not save its rows."""
        self._note_fault(
            f"{rows} rows are LOST: somebody took their file away, and no other could be written: {error}", rows
        )

    def file_gone(self, name: str, rows: int) -> None:
        """Take note of a file that waited for `recover` and is gone from the disk."""
        self._note_fault(
            f"{name} with {rows} rows waited for recovery and is gone from BACKUP_DIR; nobody recovered it "
            "(a link in its place is not followed)"
        )

    def _note_fault(self, message: str, lost: int = 0) -> None:
        _log.critical(message)
        with self._lock:
            self._news.faults.append(message)
            self._lost += lost

    def duplicates(self, count: int) -> None:
        """Take note of rows that were in the table already."""
        with self._lock:
            self._news.duplicates += count

    def rejected(
        self, refused: Sequence[tuple[TagValue, RowError]], rows: Sequence[Sequence[Any]], path: Path | None
    ) -> None:
        """Note values refused for themselves, conflicts among them, as rows of a file (None: they wait for one)."""
        at, file = time.time(), path.name if path else None
        for (_, error), row in zip(refused, rows, strict=True):
            self.examples.note(Rejected.ROW, error.code, at, row_example(row, at, file, self.manifest.place))
        with self._lock:
            for value, error in refused:
                if error.code == CONFLICT:
                    self._news.conflict = self._news.conflict or (value, error)
                    self._news.conflicts += 1
                else:
                    self._news.rejected[error.code] += 1
                    self._news.last_rejected = _shown(value, error)

    def tick(self) -> None:
        """Say what is new; call it about once a second."""
        with self._lock:
            news, self._news = self._news, _News()
        self._say_faults(news.faults)
        if news.retrying is not None:
            error, failures = news.retrying
            self.events.add(Event.ORACLE_RETRY, f"Attempt {failures} failed: {error}", OracleError(code=error.code))
        for path, rows in news.in_files.items():
            _log.info(f"Saved {rows} items to {path}")
            kind = path.name.partition("_")[0]
            if self._announced.get(kind) != path:
                self._announced[kind] = path
                self.events.add(Event.BACKUP_FILE, f"Writing to {path}", FileNamed(file=path.name))
        if news.duplicates:
            _log.info(f"{news.duplicates} rows were in the table already (ORA-00001): skipped")
        if news.rejected:
            codes = ", ".join(f"{code}: {count}" for code, count in news.rejected.most_common())
            message = f"{news.rejected.total()} rows rejected ({codes}); last: {news.last_rejected}"
            _log.error(message)
            self.events.add(Event.ROWS_REJECTED, message, RowsRefused(codes=dict(news.rejected)))
        if news.conflict is not None:
            tell_conflicts(self.events, news.conflicts, *news.conflict)
        self._say_changes()
        self.examples.flush()
        self.manifest.flush()

    def _say_faults(self, faults: list[str]) -> None:
        for message in faults:
            self.events.add(Event.BACKUP_LOST, message)
        lost = self._lost
        if lost:
            try:
                count(self.link, self.keys, CounterName.BACKUP_LOST, lost)
            except PipelineError:
                return  # The next tick counts it.
            with self._lock:
                self._lost -= lost

    def _say_changes(self) -> None:
        for change in self.breaker.pop_changes():
            text = f"Oracle: {change.before.value} -> {change.after.value} ({change.reason})"
            if change.after is BreakerState.CLOSED and change.before is not BreakerState.RETRYING:
                _log.info(f"{text}, writing again")
                self.events.add(Event.ORACLE_BACK, text, OracleWrites(after_s=round(change.lasted_s, 1)))
            elif change.after is BreakerState.OPEN:
                cause = self.breaker.cause
                self.last_error = cause.plain if cause else change.reason
                if cause is not None and cause.needs_a_person:
                    _log.critical(f"{text}: a person must act; values go to the CSV backup meanwhile")
                    self.events.add(Event.ORACLE_CONFIGURATION, text, OracleError(code=cause.code))
                else:
                    _log.error(f"{text}: values go to the CSV backup, Oracle is probed")
                    self.events.add(Event.ORACLE_LOST, text, OracleError(code=cause.code if cause else None))
            else:
                _log.info(text)
                retries = change.after is BreakerState.RETRYING
                self.events.add(Event.ORACLE_RETRY if retries else Event.ORACLE_BACK, text)


def count(link: RedisLink, keys: Keys, counter: CounterName, by: int) -> None:
    """Raise a counter that no script raises, since no value moves with it, in total and in the window.

    Raises: RedisUnavailableError: it may have been raised; a lost answer counts twice. The ledger does without it.
    """
    seconds = int(link.command("TIME")[0])
    window = keys.window(seconds // WINDOW_BUCKET_S)
    link.commands(
        ("HINCRBY", keys.counters, counter, by), ("HINCRBY", window, counter, by), ("EXPIRE", window, WINDOW_KEEP_S)
    )


def tell_conflicts(events: EventLog, count: int, value: TagValue, error: RowError) -> None:
    """Say that values came again with other contents, exactly how many, and which was the first."""
    message = (
        f"{count} values came again with another value or quality, set aside in rejected_*.csv; "
        f"first: {_shown(value, error)}; came as {str(value.tag_value)[:100]!r} ({value.quality})"
    )
    _log.warning(f"Conflict: {message}")
    first = Conflicts(count=count, tag_name=value.tag_name, timestamp=str(value.timestamp))
    events.add(Event.CONFLICTS, message, first)


def _shown(value: TagValue, error: RowError) -> str:
    return f"{value.tag_name} at {value.timestamp}: {error.message}"
