"""What the person at the terminal sees of a demo run."""

from collections import deque
from collections.abc import Mapping
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sandbox.harness.supervisor import Child
from sandbox.recording import Recording
from sandbox.summary import Accounts, problems
from shared.counters import Counter
from shared.queues.snapshot import Snapshot

#: Seconds between two lines where there is no terminal to refresh one on, and between two refreshes where there is.
LINE_EVERY_S, REFRESH_EVERY_S = 5.0, 0.5

#: Seconds that the rate is taken over, at least: a poll a second makes any shorter one jump.
_RATE_OVER_S = 3.0

#: Seconds until the first figures: before that there are none.
_FIRST_AFTER_S = 2.0

#: Lines of a recorded file that can't be read and are named; the rest is counted.
_NAMED_LINES = 3


class DemoConsole:
    """Says what runs where, how it goes, and how it ended, on standard output; mistakes on standard error.

    As a context manager it shows a line that lives, on a terminal; elsewhere plain lines every few seconds.
    """

    def __init__(self) -> None:
        self._out = Console(highlight=False)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
        self._live: Live | None = None
        self._next_line_at = 0.0
        #: Values written at moments of the run, the oldest first: for the rate.
        self._moments: deque[tuple[float, int]] = deque([(0.0, 0)])

    @property
    def is_terminal(self) -> bool:
        """Whether somebody may sit there."""
        return self._out.is_terminal

    def say(self, text: str) -> None:
        """Say one line."""
        self._out.print(text, markup=False, soft_wrap=True)

    def error(self, text: str) -> None:
        """Say one line about what went wrong."""
        self._errors.print(f"error: {text}")

    def table(self, title: str, rows: Mapping[str, str]) -> None:
        """Show names and what belongs to them, one below the other."""
        width = max(map(len, rows))
        self._out.print(Text(title, style="bold"))
        for name, value in rows.items():
            self.say(f"  {name:<{width}}  {value}")

    def died(self, child: Child) -> None:
        """Say that a process ended without being asked to, and what it said last."""
        self.error(f"{child.name} {child.end}; the last lines of {child.log}:")
        self._errors.print("\n".join(f"  {line}" for line in child.log_tail().splitlines()))

    def progress(self, ledger: Snapshot, running_s: float, note: str = "") -> None:
        """Show the figures of this moment; call it as often as you like."""
        now = monotonic()
        if now < self._next_line_at or running_s < _FIRST_AFTER_S:
            return
        self._next_line_at = now + (REFRESH_EVERY_S if self._live else LINE_EVERY_S)
        while len(self._moments) > 1 and self._moments[1][0] <= running_s - _RATE_OVER_S:
            self._moments.popleft()
        since_s, before = self._moments[0]
        self._moments.append((running_s, ledger[Counter.WRITTEN]))
        line = figures(ledger, (ledger[Counter.WRITTEN] - before) / (running_s - since_s), running_s)
        if note:
            line = f"{line}  ({note})"
        if self._live is not None:
            self._live.update(Text(line), refresh=True)
        else:
            self.say(line)

    def summary(self, accounts: Accounts, recording: Recording | None) -> bool:
        """Show the accounts and the verdict; return whether every value is accounted for."""
        self.table("Summary", _account_rows(accounts))
        if recording is not None:
            self._about_file(accounts, recording)
        found = problems(accounts)
        for problem in found:
            self.error(problem)
        if not found:
            what = "every value that was replayed" if recording and accounts.cut_short else "every value"
            self._out.print(Text(f"{what} is accounted for", style="bold green"))
        return not found

    def _about_file(self, accounts: Accounts, recording: Recording) -> None:
        comparison = accounts.comparison
        if comparison is not None:
            self.say(
                f"  file: {recording.rows:,} rows x {recording.tags} tags; "
                f"{comparison.equal:,} values equal in the table, timestamp, text and quality"
            )
            if accounts.cut_short:
                self.say(f"  file: {comparison.missing:,} values were not replayed: the time (DEMO_SECONDS) was up")
            for example in comparison.examples:
                self.say(f"    {example}")
        if recording.restamped:
            self.say(f"  file: {recording.restamped:,} lines repeat a time or go back: stored 1 microsecond later")
        if recording.left_out:
            self.say(f"  file: {len(recording.left_out):,} lines can't be read and were left out:")
            for line in recording.left_out[:_NAMED_LINES]:
                self.say(f"    {line}")

    def __enter__(self) -> Self:
        if self._out.is_terminal:
            # No thread of its own: what it shows changes when there are new figures.
            self._live = Live(console=self._out, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def figures(ledger: Snapshot, values_per_s: float, running_s: float) -> str:
    """Return one line of figures."""
    failed = ledger[Counter.BATCHES_FAILED] + ledger[Counter.RETRIES] + ledger[Counter.MESSAGES_REJECTED]
    parts = {
        "values/s": f"{values_per_s:,.0f}",
        "buffer": f"{ledger.in_buffer:,}",
        "written": f"{ledger[Counter.WRITTEN]:,}",
        "rejected": f"{ledger[Counter.REJECTED]:,}",
        "overflow": f"{ledger[Counter.OVERFLOWED]:,}",
        "backed up": f"{ledger[Counter.BACKED_UP]:,}",
        "errors": f"{failed:,}",
    }
    return f"{running_s:6.0f} s  " + "  ".join(f"{name} {value}" for name, value in parts.items())


def _account_rows(accounts: Accounts) -> dict[str, str]:
    ledger = accounts.ledger
    values = {
        "emitted": accounts.emitted.values if accounts.emitted else None,
        "inserted": ledger[Counter.INSERTED],
        "written": ledger[Counter.WRITTEN],
        "duplicates": ledger[Counter.DUPLICATES],
        "rejected": ledger[Counter.REJECTED],
        "backed up": ledger[Counter.BACKED_UP],
        "recovered": ledger[Counter.RECOVERED],
        "overflow": ledger[Counter.OVERFLOWED],
        "left": ledger.in_buffer + ledger.in_flight,
        "rows in table": accounts.rows,
    }
    rows = {name: f"{'unknown' if value is None else format(value, ','):>14}" for name, value in values.items()}
    rows["written/s"] = f"{accounts.values_per_s:>14,.0f} over {accounts.running_s:.1f} s"
    return rows
