"""What was lost, in totals: what a person acknowledged of it stands in Redis."""

from msgspec.structs import replace

from shared.records.reading import Count, Record, Text


class Loss(Record, frozen=True):
    """Totals of what is lost: since the namespace began, or beyond what was acknowledged."""

    overflowed: Count = 0  #: values discarded because the buffer was full
    rejected_dropped: Count = 0  #: rejected entries that were dropped
    rows_dropped: Count = 0  #: rejected rows that no file could take in time
    backup_lost: Count = 0  #: rows that somebody cut off a backup file
    difference: int = 0  #: values in no place, or in two (then negative)
    excess: int = 0  #: rows recovered beyond all that went to files
    at: Count | None = None  #: when it was acknowledged, in seconds since 1970
    by: Text | None = None  #: and who said so

    def beyond(self, known: "Loss") -> "Loss":
        """Return what is lost beyond a loss that is known."""
        counts = ("overflowed", "rejected_dropped", "rows_dropped", "backup_lost", "excess")
        more = {name: max(0, getattr(self, name) - getattr(known, name)) for name in counts}
        return replace(known, difference=self.difference - known.difference, **more)


class WentBackTotal(Record, frozen=True):
    """How often Redis went back to an earlier moment since the last acknowledgement, and what it forgot."""

    times: Count = 0
    inserted: Count = 0  #: values
    written: Count = 0  #: values
    at: Count = 0  #: when the last time was, in seconds since 1970; 0: it never did
