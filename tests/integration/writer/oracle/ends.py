"""What became of the rows of a batch, for the tests of refusals."""

from services.writer.sink import BatchOutcome


def ends(outcome: BatchOutcome) -> tuple[int, int, int, int]:
    """Return how many were written, duplicates, rejected, kept."""
    return outcome.written, len(outcome.duplicates), len(outcome.rejected), len(outcome.kept)
