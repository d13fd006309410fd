"""The command `import`: files of other programs into Oracle, while writers go on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from services.writer.deliver.report import count
from services.writer.importing.columns import NAMES, Columns
from services.writer.importing.foreign_file import ForeignFile
from services.writer.recover.command import Way, put_into_table
from services.writer.recover.progress import RecoveryProgress
from services.writer.recover.run import Wish
from services.writer.settings import WriterSettings
from services.writer.sink import Sink, Target
from shared.counters import Counter
from shared.foreign_csv.dialect import DialectError, Said
from shared.records.events import Event
from shared.records.files import FileStage


class ImportProgress(RecoveryProgress):
    """What an import tells Redis: as of a recovery, but with counters of its own, and no list has the file."""

    counter, through = Counter.IMPORTED, Event.IMPORTED

    def rejected(self, rows: Sequence[Sequence[Any]], aside: Path) -> None:
        """Take note of rows that are in a rejected file now: `recover` may put them into the table one day."""
        super().rejected(rows, aside)
        self._tell(lambda: count(self.link, self.keys, Counter.IMPORT_REJECTED, len(rows)))

    def _file(self, path: Path, present: Path, stage: FileStage, rows: int | None, size_bytes: int) -> None:
        del path, present, stage, rows, size_bytes


def parse_form(columns: Sequence[str], options: Mapping[str, str | None]) -> tuple[dict[str, str], Said]:
    """Return what was said of the files: names of columns (`timestamp=NAME`), and the dialect.

    Raises: typer.BadParameter.
    """
    named: dict[str, str] = {}
    for part in columns:
        ours, _, theirs = part.partition("=")
        named[ours] = theirs
        if ours not in NAMES or not theirs:
            raise typer.BadParameter(
                f"--column {ours}={theirs}: write one of {', '.join(NAMES)}, =, the file's name for it"
            )
    try:
        return named, Said.of(options)
    except DialectError as error:
        raise typer.BadParameter(str(error)) from None


def import_files(
    settings: WriterSettings,
    sink: Sink,
    files: Sequence[Path],
    form: tuple[Mapping[str, str], Said],
    wish: Wish,
    plc_code: str | None,
) -> int:
    """Put the rows of files into the table; return the exit status.

    plc_code: that of all rows of files that name none.
    """
    named, said = form
    is_ambiguous = settings.oracle_table_layout == "tag_values"
    columns = Columns(named, settings.tag_name_separator, is_ambiguous, plc_code)

    def opens(path: Path, _here: Target | None, *, anyway: bool) -> ForeignFile:
        del anyway  # nobody says of such a file what it is meant for
        return ForeignFile(path, said, columns)

    way = Way("import", ImportProgress, opens)
    return put_into_table(settings, sink, way, files, wish)
