"""python -m sandbox.drills: what happens when the buffer overflows, and when Oracle goes away; on this machine."""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import oracledb
import typer

from sandbox.console import DemoConsole
from sandbox.demo import INTERRUPTED, OK, WRONG
from sandbox.drill_scene import PLC, TAGS_IN_A_POLL, Scene, start_of_polls
from sandbox.harness.feed import Load, expected_rows, poll
from sandbox.harness.oracle import Cells
from sandbox.harness.supervisor import ChildDiedError
from sandbox.pipeline import StoppedEarly
from sandbox.recording import Comparison
from shared.counters import Counter
from shared.lifecycle import StopFlag, stop_on_signals
from shared.queues.snapshot import Snapshot

#: Seconds of the outage drill before Oracle goes, and after it writes again.
BEFORE_S, AFTER_S = 3.0, 2.0

#: Tags of one poll of the overflow drill, and the seconds between two.
OVERFLOW_TAGS, OVERFLOW_INTERVAL_S = 100, 0.1

#: Seconds that the services may take for anything that a drill waits for, the outage itself excluded.
PATIENCE_S = 120.0

#: Seconds between two lines of figures.
FIGURES_EVERY_S = 5.0

app = typer.Typer(add_completion=False, rich_markup_mode=None, help=__doc__)


