"""The table, checked to its last row and then emptied, so that a run may be longer than the stand-in's memory."""

from collections import Counter as Counts
from datetime import datetime

from bench.stage import Stage
from shared.counters import Counter


class Inspection:
    """Counts what is there, poll by poll. A poll is whole when every of its tags has a row with its time."""

    def __init__(self, stage: Stage, tags: int) -> None:
        self._stage = stage
        self._tags = tags
        #: Rows of each poll, by its time, in all checks together.
        self._found: Counts[datetime] = Counts()
        self.rows = 0
        self.missing = 0  #: rows that were counted as written, and were not found
        self.bad = 0  #: rows that are not GOOD, though every reading was

    @property
    def polls(self) -> int:
        """Polls of which as many rows were found as there are tags, or more."""
        return sum(rows >= self._tags for rows in self._found.values())

    @property
    def partial(self) -> int:
        """Polls of which some rows were found, and not as many as there are tags; at a moment of rest 1 is normal."""
        return sum(rows < self._tags for rows in self._found.values())

    @property
    def again(self) -> int:
        """Rows beyond those of a whole poll: put again, by who had no answer, when the table was emptied meanwhile."""
        return sum(max(0, rows - self._tags) for rows in self._found.values())

    def run(self) -> int:
        """Count every row and empty the table, while nothing is on its way; return the number of rows."""
        # A connection of its own: faults end those that there are.
        with self._stage.oracle.connect() as connection, connection.cursor() as cursor:
            connection.call_timeout = 0
            cursor.arraysize = 10_000
            cursor.execute("SELECT timestamp, quality, COUNT(*) FROM tag_data GROUP BY timestamp, quality")
            found = sum(self._take(moment, quality, count) for moment, quality, count in cursor)
            cursor.execute("TRUNCATE TABLE tag_data")
        ledger = self._stage.snapshot()
        self.rows += found
        self.missing = max(0, ledger[Counter.WRITTEN] + ledger[Counter.RECOVERED] - self.rows)
        return found

    def _take(self, moment: datetime, quality: str, count: int) -> int:
        self.bad += count if quality != "GOOD" else 0
        self._found[moment] += count
        return count
