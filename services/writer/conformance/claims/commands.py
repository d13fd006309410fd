"""Claims about the commands that people use, in a table of ours and where a DBA has run deploy/oracle as it is.

They go without Redis, which they do when it is away, too.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.format import backup_row
from services.writer.backup.index import Manifest
from services.writer.check.command import Checks
from services.writer.check.findings import Status
from services.writer.conformance.claim import Claims, NotTriedError, expect
from services.writer.conformance.place import MOMENT, Place, code_of, ends, later, values
from services.writer.oracle.minutes import read_minutes
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.recover.console import DONE, Listener
from services.writer.recover.file_recovery import Recovery, Tally
from services.writer.recover.open_file import OpenFile, RowsFile
from services.writer.recover.progress import RecoveryProgress
from services.writer.recover.run import Run, Wish, find_files
from services.writer.settings import WriterSettings
from services.writer.verify.gaps import Judge, Rhythm
from shared.clock import Clock, SystemClock
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.lifecycle import StopFlag
from shared.redis.link import RedisLink

_DIRECTORY = Path("deploy/oracle")

#: Scripts of the owner, with the tables that they make, by layout: a DBA chooses one of the two.
_CHOICES = (
    {"02_tag_data.sql": "tag_data", "03_tag_values.sql": "tag_values"},
    {"04_tag_data_partitioned.sql": "tag_data", "05_tag_values_partitioned.sql": "tag_values"},
)

#: A block of PL/SQL up to its slash, or a statement up to its semicolon.
_STATEMENT = re.compile(r"\s*(?:(BEGIN\b.*?END;)\s*/|([^;]+);)", re.DOTALL)

#: Rows of each tag that `verify` is asked about, one a second, and those that are left out of one tag's.
_SECONDS, _LEFT_OUT = 300, range(100, 130)


CLAIMS = Claims[Place]()


@CLAIMS.relied_on_by("services.writer.check.command.Checks")
def check(place: Place) -> str:
    """`check` finds nothing that fails in a table as deploy/oracle has it."""
    return _checked(_own(place))


@CLAIMS.relied_on_by("services.writer.recover.run.Run")
def recover(place: Place) -> str:
    """`recover` puts a backup file into the table: what is there is told, and what is there with another value."""
    return _recovered(_own(place))


@CLAIMS.relied_on_by("services.writer.oracle.minutes.read_minutes")
def verify(place: Place) -> str:
    """What `verify` asks of the table shows which rows are missing, to the row."""
    return _verified(_own(place))


@CLAIMS.relied_on_by("services.writer.oracle.dictionary.TableShape")
def deployed(place: Place) -> str:
    """A DBA runs deploy/oracle 01 to 06 as they are: the writer's user may do what it needs there, and nothing else."""
    if not _DIRECTORY.is_dir():
        raise NotTriedError(f"{_DIRECTORY} is not here: run it in a checkout")
    told = []
    for choice in _CHOICES:
        with place.guest() as guest:
            place.dba.run_all(_scripts(choice, place.dba.name_for("USER"), guest.settings.oracle_user))
            for script, layout in choice.items():
                settings = guest.settings.model_copy(update={"oracle_table": layout, "oracle_table_layout": layout})
                for tried in (_checked, _recovered, _verified):
                    tried(settings)
                told.append(f"{script}: {_denied(guest, layout)}")
    return "; ".join(told)


def _own(place: Place) -> WriterSettings:
    return place.settings.model_copy(update={"oracle_table": place.table(), "oracle_table_layout": "tag_data"})


def _scripts(choice: dict[str, str], owner: str, writer: str) -> Iterator[str]:
    """Yield what a DBA runs, users by these names."""

    def statements(script: str) -> Iterator[str]:
        text = re.sub(r"--.*", "", (_DIRECTORY / script).read_text(encoding="utf-8"))
        text = re.sub(r"\btagpipe_writer\b", writer, re.sub(r"\btagpipe\b", owner, text, flags=re.IGNORECASE))
        return (block or statement.strip() for block, statement in _STATEMENT.findall(text))

    yield from statements("01_user.sql")
    yield f"ALTER SESSION SET CURRENT_SCHEMA = {owner}"
    for script in choice:
        yield from statements(script)
    yield from statements("06_grants.sql")


def _checked(settings: WriterSettings) -> str:
    sink = OracleSink(settings)
    try:
        findings = list(Checks(settings, sink, leave_row=False).of_oracle(is_redis_there=False))
    finally:
        sink.close()
    failed = [f"{finding.check}: {finding.detail}" for finding in findings if finding.status is Status.FAILED]
    expect(not failed, "; ".join(failed))
    return f"{len(findings)} findings, none of them failed"


