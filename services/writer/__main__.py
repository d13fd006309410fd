"""`python -m services.writer`: from the buffer to Oracle; `check`, `recover` and `verify` are its commands."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.writer.backup.view import Page, list_files, view_file
from services.writer.check.command import check as run_check
from services.writer.composition import compose
from services.writer.conformance.administrator import Credentials, credentials_of
from services.writer.conformance.command import Wanted
from services.writer.conformance.command import conformance as run_conformance
from services.writer.conformance.packets import VARIABLE as PACKETS
from services.writer.importing.command import import_files, parse_form
from services.writer.leave import close_and_leave
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.recover.command import recover as run_recover
from services.writer.recover.run import Wish
from services.writer.settings import FilesSettings, WriterSettings
from services.writer.verify.command import Question
from services.writer.verify.command import verify as run_verify
from shared import __version__
from shared.errors import FatalError
from shared.lifecycle import EXIT_FATAL, STOP_LIMIT_S, run_service, stop_on_signals
from shared.logs import get_logger
from shared.records.events import Event

_log = get_logger()
# No pretty exceptions: they show the values of local variables, and one may be a password.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


DryRun = Annotated[bool, typer.Option("--dry-run", help="Read, count and look up; write nothing.")]
Rate = Annotated[float | None, typer.Option(min=0.1, help="Rows a second at most, so that live values do not wait.")]


@app.callback(invoke_without_command=True)
def run(context: typer.Context) -> None:
    """Write the buffer's values into Oracle until stopped; while Oracle is away, into CSV files.

    Settings come from the environment or .env (docs/settings.md): ORACLE_DSN (or ORACLE_HOST and ORACLE_SERVICE_NAME),
    ORACLE_USER, ORACLE_PASSWORD, ORACLE_TABLE, BACKUP_DIR, REDIS_URL and others. Any number of writers may run at once.

    Example: ORACLE_DSN=db.plant:1521/PROD ORACLE_USER=tagpipe ORACLE_PASSWORD_FILE=/run/secrets/oracle
    python -m services.writer
    """
    if context.invoked_subcommand is None:
        run_service(WriterSettings, _main)


@app.command()
def check(
    leave_row: Annotated[
        bool, typer.Option(help="Try the commit even where the user may not DELETE: one row then stays in the table.")
    ] = False,
) -> None:
    """Test the connection, the table and everything else that the writer needs; say what is wrong and how to mend it.

    Inserts test rows named `tagpipe.check.<random>` and takes all of them back. Writers may run meanwhile.

    Exit status: 0 nothing failed (warnings do not count), 1 something did, 2 a setting is wrong.
    """
    run_service(WriterSettings, lambda settings: run_check(settings, leave_row=leave_row))


@app.command()
def conformance(
    report: Annotated[Path, typer.Option(help="Where to write the report: this name with .md and .json.")] = Path(
        "conformance"
    ),
    rows: Annotated[int, typer.Option(min=1, help="Rows that are delivered twice.")] = 50_000,
    only: Annotated[list[str] | None, typer.Option(help="Try this claim alone; may be given several times.")] = None,
    packets: Annotated[
        Path | None,
        typer.Option(help="Record what goes over the wire in this file (16 MB at most), without passwords and keys."),
    ] = None,
    admin: Annotated[
        str | None,
        typer.Option(
            envvar="ORACLE_ADMIN",
            show_envvar=True,
            help="system/password: for the claims that need a DBA. Of the user alone the password is asked for.",
        ),
    ] = None,
) -> None:
    """Ask Oracle for all that the writer takes for granted of it, claim by claim; write conformance.md and .json.

    Works in tables tt_... of ORACLE_USER, which needs the right to make them, and drops them again; touches no other
    table and needs no Redis. With a DBA's account it makes users, profiles and tablespaces TT_..._TAGPIPE_n, and drops
    them; without one what needs them is not tried. What a run left that was killed the next run drops. Takes a
    minute or two, five at most.

    Exit status: 0 nothing differs, 1 something does or was left behind, 2 a setting is wrong.

    Example: ORACLE_ADMIN=system python -m services.writer conformance
    """
    if packets is not None and PACKETS not in os.environ:
        # The driver looks for it once, when it is imported.
        os.environ[PACKETS] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "services.writer", *sys.argv[1:]])  # noqa: S606 - ourselves, once more
    dba = _credentials(admin) if admin else None
    run_service(
        WriterSettings, lambda settings: run_conformance(settings, Wanted(report, rows, dba, only or (), packets))
    )


def _credentials(admin: str) -> Credentials:
    """Return who a DBA is; ask for the password that is not given."""
    if "/" not in admin and sys.stdin.isatty():
        admin = f"{admin}/{typer.prompt(f'Password of {admin}', hide_input=True)}"
    try:
        return credentials_of(admin)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def recover(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files to recover, rejected_*.csv too; default: all backup_*.csv in BACKUP_DIR."),
    ] = None,
    dry_run: DryRun = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Files too that were meant for another table, or changed since then."),
    ] = False,
    rate: Rate = None,
) -> None:
    """Put backup files into Oracle, the oldest first; what is in the table already is skipped.

    Safe to interrupt (Ctrl+C), to run again, and to run while writers run: a file that one of them still writes is left
    out. A file that was meant for another table or database, or was changed since it was written, is refused without
    --anyway. A file that is through moves to BACKUP_DIR/recovered. Rows that the table can't hold, and lines that can't
    be read, are set aside in a rejected_*.csv: put them right there and name that file here.

    Exit status: 0 done, 1 a file is left that a person must see to, or BACKUP_DIR can't be listed, 2 a setting is
    wrong, 130 interrupted.

    Example: python -m services.writer recover --rate 2000
    """
    wish = Wish(dry_run, rate, anyway)
    run_service(WriterSettings, lambda settings: run_recover(settings, OracleSink(settings), files or [], wish))


@app.command()
def verify(
    begin: Annotated[
        str, typer.Option("--from", help="2026-03-01T08:00, with an offset or as the table shows it; or 2h ago: 2h.")
    ] = "1h",
    end: Annotated[
        str, typer.Option("--to", help="The same; what is not written yet is said to be on its way.")
    ] = "1m",
    plc: Annotated[list[str] | None, typer.Option(help="Only this PLC; may be given several times.")] = None,
    interval: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds between two rows of a tag, where it can't be learned.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; progress goes to standard error.")] = False,
) -> None:
    """Tell whether the table holds what it should between two times, and who knows of what it lacks.

    Learns from the rows how often each tag comes (from its polling group, where that knows better), has Oracle count
    the rows of each tag and minute, and looks for what is missing in the files of BACKUP_DIR, among what is rejected,
    overflowed or on its way, and in what pollers said of themselves. Reads only; writers may run meanwhile. Tags that
    come at no even distance (HANDSHAKE, on change) are counted and not judged.

    Times without an offset are those that the table shows; others are converted to SOURCE_TIME_ZONE.

    Exit status: 0 nothing is missing or all of it is explained, 1 something is not, or what was asked for has no row at
    all to judge by, 2 a setting is wrong, or Oracle can't be asked, 130 interrupted.

    Example: python -m services.writer verify --from 2026-03-01T08:00 --to 2026-03-01T16:00 --plc PLC01
    """
    question = Question(begin, end, plc or [], interval, as_json)
    run_service(WriterSettings, lambda settings: run_verify(settings, question))


@app.command()
def rejected(
    file: Annotated[
        Path | None, typer.Argument(help="The file, here or in BACKUP_DIR; without one: which files wait there.")
    ] = None,
    view: Annotated[bool, typer.Option("--view", help="Show its rows; else how many there are of each code.")] = False,
    code: Annotated[str | None, typer.Option(help="With --view: only rows with this code, such as ORA-12899.")] = None,
    first: Annotated[int, typer.Option("--from", min=1, help="With --view: the first row shown.")] = 1,
    rows: Annotated[int, typer.Option(min=1, max=100_000, help="With --view: how many rows are shown.")] = 20,
    whole: Annotated[bool, typer.Option("--whole", help="With --view: long cells whole, not their beginning.")] = False,
) -> None:
    r"""Show a file of rejected rows, a page at a time: what was refused, and why. Changes nothing.

    Whatever stands in a cell does nothing to the terminal: control characters, characters that turn the direction of
    text, and line separators are shown escaped (`\x1b`, `\u202e`, `\u2028`). Needs neither Oracle nor Redis.

    To mend rows: edit the file with a text editor (UTF-8), not a spreadsheet, which runs formulas and cuts
    microseconds. Leave the header and all times as they are, keep the quotes, delete lines that you give up. Then
    `python -m services.writer recover FILE`: what is refused again comes into a new file.

    Exit status: 0 shown, 1 the file can't be read, 2 a setting or an option is wrong.

    Example: python -m services.writer rejected rejected_20251102_143052.csv --view --code ORA-12899
    """
    page = Page(first, rows, code, whole) if view else None
    run_service(
        FilesSettings,
        lambda settings: (
            view_file(file, settings.backup_dir, page) if file is not None else list_files(settings.backup_dir)
        ),
    )


@app.command(name="import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV files, one value a line.")],
    dry_run: DryRun = False,
    rate: Rate = None,
    column: Annotated[
        list[str] | None, typer.Option(help="What a column is called in the file: timestamp=NAME. May be repeated.")
    ] = None,
    plc: Annotated[
        str | None, typer.Option(help="The PLC of all rows, where the file names none: tag names are addresses then.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="cp949, cp1252...; found out: UTF-8, UTF-16, CP949.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="comma, semicolon, tab or bar; found out.")] = None,
    decimal: Annotated[str | None, typer.Option(help="point or comma; found out.")] = None,
    time_format: Annotated[
        str | None,
        typer.Option(help="As strptime takes it, or unix, unix_ms, unix_us, unix_ns; ISO 8601 is found out."),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Of times that name none: Asia/Seoul. Else they are stored as they are.")
    ] = None,
) -> None:
    """Put CSV files of other programs into Oracle: timestamp, tag_name, tag_value, quality.

    Columns plc_code and tag_address may stand in the place of tag_name, in any order, others beside them.
    By the way that `recover` goes, with its rate and its progress: safe to interrupt (Ctrl+C) and to run again, since
    what is in the table already is skipped. Files stay where they are. A file that can be read in two ways is refused
    and says which option settles it; rows that can't be read, or that the table can't hold, go to a rejected_*.csv in
    BACKUP_DIR with their reason. Counted as `imported`, in no place of the ledger.

    Exit status: 0 done, 1 a file could not be imported, 2 an option or a setting is wrong, 130 interrupted.

    Example: python -m services.writer import history.csv --rate 5000 --time-zone Asia/Seoul
    """
    options = {
        "encoding": encoding, "delimiter": delimiter, "decimal": decimal,
        "time_format": time_format, "time_zone": time_zone,
    }  # fmt: skip
    form, wish = parse_form(column or [], options), Wish(dry_run, rate, anyway=True)
    run_service(WriterSettings, lambda settings: import_files(settings, OracleSink(settings), files, form, wish, plc))


def _main(settings: WriterSettings) -> None:
    service = compose(settings)
    status = 0
    with stop_on_signals(STOP_LIMIT_S) as stop:
        if service.heartbeat.register_when_there(stop):
            name = service.heartbeat.instance
            _log.info(f"Writer {name} {__version__} writes to {settings.oracle_table} at {settings.dsn}")
            service.events.add(Event.STARTED, f"Writer {name} {__version__} started")
            try:
                service.run(stop)
            except FatalError as error:
                _log.critical(str(error))
                status = EXIT_FATAL
    close_and_leave(service.sink, status)
    raise SystemExit(status)


if __name__ == "__main__":
    app()
