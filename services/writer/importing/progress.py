"""What an import tells Redis: counters of its own, since its rows were never in the buffer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.writer.backup.count import count
from services.writer.recover.progress import RecoveryProgress
from shared.counters import Counter
from shared.records.events import Event
from shared.records.files import FileStage


class ImportProgress(RecoveryProgress):
    """As of a recovery, but that the file is no backup file: it is in no list of them."""

    counter, through = Counter.IMPORTED, Event.IMPORTED

    def rejected(self, rows: Sequence[Sequence[Any]], aside: Path) -> None:
        """Take note of rows that are in a rejected file now: `recover` may put them into the table one day."""
        super().rejected(rows, aside)
        self._tell(lambda: count(self._link, self._keys, Counter.IMPORT_REJECTED, len(rows)))

    def _file(self, path: Path, present: Path, stage: FileStage, rows: int | None, size_bytes: int) -> None:
        del path, present, stage, rows, size_bytes
