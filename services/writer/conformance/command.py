"""The command `conformance`: every claim as a probe, with progress, then the report."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from services.writer.conformance.administrator import Credentials
from services.writer.conformance.claim import Claim, DiffersError, NotTriedError, Result, State
from services.writer.conformance.claims import (
    batches,
    columns,
    commands,
    limits,
    refusals,
    scripts,
    sessions,
    space,
    volume,
)
from services.writer.conformance.database import facts_of
from services.writer.conformance.packets import recorded
from services.writer.conformance.place import Place
from services.writer.conformance.report import Report
from services.writer.oracle.errors import one_line
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError
from shared.errors import SettingsError
from shared.lifecycle import StopFlag, stop_on_signals

#: Seconds after which no further claim is begun: five minutes are promised, and one of them may take two.
_LAST_BEGIN_S = 150.0

#: All that is taken for granted, in the order in which it is tried.
CLAIMS: tuple[Claim[Place], ...] = (
    *sessions.CLAIMS, *batches.CLAIMS, *columns.CLAIMS, *refusals.CLAIMS, *scripts.CLAIMS,
    *space.CLAIMS, *volume.CLAIMS, *limits.CLAIMS, *commands.CLAIMS,
)  # fmt: skip

_STYLES = {State.HOLDS: "green", State.DIFFERS: "bold red", State.NOT_TRIED: "dim"}


@dataclass(frozen=True)
class Wanted:
    """What the command line says.

    report: without its ending. many_rows: of the claims about volume. only: the claims to try; empty: all.
    packets: where to record what goes over the wire; the driver must have been told to print it (packets.VARIABLE).
    """

    report: Path
    many_rows: int
    admin: Credentials | None = None
    only: Sequence[str] = ()
    packets: Path | None = None

    def claims(self) -> list[Claim[Place]]:
        """Return the claims that are asked for. Raises: SettingsError: there is none of a name."""
        names = [claim.name for claim in CLAIMS]
        if unknown := [name for name in self.only if name not in names]:
            raise SettingsError([f"--only {', '.join(unknown)}: there are {', '.join(names)}"])
        return [claim for claim in CLAIMS if not self.only or claim.name in self.only]


def conformance(settings: WriterSettings, wanted: Wanted) -> int:
    """Try every claim; write REPORT.md and REPORT.json. Return the exit status: 1 where something differs or is left.

    Raises: SettingsError: no report can be written there, which is said before anything is tried.
    """
    # This stream, not whatever is standard output later: the driver's packets are taken from there.
    console = Console(highlight=False, width=None if Console().is_terminal else 400, file=sys.stdout)
    claims = wanted.claims()
    if problem := Report.problem(wanted.report):
        raise SettingsError([problem])
    try:
        with recorded(wanted.packets, _secrets(settings, wanted), lambda text: console.print(text, markup=False)):
            return _run(settings, wanted, claims, console)
    except OSError as error:
        raise SettingsError([f"--packets {wanted.packets}: {error.strerror}"]) from error


def _secrets(settings: WriterSettings, wanted: Wanted) -> Iterator[str]:
    yield settings.current_password()
    if settings.oracle_wallet_password is not None:
        yield settings.oracle_wallet_password.get_secret_value()
    if wanted.admin is not None:
        yield wanted.admin.password


def _run(settings: WriterSettings, wanted: Wanted, claims: Sequence[Claim[Place]], console: Console) -> int:
    began = time.monotonic()
    with stop_on_signals() as stop, Place(settings, wanted.many_rows, stop, wanted.admin) as place:
        facts: dict[str, str] = {}
        try:
            facts = facts_of(place)
            console.print(f"{settings.dsn} as {settings.oracle_user}: {facts['version']}", markup=False)
            if wanted.admin is not None:
                place.dba.log_on()
            for line in place.clear_earlier_runs():
                console.print(line, markup=False)
        except SinkError as error:
            told = f"as ORACLE_ADMIN: {error}" if facts else error.plain
            console.print(f"no connection: {told}", markup=False)
            return 1
        _begin(place, claims, console)
        results = []
        for number, claim in enumerate(claims, 1):
            results.append(_tried(claim, place, _why_not(stop, began)))
            _show(results[-1], f"{number:3}/{len(claims)}", console)
    report = Report(facts, results, time.monotonic() - began)
    written = report.write(wanted.report, lambda text: console.print(text, markup=False))
    for left in place.left:
        console.print(f"left behind, and dropped by the next run: {left}", style="bold red", markup=False)
    if any(result.state is State.DIFFERS for result in results) or place.left or not written:
        return 1
    return 0


def _begin(place: Place, claims: Sequence[Claim[Place]], console: Console) -> None:
    """Show that this run goes on, and begin what takes long."""
    try:
        place.mark()
    except (NotTriedError, SinkError) as error:
        console.print(f"{place.settings.oracle_user} can make no table here: {error}", style="bold", markup=False)
        console.print(
            "DBA: GRANT CREATE TABLE, CREATE TRIGGER TO the user; ALTER USER ... QUOTA 200M ON its tablespace",
            markup=False,
        )
    for claim in claims:
        if claim.early is not None:
            try:
                claim.early(place)
            except (NotTriedError, SinkError) as error:
                place.early[claim.name] = str(error)


def _why_not(stop: StopFlag, began: float) -> str:
    """Return why no further claim is tried; empty: it is."""
    if stop.is_set():
        return "stopped by a signal"
    return "the time is over" if time.monotonic() - began > _LAST_BEGIN_S else ""


def _tried(claim: Claim[Place], place: Place, why_not: str) -> Result:
    began = time.monotonic()
    state, seen = (State.NOT_TRIED, why_not) if why_not else try_claim(claim, place)
    return Result(claim.name, claim.text, claim.relied_on_by, state, seen, time.monotonic() - began)


def _show(result: Result, number: str, console: Console) -> None:
    console.print(f"{number} {result.name:26} ", end="", markup=False)
    console.print(f"{result.state.value:9}", style=_STYLES[result.state], end="")
    console.print(f" {result.took_s:5.1f} s  {result.seen}", markup=False, overflow="ellipsis", no_wrap=True)


def try_claim(claim: Claim[Place], place: Place) -> tuple[State, str]:
    """Return how a claim fares, and what was seen."""
    try:
        return State.HOLDS, claim.probe(place)
    except NotTriedError as error:
        return State.NOT_TRIED, str(error)
    except DiffersError as error:
        return State.DIFFERS, str(error)
    except Exception as error:  # noqa: BLE001 - a claim that fails in a way of its own must not end the others
        if lost := place.why_unreachable():
            return State.NOT_TRIED, f"no connection: {lost}"
        return State.DIFFERS, one_line(f"{type(error).__name__}: {error}")
