"""python -m sandbox.run: the whole pipeline on this machine, without Docker, Oracle or root."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from sandbox.console import DemoConsole
from sandbox.demo import INTERRUPTED, OK, WRONG, Demo
from sandbox.harness.supervisor import ChildDiedError
from sandbox.node_opcua import install
from sandbox.npm import NodeUnavailableError
from sandbox.pipeline import RECORDING_DIRECTORY, Pipeline, StoppedEarly, clear
from sandbox.plan import STAY_S, Plan, PlanError, make_plan
from sandbox.recorded_form import playable
from sandbox.recording import Recording, read_recording
from shared.counters import Counter
from shared.lifecycle import EXIT_SETTINGS, StopFlag, stop_on_signals
from shared.queues.snapshot import Snapshot

#: Seconds between two looks at whether everything lives, while it stays up.
STAY_TICK_S = 0.5

_HELP = """
Run the whole pipeline on this machine: Redis (Valkey) from its wheel, the Oracle stand-in, and the four services.

It says where the dashboard is, then shows the figures. Ctrl+C stops everything within 5 seconds.

\b
    make demo                                         until Ctrl+C
    make demo DEMO_SECONDS=30                         ends by itself, with a verdict
    make demo DEMO_RATE=5000/500ms DEMO_SECONDS=30    5,000 tags every 500 ms
    make demo DEMO_SOURCE=opcua                       reads them from an OPC UA server (needs npm)
    DEMO_CSV=file.csv make demo                       replays a recorded file and compares the table with it; then
                                                      all stays up until Ctrl+C (DEMO_STAY=0: ends at once)

Every option is also an environment variable. Settings of the services (BUFFER_MAX_SIZE, ORACLE_POOL_MAX, LOG_LEVEL
and others: docs/settings.md) are passed on to them.

\b
Exit status: 0  every value is accounted for (or Ctrl+C where no end was asked for)
             1  one is not, or a process died
             2  a parameter is wrong
           130  stopped before a verdict could be given
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


_Seconds = Annotated[str, typer.Option(envvar="DEMO_SECONDS", help="Seconds until it ends; 0: until Ctrl+C.")]
_Rate = Annotated[str, typer.Option(envvar="DEMO_RATE", help="Tags and interval of the simulator; default 3491/1s.")]
_Csv = Annotated[str, typer.Option(envvar="DEMO_CSV", help="A recorded file to replay: timestamp,<tag>,...")]
_CsvForm = Annotated[
    str,
    typer.Option(
        envvar="DEMO_CSV_FORM",
        help="What can't be found out of that file, for example 'encoding=cp949; time_format=%d/%m/%Y %H:%M:%S'.",
    ),
]
_Stay = Annotated[
    str,
    typer.Option(
        envvar="DEMO_STAY",
        help="Seconds that all stays up after a replay; default: until Ctrl+C at a terminal, elsewhere 30.",
    ),
]
_Source = Annotated[
    str,
    typer.Option(
        envvar="DEMO_SOURCE", help="simulator (default), or opcua: a node-opcua server, installed by npm at first."
    ),
]
_Speed = Annotated[
    str,
    typer.Option(envvar="DEMO_SPEED", help="Speed of the replay; default max (as fast as it is taken); 1: recorded."),
]
_Directory = Annotated[
    str, typer.Option(envvar="DEMO_DIRECTORY", help="Where logs, data and backup files go; default .demo.")
]
_MonitorPort = Annotated[
    str, typer.Option(envvar="DEMO_MONITOR_PORT", help="Port of the dashboard; default 8000, or a free one.")
]
_RedisPort = Annotated[str, typer.Option(envvar="DEMO_REDIS_PORT", help="Port of Redis; default a free one.")]
_OraclePort = Annotated[
    str, typer.Option(envvar="DEMO_ORACLE_PORT", help="Port of the Oracle stand-in; default a free one.")
]


@app.command(help=_HELP)
def run(
    seconds: _Seconds = "",
    rate: _Rate = "",
    csv: _Csv = "",
    csv_form: _CsvForm = "",
    stay: _Stay = "",
    source: _Source = "",
    speed: _Speed = "",
    directory: _Directory = "",
    monitor_port: _MonitorPort = "",
    redis_port: _RedisPort = "",
    oracle_port: _OraclePort = "",
) -> None:
    """Run the demo and leave with its exit status."""
    console = DemoConsole()
    try:
        plan = make_plan(
            {
                "DEMO_SECONDS": seconds,
                "DEMO_RATE": rate,
                "DEMO_CSV": csv,
                "DEMO_CSV_FORM": csv_form,
                "DEMO_STAY": stay,
                "DEMO_SOURCE": source,
                "DEMO_SPEED": speed,
                "DEMO_DIRECTORY": directory,
                "DEMO_MONITOR_PORT": monitor_port,
                "DEMO_REDIS_PORT": redis_port,
                "DEMO_ORACLE_PORT": oracle_port,
            }
        )
        if plan.opcua:
            console.say("making sure of node-opcua (npm installs it once)")
        node_opcua = install() if plan.opcua else None
        with _own_directory(plan.directory) as aside:
            if aside is not None:
                console.say(f"backup files of an earlier run are in {aside} now: their table ended with it")
            plan, recording = _with_recording(plan, console)
            status = _run(plan, recording, console, node_opcua)
    except (PlanError, NodeUnavailableError) as error:
        console.error(str(error))
        status = EXIT_SETTINGS
    raise SystemExit(status)