def _recovered(settings: WriterSettings) -> str:
    """Recover ten rows, of which three are there and one is there with another value."""
    with TemporaryDirectory(prefix="tagpipe-") as directory:
        settings = settings.model_copy(update={"backup_dir": Path(directory)})
        sink, clock, told = OracleSink(settings), SystemClock(), _Heard()
        try:
            first = sink.write([*values(3), *values(1, "2.5", first=3)])
            expect(first.written == first.size, ends(first))
            backup, rejects = (
                CsvBackup.of(settings, kind, clock, target=lambda: sink.target) for kind in ("backup", "rejected")
            )
            backup.append([backup_row(value, clock.now().isoformat()) for value in values(10)])
            backup.finish()
            recovery = Recovery(sink, rejects, _untold(settings, clock), clock, settings.retry_delays_s, opens=OpenFile)
            run = Run(settings, recovery, told, StopFlag(), Wish(dry_run=False, max_rows_per_s=None, anyway=False))
            status = run.over(find_files((), settings.backup_dir))
            rejects.finish()
            stored = sum(row is not None for row in sink.lookup(values(10)))
        finally:
            sink.close()
    seen = f"status {status}, {stored} of 10 rows there: {'; '.join(told.lines)}"
    tally = Tally.of_all(told.tallies)
    ended = status, stored, tally.written, tally.duplicates, tally.conflicts
    expect(ended == (DONE, 10, 6, 3, 1), seen)
    return str(tally)


class _Heard(Listener):
    """Keeps what a recovery tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.tallies: Sequence[Tally] = ()

    def ends(self, text: str) -> None:
        """Keep how it ended with the file."""
        self.lines.append(text)

    say = error = ends

    def begins(self, file: RowsFile) -> None:
        """Keep nothing."""

    def progresses(self, file: RowsFile, rows: int) -> None:
        """Keep nothing."""

    def summary(self, tallies: Sequence[Tally], seconds: float) -> None:
        """Keep what became of the rows."""
        del seconds
        self.tallies = tallies


class _Untold(RecoveryProgress):
    """Tells Redis nothing."""

    def _tell(self, say: Callable[[], None]) -> None:
        del say


def _untold(settings: WriterSettings, clock: Clock) -> RecoveryProgress:
    link, keys = RedisLink(settings.current_redis_url), Keys(settings.namespace)
    link.close()  # what tries to tell something all the same fails at once
    return _Untold(link, keys, EventLog(link, keys, "recover"), Manifest(link, keys, settings.backup_dir), clock)


def _verified(settings: WriterSettings) -> str:
    """Write two tags once a second, one with a gap, and look for it."""
    rows = [
        later(value, second)
        for second in range(_SECONDS)
        for value in values(2, first=100)
        if value.tag_address != "D101" or second not in _LEFT_OUT
    ]
    begin, end, zone = MOMENT, MOMENT + timedelta(seconds=_SECONDS), settings.source_zone
    sink = OracleSink(settings)
    try:
        written = sum(sink.write(rows[at : at + 500]).written for at in range(0, len(rows), 500))
        expect(written == len(rows), f"{written} of {len(rows)} written")
        with sink.connection() as connection:
            minutes = read_minutes(connection, sink.table, (begin, end), ())
        separator = sink.table.separator
    finally:
        sink.close()
    rhythm = Rhythm(zone)
    rhythm.see(minutes)
    judge = Judge(rhythm.intervals(), begin, end, zone)
    judge.see(minutes)
    judge.finish()
    missing = [(gap.tag, gap.missing) for gap in judge.gaps]
    expect(missing == [(f"CF{separator}D101", len(_LEFT_OUT))], f"missing: {missing}")
    return f"{judge.rows} rows there, {len(_LEFT_OUT)} of one tag missing"


def _denied(guest: Place, table: str) -> str:
    """Return with which codes the writer's user is refused what it does not need."""
    with guest.connection() as connection, connection.cursor() as cursor:
        codes = [
            code_of(lambda sql=sql: cursor.execute(sql))  # type: ignore[misc]
            for sql in (f"UPDATE {table} SET quality = 'x'", f"DELETE FROM {table}")  # noqa: S608 - our own names
        ]
    expect(codes == ["ORA-01031", "ORA-01031"], f"UPDATE and DELETE: {', '.join(codes)}")
    return "check, recover and verify go well, UPDATE and DELETE are refused"
