"""What the table does with rows, found out by inserts that are rolled back, and one that is committed and deleted.

Nothing but the commit needs a commit, so that a user with no more than SELECT and INSERT may run all the others. The
commit is tried where the user may DELETE, or was told that one row may stay.
"""

import secrets
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace as with_changes
from datetime import UTC, datetime, timedelta
from time import perf_counter

import msgspec

from services.writer.check.findings import Finding, Status
from services.writer.oracle.codes import meaning_of
from services.writer.oracle.layout import NOT_A_NUMBER
from services.writer.oracle.transaction import Transaction
from services.writer.sink import RowError, SinkError, Verdict
from shared.models import TagValue

#: PLC code of all test rows; with the address they are `tagpipe.check.<random>`.
PLC_CODE = "tagpipe"

#: Values that columns are apt to change or refuse: letters of several scripts, and nine decimals.
LETTERS, DECIMALS = "온도 Ω é €", "12.345678912"

#: Rounds of the timed insert, of which the median counts.
ROUNDS = 5


class InsertChecks:
    """Checks in one transaction, all of them rolled back but `commit`; those that read only where the user may."""

    def __init__(self, transaction: Transaction, *, may_select: bool) -> None:
        self._table = transaction
        self._may_select = may_select
        self._address = f"check.{secrets.token_hex(4)}"
        utc_now = datetime.now(UTC).replace(tzinfo=None)
        #: The last digits of the fraction are never 0: a column that rounds shows.
        moment = utc_now.replace(microsecond=utc_now.microsecond // 1000 * 1000 + 457)
        self._value = TagValue(moment, PLC_CODE, self._address, "12.5", "GOOD")

    def all(self) -> Iterator[Finding]:
        """Yield what each check finds; where nothing can be inserted at all, the first is the last."""
        if self._may_select:
            first = self._found("insert and read back", self._round_trip)
        else:
            first = self._found("insert", self._unread)
        yield first
        if first.status is Status.FAILED:
            return
        yield self._found("duplicate detection", self._duplicate)
        yield self._found("key is not too narrow", self._neighbours)
        yield self._found("reading without a value", self._no_value)
        if self._may_select:
            yield self._found("text with letters", self._letters)
            yield self._found("value with many decimals", self._decimals)

    def _found(self, check: str, find_out: Callable[[], tuple[Status, str]]) -> Finding:
        try:
            status, detail = find_out()
            return Finding(check, status, detail)
        except SinkError as error:
            return failure(check, error)
        finally:
            self._table.rollback()

    def _unread(self) -> tuple[Status, str]:
        self._insert([self._value])
        return Status.OK, "it can be stored; nothing is read back, the user may not SELECT"

    def _round_trip(self) -> tuple[Status, str]:
        self._insert([self._value])
        stored = self._table.stored(self._value)
        if stored is None:
            return Status.FAILED, f"the row is not found under its timestamp {self._value.timestamp}: it was rounded"
        if not self._table.holds(self._value):
            return Status.FAILED, "12.5 GOOD came back as {} {}".format(*stored)
        return Status.OK, f"value, quality and timestamp to the microsecond ({self._value.timestamp})"

    def _duplicate(self) -> tuple[Status, str]:
        self._insert([self._value])
        again = msgspec.structs.replace(self._value, tag_value="13.5", quality="BAD")
        errors = self._table.insert([again])
        if not errors:
            return Status.FAILED, "a second row with the same key was taken: values that come twice are stored twice"
        if errors[0].verdict is not Verdict.DUPLICATE:
            self._raise_first(errors)
        return Status.OK, "the second row with the same key was refused (ORA-00001)"

    def _neighbours(self) -> tuple[Status, str]:
        later = msgspec.structs.replace(self._value, timestamp=self._value.timestamp + timedelta(microseconds=1))
        other_tag = msgspec.structs.replace(self._value, tag_address=f"{self._address}.2")
        errors = self._table.insert([self._value, later, other_tag])
        if any(error.verdict is Verdict.DUPLICATE for error in errors):
            what = "another time" if errors[0].offset == 1 else "another tag"
            return Status.FAILED, f"a row with {what} was refused as a duplicate (ORA-00001): values would be lost"
        self._raise_first(errors)
        return Status.OK, "another tag, and the same tag a microsecond later, are rows of their own"

    def _no_value(self) -> tuple[Status, str]:
        without = msgspec.structs.replace(self._value, tag_value=None, quality="BAD")
        errors = self._table.insert([without])
        if errors and errors[0].verdict is Verdict.ROW:
            return Status.WARNING, f"it will be rejected: {errors[0].message}"
        self._raise_first(errors)
        if self._may_select and not self._table.holds(without):
            return self._came_back("no value")
        return Status.OK, "it can be stored"

    def _letters(self) -> tuple[Status, str]:
        """Try a text: a NUMBER column refuses it, and not every character set holds it."""
        errors = self._table.insert([msgspec.structs.replace(self._value, tag_value=LETTERS)])
        if errors and errors[0].verdict is Verdict.ROW:
            is_expected = errors[0].code == NOT_A_NUMBER
            return Status.OK if is_expected else Status.WARNING, f"it will be rejected: {errors[0].message}"
        self._raise_first(errors)
        return self._came_back(LETTERS)

    def _decimals(self) -> tuple[Status, str]:
        self._insert([msgspec.structs.replace(self._value, tag_value=DECIMALS)])
        return self._came_back(DECIMALS)

    def _came_back(self, sent: str) -> tuple[Status, str]:
        """Tell whether the text that was inserted is stored as it was sent."""
        stored = self._table.stored(self._value)
        text = str(stored[0] if stored else None)
        if text == sent:
            return Status.OK, "it comes back as it was"
        return Status.WARNING, f"{sent!r} is stored as {text!r}, without a word from Oracle"

    def may_delete(self) -> SinkError | None:
        """Try a DELETE, rolled back; return why not."""
        try:
            self._insert([self._value])
            self._table.delete(self._value)
        except SinkError as error:
            return error
        finally:
            self._table.rollback()
        return None

    def commit(self, other: Transaction, *, delete: bool) -> Finding:
        """Commit a row and look for it in another transaction; then delete it, where that is allowed."""
        check = "commit, seen by another connection"
        committed = False
        try:
            self._insert([self._value])
            began_at = perf_counter()
            self._table.commit()
            committed, took_ms = True, (perf_counter() - began_at) * 1000
            if other.stored(self._value) is None:
                return Finding(check, Status.FAILED, "another connection does not see the row")
            if delete:
                self._table.delete(self._value)
                self._table.commit()
                committed = False
            finding = Finding(check, Status.OK, f"the commit took {took_ms:.1f} ms")
        except SinkError as error:
            finding = failure(check, error)
        if not committed:
            return finding
        row = f"the row {self._value.tag_name} at {self._value.timestamp}"
        return with_changes(
            finding, detail=f"{finding.detail}; {row} stays in the table: harmless, no tag has this name"
        )

    def latency(self, rows: int, connections: int) -> Finding:
        """Time the insert of a full batch, rolled back, and tell what rate that allows."""
        check = f"insert of {rows} rows"
        batch = [msgspec.structs.replace(self._value, tag_address=f"{self._address}.{n}") for n in range(rows)]
        took: list[float] = []
        try:
            for _ in range(ROUNDS):
                began_at = perf_counter()
                self._insert(batch)
                took.append(perf_counter() - began_at)
                self._table.rollback()
        except SinkError as error:
            return failure(check, error)
        finally:
            self._table.rollback()
        median_s = statistics.median(took)
        rate = rows / median_s
        what = (
            f"{median_s * 1000:.1f} ms without the commit: about {rate:,.0f} rows/s on one connection, "
            f"{rate * connections:,.0f} on {connections} (ORACLE_POOL_MAX) if the database keeps up"
        )
        return Finding(check, Status.OK, what)

    def _insert(self, values: Sequence[TagValue]) -> None:
        self._raise_first(self._table.insert(values))

    @staticmethod
    def _raise_first(errors: Sequence[RowError]) -> None:
        if errors:
            raise SinkError(errors[0].code, errors[0].message, errors[0].verdict)


def failure(check: str, error: SinkError) -> Finding:
    """Return the finding for an error: its cause in plain words, Oracle's own text, the remedy."""
    known = meaning_of(error)
    return Finding(check, Status.FAILED, f"{known.cause} ({error})", known.remedy)
