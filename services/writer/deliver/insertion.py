"""Values on their way into the table, and what became of each: written, duplicate, rejected, or still to be tried."""

from collections.abc import Sequence

from services.writer.sink import RowError, SinkError, TakesValues, Verdict
from shared.models import TagValue

#: Tries without a single row getting through, after which an unknown error is not taken for a row's fault.
MAX_FRUITLESS_TRIES = 20


class Insertion:
    """The values of one batch; `rest` have no outcome yet."""

    def __init__(self, values: Sequence[TagValue]) -> None:
        self.rest = list(values)
        self.written = 0
        self.duplicates: list[TagValue] = []
        self.rejected: list[tuple[TagValue, RowError]] = []

    def attempt(self, sink: TakesValues) -> SinkError | None:
        """Insert the rest once; return why some of it must be kept, None when every value has its outcome."""
        self.rest, error = self._insert(sink, self.rest)
        return error

    def isolate(self, sink: TakesValues, error: SinkError, *, oracle_is_proven: bool = False) -> SinkError | None:
        """Find the rows at fault by halving; they are rejected, the others inserted.

        Returns why the rest must be kept: an outage began, or an unknown error lets no row at all through and so is not
        the rows' fault (unless it took others of late: `oracle_is_proven`); None when every value has its outcome.
        """
        suspects: list[tuple[TagValue, SinkError]] = []
        chunks = _halves(self.rest)
        fruitless = 0
        while chunks:
            chunk = chunks.pop(0)
            kept, failure = self._insert(sink, chunk)
            self.rest = [*(value for value, _ in suspects), *kept, *(value for later in chunks for value in later)]
            fruitless = fruitless + 1 if len(kept) == len(chunk) else 0
            if failure is None:
                continue
            is_outage = failure.verdict not in (Verdict.ROW, Verdict.UNKNOWN)
            if is_outage or (failure.verdict is Verdict.UNKNOWN and fruitless > MAX_FRUITLESS_TRIES):
                return failure
            if len(kept) == 1:
                suspects.append((kept[0], failure))
            else:
                chunks += _halves(kept)
        if error.verdict is Verdict.UNKNOWN and not (oracle_is_proven or self.written or self.duplicates):
            return error
        self.rejected += [(value, RowError(0, cause.code, str(cause))) for value, cause in suspects]
        self.rest = []
        return None

    def _insert(self, sink: TakesValues, values: list[TagValue]) -> tuple[list[TagValue], SinkError | None]:
        try:
            outcome = sink.write(values)
        except SinkError as error:
            return values, error
        self.written += outcome.written
        self.duplicates += [values[offset] for offset in outcome.duplicates]
        self.rejected += [(values[error.offset], error) for error in outcome.rejected]
        if not outcome.kept:
            return [], None
        first = outcome.kept[0]
        return [values[error.offset] for error in outcome.kept], SinkError(first.code, first.message, first.verdict)


def _halves(values: list[TagValue]) -> list[list[TagValue]]:
    middle = len(values) // 2
    return [values[:middle], values[middle:]] if middle else [values]