def _with_recording(plan: Plan, console: DemoConsole) -> tuple[Plan, Recording | None]:
    """Return the plan with what is to be replayed, and what the table must hold then.

    Raises: PlanError.
    """
    if plan.csv is None:
        return plan, None
    played = playable(plan.csv, plan.form, plan.directory / RECORDING_DIRECTORY)
    for note in played.notes:
        console.say(note)
    return replace(plan, csv=played.path, plc=played.plc), read_recording(played.path, played.plc)


def _run(plan: Plan, recording: Recording | None, console: DemoConsole, node_opcua: Path | None) -> int:
    with stop_on_signals() as stop, Pipeline(plan, stop, node_opcua) as pipeline:
        status = WRONG
        try:
            console.say("starting Redis, Oracle, monitor, writer, consumer, poller")
            pipeline.start()
            console.table("tagpipe demo", pipeline.addresses())
            console.say(_what_comes(plan, recording))
            status = Demo(plan, recording, pipeline, console, stop).run()
            _stay(plan, pipeline, console, stop)
        except StoppedEarly:
            status = INTERRUPTED if plan.ends_by_itself else OK
        except ChildDiedError as error:
            console.died(error.child)
        except RuntimeError as error:
            console.error(str(error))
        if stop.is_set():
            console.say("stopping; a second Ctrl+C ends everything at once")
        ledger = pipeline.stop()
        _say_end(console, ledger)
        return WRONG if status == OK and ledger is not None and not ledger.balances else status


def _stay(plan: Plan, pipeline: Pipeline, console: DemoConsole, stop: StopFlag) -> None:
    """Leave all up after a replay, so that it can be looked at.

    Raises: ChildDiedError.
    """
    if plan.csv is None or plan.seconds or stop.is_set():
        return
    stay_s = plan.stay_s if plan.stay_s is not None else inf if console.is_terminal else STAY_S
    if stay_s == 0:
        return
    until = "Ctrl+C" if stay_s == inf else f"{stay_s:g} s are over (DEMO_STAY), or Ctrl+C"
    console.say(f"all stays up until {until}: {pipeline.monitor_url}/")
    end = monotonic() + stay_s
    while monotonic() < end and not stop.wait(STAY_TICK_S):
        pipeline.check()


def _what_comes(plan: Plan, recording: Recording | None) -> str:
    if recording is not None:
        pace = "as fast as it is taken" if plan.speed is None else f"at {plan.speed:g} times its speed"
        what = f"replaying {recording.rows:,} rows x {recording.tags} tags {pace}"
    else:
        server = " of an OPC UA server" if plan.opcua else ""
        what = f"polling {plan.rate.tags:,} tags{server} every {plan.rate.interval_ms} ms"
    if plan.seconds:
        return f"{what}, for {plan.seconds:g} s"
    return what if plan.csv else f"{what}, until Ctrl+C"


def _say_end(console: DemoConsole, ledger: Snapshot | None) -> None:
    if ledger is None:
        console.say("all stopped; Redis did not answer any more, so what is left is not known")
        return
    left = ledger.in_buffer + ledger.in_flight
    console.say(
        f"all stopped: {ledger[Counter.WRITTEN]:,} values written, {left:,} left, "
        f"ledger {'balances' if ledger.balances else 'DOES NOT BALANCE'}"
    )


@contextmanager
def _own_directory(directory: Path) -> Iterator[Path | None]:
    """Keep other demos out of the directory while this one runs, and clear it of what an earlier one left.

    Yields: where backup files of that one are now, if it left some.
    Raises: PlanError: another demo has it, or it can't be made.
    """
    try:
        (directory / "backup").mkdir(parents=True, exist_ok=True)
        # The lock is the directory itself, so that no file is left, and it ends with this process however that ends.
        lock = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise PlanError(f"DEMO_DIRECTORY={directory}: can't be used ({error.strerror})") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PlanError(
                f"another demo runs in {directory}: stop it, or name a DEMO_DIRECTORY for this one"
            ) from None
        yield clear(directory)
    finally:
        os.close(lock)


if __name__ == "__main__":
    app()