@dataclass
class Drill:
    """What a drill has at hand: it says what it does, and collects what is not as it must be."""

    scene: Scene
    console: DemoConsole
    problems: list[str]
    began_at: float

    def say(self, text: str) -> None:
        """Say what happens now."""
        self.console.say(f"{time.monotonic() - self.began_at:6.1f} s  {text}")

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Note it as a problem when something is not what it must be."""
        if found != wanted:
            self.problems.append(f"{what}: {found:,}, must be {wanted:,}")

    def expect_table(self, wanted: Cells) -> None:
        """Compare the table with what it must hold, value by value, and say how it compares."""
        comparison: Comparison = self.scene.compare(wanted)
        self.say(
            f"the table, value by value: {comparison.equal:,} equal, {comparison.different:,} different, "
            f"{comparison.missing:,} missing, {comparison.unexpected:,} too many"
        )
        for example in comparison.examples:
            self.console.say(f"          {example}")
        self.expect("values equal in the table", comparison.equal, len(wanted))
        self.expect("rows in the table that must not be there", comparison.unexpected, 0)

    def expect_balance(self, ledger: Snapshot, put: int) -> None:
        """Show the ledger and see that it balances and covers what was put."""
        values = {"put": put, **{str(counter): ledger[counter] for counter in _SHOWN}}
        self.console.table("Ledger", {name: f"{value:>12,}" for name, value in values.items()})
        self.expect("values inserted", ledger[Counter.INSERTED], put)
        self.expect("values accounted for", ledger.accounted, ledger[Counter.INSERTED])
        self.expect("values rejected", ledger[Counter.REJECTED], 0)


_SHOWN = (Counter.INSERTED, Counter.WRITTEN, Counter.DUPLICATES, Counter.BACKED_UP, Counter.RECOVERED,
          Counter.REJECTED, Counter.OVERFLOWED)  # fmt: skip


@app.command()
def overflow(
    buffer: Annotated[int, typer.Option(min=1, help="Values that the buffer holds.")] = 1000,
    overflow: Annotated[int, typer.Option(min=1, help="Values that are put beyond that.")] = 500,
) -> None:
    """Let the buffer overflow while no writer runs, then see what was lost and what was kept.

    Exit status: 0 exactly the oldest were discarded, all were counted and recorded, the rest is in the table; 1 not so.
    """
    _run(lambda drill: overflow_drill(drill, buffer, overflow), buffer_max_size=buffer, consumer_hold_messages=0)


@app.command()
def outage(
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds for which Oracle is away.")] = 20.0,
    rate: Annotated[int, typer.Option(min=1, help="Values put each second.")] = 3491,
) -> None:
    """Kill Oracle while values come, start it again, put the backup files back, and compare the table value by value.

    Exit status: 0 no value was lost and the table holds every one once; 1 not so.
    """
    _run(lambda drill: outage_drill(drill, seconds, rate))


def overflow_drill(drill: Drill, buffer: int, overflow: int) -> None:
    """Put more than the buffer holds, with no writer there; then let a writer come."""
    scene = drill.scene
    scene.start_and_wait("consumer")
    drill.say(f"putting {buffer + overflow:,} values; the buffer holds {buffer:,} and no writer runs")
    cells = _put(scene, buffer + overflow)
    scene.until(lambda: scene.snapshot()[Counter.INSERTED] >= len(cells), "all values to reach the buffer")
    ledger = scene.snapshot()
    drill.say(f"the buffer holds {ledger.in_buffer:,} values, {ledger[Counter.OVERFLOWED]:,} were discarded")
    drill.expect("values discarded", ledger[Counter.OVERFLOWED], overflow)
    scene.until(lambda: _recorded(scene) >= ledger[Counter.OVERFLOWED], "the record of the loss", 15.0)
    for record in scene.loss_records():
        drill.say(
            f"recorded: {record.values:,} values of {record.tags_hit} tags lost, "
            f"timestamps {record.oldest_timestamp} to {record.newest_timestamp}"
        )
    drill.expect("values in the loss record", _recorded(scene), overflow)
    lost = [moment for _, moment in islice(cells, overflow)]
    newest = max(record.newest_timestamp or "" for record in scene.loss_records())
    if newest != max(lost).isoformat():
        drill.problems.append(f"newest lost timestamp in the record: {newest}, must be {max(lost).isoformat()}")
    drill.say("a writer starts")
    scene.start_and_wait("writer")
    ledger = scene.wait_until_idle(PATIENCE_S)
    drill.expect_balance(ledger, len(cells))
    # A writer that finds the buffer overflowing saves values at the disk's speed until there is room.
    if ledger[Counter.BACKED_UP]:
        _put_back(drill, ledger[Counter.BACKED_UP])
    drill.expect_table(dict(islice(cells.items(), overflow, None)))


def _put(scene: Scene, count: int) -> Cells:
    """Put so many values; return them in the order in which they go."""
    cells: Cells = {}
    began_at = start_of_polls()
    for number, first in enumerate(range(0, count, OVERFLOW_TAGS)):
        tags = min(OVERFLOW_TAGS, count - first)
        data = poll(number, tags, PLC, began_at=began_at, interval_s=OVERFLOW_INTERVAL_S)
        scene.queue.put(data, timeout=5.0)
        cells |= expected_rows(data)
    return cells


def _recorded(scene: Scene) -> int:
    return sum(record.values for record in scene.loss_records())


def outage_drill(drill: Drill, seconds: float, rate: int) -> None:
    """Kill Oracle for a while under load; then recover."""
    scene = drill.scene
    scene.start_and_wait("consumer")
    scene.start_and_wait("writer")
    with _load(scene, rate) as load:
        drill.say(f"{rate:,} values a second are put; Oracle is well")
        _pass_time(drill, load, BEFORE_S)
        scene.kill_oracle()
        drill.say(f"Oracle is killed, for {seconds:g} s")
        _pass_time(drill, load, seconds)
        scene.start_oracle()
        back_at, written = time.monotonic(), scene.snapshot()[Counter.WRITTEN]
        drill.say("Oracle is started again")
        scene.until(lambda: scene.snapshot()[Counter.WRITTEN] > written, "the writer to write again")
        drill.say(f"the writer writes again, {time.monotonic() - back_at:.1f} s after Oracle was back")
        _pass_time(drill, load, AFTER_S)
    ledger = scene.wait_until_idle(PATIENCE_S)
    drill.expect_balance(ledger, len(load.rows))
    drill.expect("values overflowed", ledger[Counter.OVERFLOWED], 0)
    _put_back(drill, ledger[Counter.BACKED_UP])
    drill.expect_table(load.rows)


def _load(scene: Scene, rate: int) -> Load:
    """Return what puts so many values a second, spread over as many polls as a PLC's size takes."""
    tags = max(1, rate // math.ceil(rate / TAGS_IN_A_POLL))
    return Load(scene.queue, rate, tags, began_at=start_of_polls(), plc_code=PLC)


def _pass_time(drill: Drill, load: Load, seconds: float) -> None:
    """Let time pass, with a line of figures now and then."""
    scene = drill.scene
    until, next_line = time.monotonic() + seconds, time.monotonic() + FIGURES_EVERY_S
    while (left := until - time.monotonic()) > 0:
        scene.go_on(min(left, 0.2))
        if time.monotonic() >= next_line:
            next_line += FIGURES_EVERY_S
            now = scene.snapshot()
            drill.say(
                f"put {len(load.rows):,}, written {now[Counter.WRITTEN]:,}, backed up {now[Counter.BACKED_UP]:,}, "
                f"in the buffer {now.in_buffer:,}, overflowed {now[Counter.OVERFLOWED]:,}"
            )


def _put_back(drill: Drill, backed_up: int) -> None:
    """Run `recover` and see that it takes every row of the backup files."""
    scene = drill.scene
    scene.until(
        lambda: not scene.has_open_files() and scene.rows_in_backup() == backed_up,
        f"the backup files to be closed with {backed_up:,} rows",
    )
    drill.say(f"the backup files hold {backed_up:,} values")
    drill.say("python -m services.writer recover")
    began_at = time.monotonic()
    status, output = scene.run("writer", "recover")
    for line in output.splitlines():
        drill.console.say(f"          {line}")
    drill.say(f"recovered in {time.monotonic() - began_at:.1f} s, {scene.snapshot()[Counter.RECOVERED]:,} rows written")
    drill.expect("exit status of recover", status, 0)


def _run(drill_of: Callable[[Drill], None], **settings: object) -> None:
    """Set the stage, run a drill, give the verdict, leave with the exit status."""
    console = DemoConsole()
    with stop_on_signals() as stop, tempfile.TemporaryDirectory(prefix="tagpipe-drill-") as directory:
        status = _verdict(drill_of, console, stop, Path(directory), settings)
    raise SystemExit(status)


def _verdict(
    drill_of: Callable[[Drill], None],
    console: DemoConsole,
    stop: StopFlag,
    directory: Path,
    settings: dict[str, object],
) -> int:
    try:
        with Scene(directory, stop, **settings) as scene:
            drill = Drill(scene, console, [], time.monotonic())
            drill_of(drill)
    except StoppedEarly:
        console.say("stopped before a verdict could be given")
        return INTERRUPTED
    except ChildDiedError as error:
        console.died(error.child)
        return WRONG
    except (RuntimeError, oracledb.Error) as error:
        console.error(str(error))
        return WRONG
    for problem in drill.problems:
        console.error(problem)
    if drill.problems:
        return WRONG
    console.say("the drill is passed: every value is accounted for")
    return OK


if __name__ == "__main__":
    app()
