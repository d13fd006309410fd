"""Values on their way into the table, and what became of each: written, duplicate, rejected, or still to be tried."""

from collections.abc import Callable, Container, Sequence
from itertools import count

from services.writer.sink import RowError, SinkError, Verdict, WritesValues
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import TagValue

_log = get_logger()


class Insertion:
    """The values of one batch; `pending` have no outcome yet."""

    def __init__(self, values: Sequence[TagValue]) -> None:
        self.pending = list(values)
        self.written = 0
        self.duplicates: list[TagValue] = []
        self.rejected: list[tuple[TagValue, RowError]] = []
        #: Whether the sink takes others meanwhile: it refused those that are pending, one by one, and nothing else.
        self.is_alone = False

    def attempt(self, sink: WritesValues) -> SinkError | None:
        """Insert what is pending once, and find the rows by halving that fail a whole call.

        Returns why some of it must be kept; None when every value has its outcome.
        """
        self.pending, error = self._insert(sink, self.pending)
        if error is None or error.verdict is not Verdict.ROW:
            return error
        return self._isolate(sink)

    def _isolate(self, sink: WritesValues) -> SinkError | None:
        """Halve what is pending until rows at fault stand alone; they are rejected, the others inserted."""
        chunks = _halves(self.pending)
        alone: list[TagValue] = []
        reason = None
        while chunks:
            kept, failure = self._insert(sink, chunks.pop(0))
            self.pending = [*alone, *kept, *(value for later in chunks for value in later)]
            if failure is None:
                continue
            if failure.verdict is not Verdict.ROW:
                if not self.is_alone:
                    return failure
                alone, reason = alone + kept, failure
            elif len(kept) == 1:
                self.rejected.append((kept[0], RowError(0, failure.code, str(failure))))
            else:
                chunks += _halves(kept)
        self.pending, self.is_alone = alone, bool(alone)
        return reason

    def _insert(self, sink: WritesValues, values: list[TagValue]) -> tuple[list[TagValue], SinkError | None]:
        self.is_alone = False
        try:
            outcome = sink.write(values)
        except SinkError as error:
            return values, error
        self.written += outcome.written
        self.duplicates += [values[offset] for offset in outcome.duplicates]
        self.rejected += [(values[error.offset], error) for error in outcome.rejected]
        if not outcome.kept:
            return [], None
        self.is_alone = all(error.is_alone for error in outcome.kept)
        first = outcome.kept[0]
        kept = [values[error.offset] for error in outcome.kept]
        return kept, SinkError(first.code, first.message, first.verdict, first.hint)


def insert_with_retries(
    insertion: Insertion,
    sink: WritesValues,
    delays_s: Sequence[float],
    stop: StopFlag,
    *,
    failed: Callable[[SinkError, int, bool], None] = lambda _error, _failures, _is_last: None,
    may_go_on: Callable[[], bool] = lambda: True,
    known: Container[str] = (),
) -> SinkError | None:
    """Try until every value has its outcome, with these waits between two tries; none for what a person must mend.

    failed: is told of each try that failed: the error, how many failed, and whether it was the last.
    may_go_on: is asked before each further try.
    known: codes for which rows were tried again of late, in vain, while others were taken: they are tried once.
    Returns: None when all have an outcome; else why some have none, when the tries are used up, or it may not go on,
        or was stopped. What happens then is the caller's affair; it may call again to go on with them.
    """
    for failures in count(1):
        error = insertion.attempt(sink)
        if error is None:
            return None
        is_known = insertion.is_alone and error.code in known
        is_last = failures > len(delays_s) or error.needs_a_person or is_known
        _log.warning(f"Oracle write failed (attempt {failures}/{len(delays_s) + 1}): {error}")
        failed(error, failures, is_last)
        if is_last:
            return error
        _log.warning(f"Retrying in {delays_s[failures - 1]} seconds...")
        if stop.wait(delays_s[failures - 1]) or not may_go_on():
            return error
    raise AssertionError("count() never ends")


def _halves(values: list[TagValue]) -> list[list[TagValue]]:
    middle = len(values) // 2
    return [values[:middle], values[middle:]] if middle else [values]
