"""python -m services.poller: run the polling groups, or check their file."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from services.poller.config import load_groups
from services.poller.settings import PollerSettings
from services.poller.source import SourceError
from services.poller.worker import Poller
from shared.clock import SystemClock
from shared.data_queue import DataQueue
from shared.errors import SettingsError
from shared.events import Event, EventLog
from shared.heartbeat import Heartbeat
from shared.keys import Keys
from shared.lifecycle import EXIT_SETTINGS, StopFlag, run_service, stop_on_signals
from shared.redis_link import RedisLink

_HELP = """
Read tags in polling groups and put the readings on the DataQueue.

The groups are in a TOML file:

\b
    [[group]]
    name = "line 1"
    plc_code = "PLC01"
    interval_ms = 1000
    [group.source]
    type = "simulator"
    tags = 3491

\b
    python -m services.poller validate groups.toml
    POLLER_CONFIG=groups.toml python -m services.poller

It ends with status 0 when all sources are at their end (a recording played once) or on SIGTERM, 1 when a group failed
and the others are at their end, 2 when a setting or the file is wrong.
More examples: deploy/poller/polling_groups.toml; every key: docs/sources.md.
"""

app = typer.Typer(help=_HELP, add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        run()


@app.command()
def run() -> None:
    """Poll until stopped (the default)."""
    run_service(PollerSettings, main)


@app.command()
def validate(file: Annotated[Path, typer.Argument(help="TOML file with polling groups")]) -> None:
    """Check a file of polling groups and what it refers to, without Redis; status 0 when all is well."""
    try:
        groups = load_groups(file)
    except SettingsError as error:
        _complain(error.problems)
    problems = []
    for group in groups:
        typer.echo(group.describe())
        try:
            asyncio.run(group.build_source(file.parent).open())
        except SourceError as error:
            problems.append(f"{file}: group '{group.name}': {error}")
    if problems:
        _complain(problems)
    typer.echo(f"{file}: {len(groups)} polling groups, all well")


def _complain(problems: list[str]) -> None:
    for problem in problems:
        typer.echo(f"error: {problem}", err=True)
    raise SystemExit(EXIT_SETTINGS)


def main(settings: PollerSettings) -> int:
    """Put the poller together, run it, return its exit status."""
    groups = load_groups(settings.poller_config)
    keys = Keys(settings.redis_namespace)
    link = RedisLink(settings.redis_url.get_secret_value(), client_name="poller")
    events = EventLog(link, keys, "poller")
    link.on_back = lambda away_s: events.add(Event.REDIS_BACK, f"Redis is back after {away_s:.1f} s", away_s=away_s)
    queue = DataQueue(link, keys, settings.data_queue_max_messages)
    heartbeat = Heartbeat(link, keys, events, "poller", settings.instance_name)
    try:
        with stop_on_signals() as stop:
            poller = Poller(settings, groups, queue, link, heartbeat, events, SystemClock())
            return asyncio.run(_run_and_hang_up(poller, stop, link))
    finally:
        queue.close()


async def _run_and_hang_up(poller: Poller, stop: StopFlag, link: RedisLink) -> int:
    """Run, then close the connections at once: a thread that still waits for an answer must not hold up the end."""
    try:
        return await poller.run(stop)
    except ExceptionGroup as troubles:
        # The first is the cause; a FatalError is to be seen as one.
        raise troubles.exceptions[0] from troubles
    finally:
        link.close()


if __name__ == "__main__":
    app()
