"""The command `conformance`: every claim as a probe, with progress, then the report."""

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from services.writer.conformance import batches, columns, refusals, scripts, sessions, untried, volume
from services.writer.conformance.claim import Claim, DiffersError, NotTriedError, Result, State
from services.writer.conformance.database import facts_of
from services.writer.conformance.place import Place
from services.writer.conformance.report import as_json, as_markdown, tally
from services.writer.oracle.errors import one_line
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError
from shared.lifecycle import stop_on_signals

#: Seconds after which no further claim is begun: five minutes are promised, and one of them may take two.
_LAST_BEGIN_S = 150.0

#: All that is taken for granted, in the order in which it is tried.
CLAIMS: tuple[Claim[Place], ...] = (
    *sessions.CLAIMS, *batches.CLAIMS, *columns.CLAIMS, *refusals.CLAIMS, *scripts.CLAIMS,
    *volume.CLAIMS, *untried.CLAIMS,
)  # fmt: skip

_STYLES = {State.HOLDS: "green", State.DIFFERS: "bold red", State.NOT_TRIED: "dim"}


def conformance(settings: WriterSettings, report: Path, many_rows: int) -> int:
    """Try every claim; write REPORT.md and REPORT.json. Return the exit status: 1 where something differs."""
    console = Console(highlight=False, width=None if Console().is_terminal else 400)
    began = time.monotonic()
    with stop_on_signals() as stop, Place(settings, many_rows) as place:
        try:
            facts = facts_of(place)
        except SinkError as error:
            console.print(f"no connection: {error}", markup=False)
            return 1
        console.print(f"{settings.dsn} as {settings.oracle_user}: {facts['version']}", markup=False)

        def why_not() -> str | None:
            if stop.is_set():
                return "stopped by a signal"
            return "the time is over" if time.monotonic() - began > _LAST_BEGIN_S else None

        results = [_tried(claim, place, console, number, why_not) for number, claim in enumerate(CLAIMS, 1)]
    took_s = time.monotonic() - began
    report.with_suffix(".md").write_text(as_markdown(facts, results, took_s), encoding="utf-8")
    report.with_suffix(".json").write_text(as_json(facts, results, took_s), encoding="utf-8")
    console.print(f"{tally(results)}; {report.with_suffix('.md')}, {report.with_suffix('.json')}", markup=False)
    return 1 if any(result.state is State.DIFFERS for result in results) else 0


def _tried(
    claim: Claim[Place], place: Place, console: Console, number: int, why_not: Callable[[], str | None]
) -> Result:
    began = time.monotonic()
    reason = why_not()
    state, seen = (State.NOT_TRIED, reason) if reason else try_claim(claim, place)
    took_s = time.monotonic() - began
    console.print(f"{number:3}/{len(CLAIMS)} {claim.name:26} ", end="", markup=False)
    console.print(f"{state.value:9}", style=_STYLES[state], end="")
    console.print(f" {took_s:5.1f} s  {seen}", markup=False, overflow="ellipsis", no_wrap=True)
    return Result(claim.name, claim.text, claim.relied_on_by, state, seen, took_s)


def try_claim(claim: Claim[Place], place: Place) -> tuple[State, str]:
    """Return how a claim fares, and what was seen."""
    try:
        return State.HOLDS, claim.probe(place)
    except NotTriedError as error:
        return State.NOT_TRIED, str(error)
    except DiffersError as error:
        return State.DIFFERS, str(error)
    except Exception as error:  # noqa: BLE001 - a claim that fails in a way of its own must not end the others
        return State.DIFFERS, one_line(f"{type(error).__name__}: {error}")
