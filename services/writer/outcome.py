"""What became of each row of a batch. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.writer.oracle_errors import RowError, Verdict


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
    """Return the outcome of a batch of `size` rows from the errors that the driver reported, in whatever order.

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
