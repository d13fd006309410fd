"""python -m services.poller: run the polling groups, check their file, ask for a poll, browse a server."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from services.poller.groups.config import load_groups
from services.poller.handshake.requests import PollRequests
from services.poller.lane import Lane, say_strays
from services.poller.settings import AskingSettings, PollerSettings
from services.poller.source import SourceError
from services.poller.sources.opcua.model import OpcuaModel
from services.poller.threads import are_stuck
from services.poller.worker import Poller
from shared.clock import SystemClock
from shared.errors import RedisUnavailableError, SettingsError
from shared.keys import Keys
from shared.lifecycle import EXIT_FATAL, EXIT_SETTINGS, STOP_LIMIT_S, leave, run_service, stop_on_signals
from shared.records.reading import to_json
from shared.redis.link import RedisLink
from shared.settings.loading import load_settings
from shared.settings.models import ServiceSettings
from shared.texts import tamed

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
    python -m services.poller browse opc.tcp://10.0.0.5:4840      what a server has to read
    python -m services.poller validate groups.toml
    POLLER_CONFIG=groups.toml python -m services.poller
    python -m services.poller trigger "line 2" --wait             poll a HANDSHAKE group now

A changed file is taken over while the poller runs (SIGHUP: at once); groups that are the same go on.

It ends with status 0 when all sources are at their end (a recording played once) or on SIGTERM, 1 when a group failed
and the others are at their end, 2 when a setting or the file is wrong.
More examples: deploy/poller/polling_groups.toml; every key: docs/sources.md.
"""

app = typer.Typer(help=_HELP, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        run()


@app.command()
def run() -> None:
    """Poll until stopped (the default)."""
    # Until the groups' file is watched: who sends one while we start wants no end of us, and the file is read anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
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
        problems += group.problems(file)
    if problems:
        _complain(problems)
    typer.echo(f"{file}: {len(groups)} polling groups, all well")


@app.command()
def trigger(
    group: Annotated[str, typer.Argument(help="Name of a polling group of mode HANDSHAKE")],
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the outcome; status 0 when the group was read.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait at most.")] = 10.0,
) -> None:
    """Ask whichever poller has this group to poll it once, now. Needs the settings of Redis alone."""
    try:
        settings = load_settings(AskingSettings)
    except SettingsError as error:
        _complain(error.problems)
    link, requests = _where_polled(group, settings)
    try:
        request_id = requests.ask(group)
        if not wait:
            typer.echo(request_id)
            return
        outcome = requests.outcome(request_id, timeout)
    except RedisUnavailableError as error:
        _fail(f"Redis at {link.address}: {error}")
    finally:
        link.close()
    if outcome is None:
        _fail(f"no outcome of request {request_id} within {timeout:g} s: is a poller running?")
    typer.echo(to_json(outcome))
    raise SystemExit(0 if outcome.state == "read" else EXIT_FATAL)


def _where_polled(group: str, settings: ServiceSettings) -> tuple[RedisLink, PollRequests]:
    """Return the way to the partition in which a poller has the group; the first one where none says so."""
    ways = []
    for partition in range(settings.partitions):
        there = settings.in_partition(partition)
        link = RedisLink.of(there, "poll-trigger")
        ways.append((link, PollRequests(link, Keys(there.namespace))))
        with suppress(RedisUnavailableError):
            if settings.partitions == 1 or ways[-1][1].owner(group):
                return ways[-1]
    return ways[0]


@app.command()
def browse(
    url: Annotated[str, typer.Argument(help="opc.tcp://host:port")],
    glob: Annotated[list[str] | None, typer.Option(help="Only paths like this, for example 'Plant/**'.")] = None,
    as_file: Annotated[bool, typer.Option("--csv", help="A CSV file for `tags = {file = ...}`, not a tree.")] = False,
    security: Annotated[str, typer.Option(help="none, sign or sign_and_encrypt")] = "none",
    policy: Annotated[str, typer.Option(help="Basic256Sha256 and others")] = "Basic256Sha256",
    certificate: Annotated[str | None, typer.Option(help="File of our certificate")] = None,
    private_key: Annotated[str | None, typer.Option(help="File of its key")] = None,
    user: Annotated[str | None, typer.Option(help="User; the password is asked of OPCUA_PASSWORD")] = None,
) -> None:
    """List the variables of an OPC UA server that can be read: a tree, or a CSV file to build a group from."""
    keys = {
        "type": "opcua", "url": url, "tags": {"glob": glob or ["**"]}, "security": security, "policy": policy,
        "certificate": certificate, "private_key": private_key, "user": user,
        "password": os.environ.get("OPCUA_PASSWORD") if user else None,
    }  # fmt: skip
    try:
        model = OpcuaModel.model_validate({name: value for name, value in keys.items() if value is not None})
    except ValidationError as error:
        _complain(
            [
                f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
                for problem in error.errors()
            ]
        )
    # Only this command pays for the import.
    from services.poller.sources.opcua.listing import as_csv, as_tree, list_variables  # noqa: PLC0415

    try:
        found = asyncio.run(list_variables(model, Path.cwd()))
    except SourceError as error:
        _fail(str(error))
    typer.echo(as_csv(found) if as_file else "\n".join(map(tamed, as_tree(found))), nl=not as_file)


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {tamed(message)}", err=True)
    raise SystemExit(EXIT_FATAL)


def _complain(problems: list[str]) -> NoReturn:
    for problem in problems:
        typer.echo(f"error: {tamed(problem)}", err=True)
    raise SystemExit(EXIT_SETTINGS)


def main(settings: PollerSettings) -> int:
    """Put the poller together, run it, return its exit status."""
    groups = load_groups(settings.poller_config, partitions=settings.partitions)
    say_strays(settings)
    clock = SystemClock()
    with stop_on_signals(STOP_LIMIT_S) as stop:
        lanes = [Lane(partition, settings, clock) for partition in range(settings.partitions)]
        status = asyncio.run(Poller(settings, groups, lanes, clock).run(stop))
    if are_stuck():
        # All is sent, or kept: a name that nobody looks up must not hold up a restart.
        leave(status)
    return status


if __name__ == "__main__":
    app()
