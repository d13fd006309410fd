"""The command `check`: everything that the writer needs, tried out, each fault with its remedy."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.check.findings import (
    Finding,
    Status,
    committed,
    compare_character_set,
    compare_columns,
    compare_indexes,
    compare_unique_keys,
    connected,
)
from services.writer.check.inserts import InsertChecks, failure
from services.writer.check.redis_rights import NEEDED, OPTIONAL
from services.writer.leave import close_and_leave
from services.writer.logons import Logons
from services.writer.oracle.codes import NO_PRIVILEGE
from services.writer.oracle.connections.connecting import connect, wait_for_redo, warning_of
from services.writer.oracle.dictionary import TableShape
from services.writer.oracle.layout import LAYOUTS
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError
from shared.clock import SystemClock
from shared.errors import PipelineError
from shared.keys import Keys
from shared.redis.link import RedisLink
from shared.redis.state import RedisStateReader

#: Bytes of a value in a backup file, about: to tell how many the disk takes.
_BYTES_OF_A_ROW = 100

#: Width where there is no terminal: lines that a log can hold and a search can find.
_PLAIN_WIDTH = 400

#: Name that the stand-in of the tests and the demo gives its instance (oracle_stand_in).
STAND_IN = "STANDIN"

#: What shows whether Redis takes what the services write.
_WRITE = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)"

_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "bold red", Status.SKIPPED: "dim"}


def check(settings: WriterSettings, *, leave_row: bool) -> int:
    """Make all checks, print what they found; return the exit status."""
    sink = OracleSink(settings)
    findings = list(Checks(settings, sink, leave_row=leave_row).all())
    failed = sum(finding.status is Status.FAILED for finding in findings)
    warnings = sum(finding.status is Status.WARNING for finding in findings)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    console.print(_table(findings, f"{settings.oracle_table} at {settings.dsn} as {settings.oracle_user}"))
    console.print(f"{failed} failed, {warnings} warnings" if failed or warnings else "All is well", markup=False)
    status = 1 if failed else 0
    close_and_leave(sink, status)
    return status


def _table(findings: list[Finding], title: str) -> Table:
    table = Table(title=Text(title), title_justify="left")
    for heading in ("check", "result", "detail"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        detail = Text(finding.detail)
        if finding.remedy:
            detail.append(f"\nremedy: {finding.remedy}", style="bold")
        table.add_row(Text(finding.check), Text(finding.status.value, style=_STYLES[finding.status]), detail)
    return table


@dataclass(frozen=True)
class Checks:
    """All checks, in the order in which one needs the other."""

    settings: WriterSettings
    sink: OracleSink
    leave_row: bool

    def all(self) -> Iterator[Finding]:
        """Yield what is found."""
        # Asked first, told last: a Redis that says nothing is waited for once, and not at each question.
        of_redis = list(self._redis())
        yield from self.of_oracle(is_redis_there=of_redis[0].status is not Status.FAILED)
        yield self._backup_directory()
        yield from of_redis

    def of_oracle(self, *, is_redis_there: bool = True) -> Iterator[Finding]:
        """Yield what is found of Oracle alone."""
        link = RedisLink.of(self.settings, "tagpipe-check")
        try:
            # A logon that succeeds is the word on which the writers try again.
            logons = Logons(self.settings, SystemClock(), link if is_redis_there else None)
            with logons.attempt(by_a_person=True) as password:
                connection = connect(self.settings, password)
        except SinkError as error:
            yield failure("connection", error)
            yield Finding("table", Status.SKIPPED, "not tried: no connection")
            return
        finally:
            link.close()
        with connection:
            yield connected(connection.version, warning_of(connection))
            if connection.instance_name == STAND_IN:
                what = "the Oracle stand-in of the demo and the tests: no database"
                yield Finding("database", Status.WARNING, what, "ORACLE_DSN (or ORACLE_HOST) of the real one")
            findings = [committed(wait_for_redo(connection))]
            findings += self._shape(TableShape(connection, self.settings.oracle_table))
        yield from findings
        of_table = [finding for finding in findings if finding.check.startswith(("table", "column"))]
        if any(finding.status is Status.FAILED for finding in of_table):
            yield Finding("inserts", Status.SKIPPED, "not tried: the table is not as it must be")
        else:
            yield from self._inserts()

    def _shape(self, shape: TableShape) -> Iterator[Finding]:
        layout = LAYOUTS[self.settings.oracle_table_layout]
        try:
            columns = shape.columns(layout.names)
            yield Finding("table", Status.OK, f"{self.settings.oracle_table} is there, the user may SELECT")
            yield from compare_columns(layout, columns)
        except SinkError as error:
            if error.code not in NO_PRIVILEGE:
                yield failure("table", error)
                return
            what = (
                f"the user may not SELECT ({error.code}): values are written as for a table of deploy/oracle; what its "
                "key refuses goes to rejected_*.csv, since nobody can tell a duplicate and a conflict apart"
            )
            yield Finding("table", Status.WARNING, what, "DBA: GRANT SELECT ON the table TO the user")
        try:
            is_table = shape.locate()
            if shape.loss is not None:
                yield failure("table", shape.loss)
            elif is_table:
                yield from compare_unique_keys(layout, shape.unique_keys())
                yield compare_indexes(shape.indexed_first())
                yield compare_character_set(shape.character_set())
            else:
                what = "it is no table but a view: the inserts below show its key"
                yield Finding("primary key", Status.WARNING, what)
        except SinkError as error:
            yield Finding("primary key", Status.WARNING, f"not readable ({error}): the inserts below show it")

    def _inserts(self) -> Iterator[Finding]:
        try:
            with self.sink.transaction() as first, self.sink.transaction() as second:
                inserts = InsertChecks(first, may_select=self.sink.may_select)
                for finding in inserts.all():
                    yield finding
                    if finding.status is Status.FAILED:
                        return
                refused = inserts.may_delete()
                if self.sink.may_select and (refused is None or self.leave_row):
                    yield inserts.commit(second, delete=refused is None)
                else:
                    yield _not_committed(refused)
                yield inserts.latency(self.settings.buffer_batch_size_max, self.settings.oracle_pool_max)
        except SinkError as error:
            yield failure("connection pool", error)

    def _backup_directory(self) -> Finding:
        settings, check = self.settings, "backup directory"
        try:
            cant = CsvBackup.of(settings, "backup", SystemClock()).check()
        except BackupFailedError as error:
            remedy = "make room, give the writer's user the right to write there, or set BACKUP_DIR elsewhere"
            return Finding(check, Status.FAILED, f"can't be written: {error}", remedy)
        free = shutil.disk_usage(settings.backup_dir).free - settings.backup_min_free_bytes
        room = f"room for {free / 1e9:,.1f} GB, about {free // _BYTES_OF_A_ROW:,} values"
        if cant:
            remedy = (
                "a local disk, or a volume, can; backups do without, but a power cut, a new container or two `recover` "
                "at once find less protection"
            )
            what = f"{settings.backup_dir.resolve()}: {room}; its mount can't {', '.join(cant)}"
            return Finding(check, Status.WARNING, what, remedy)
        return Finding(check, Status.OK, f"{settings.backup_dir.resolve()}: written, synced, locked, renamed; {room}")

    def _redis(self) -> Iterator[Finding]:
        link = RedisLink.of(self.settings, "tagpipe-check")
        try:
            # By a script, as the services write. What Redis says of itself is left out where it may not be asked.
            probe = Keys(self.settings.namespace).probe
            link.command("EVAL", _WRITE, 1, probe)
            refused = [name.decode() for name in link.run("may", [probe], [*NEEDED, *OPTIONAL])]
            state = RedisStateReader(link).read()
        except PipelineError as error:
            remedy = "start it, or mend REDIS_URL: the writer waits"
            yield Finding("Redis", Status.FAILED, f"{link.address}: {error}", remedy)
            return
        finally:
            link.close()
        yield Finding("Redis", Status.OK, f"{link.address}: version {state.version or 'unknown'}")
        if rights := [name for name in refused if name in NEEDED] or refused:
            is_needed = rights[0] in NEEDED
            lost = "; what Redis may lose, its room, or what `verify` asks of events, is not told"
            what = f"the user of REDIS_URL may not: {', '.join(rights)}{'' if is_needed else lost}"
            remedy = f"ACL SETUSER ... {' '.join(f'+{name}' for name in rights)}"
            remedy += "; docs/redis.md has the whole list" if is_needed else ""
            yield Finding("Redis rights", Status.FAILED if is_needed else Status.WARNING, what, remedy)
        for risk in state.risks():
            yield Finding("Redis may lose", Status.WARNING, risk.message, risk.remedy)


def _not_committed(refused: SinkError | None) -> Finding:
    check = "commit, seen by another connection"
    if refused is None:
        return Finding(check, Status.SKIPPED, "not tried: the user may not SELECT, so no other connection would see it")
    what = f"not tried: a row would stay, the user may not DELETE ({refused.code}); nor need a writer"
    return Finding(check, Status.SKIPPED, what, "to try it all the same and leave one harmless row: check --leave-row")
