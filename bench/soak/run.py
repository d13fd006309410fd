"""One run: services, faults, samples, and a table that is checked and emptied."""

import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

import typer

from bench.soak.faults import faults
from bench.soak.inspection import Inspection
from bench.soak.looks import Looks
from bench.soak.plan import KILLING, PLANT_HOUR, Plan
from bench.soak.samples import Samples
from bench.stage import Stage
from oracle_stand_in.faults.control import ControlError
from sandbox.harness.services import is_idle
from sandbox.harness.supervisor import Child, ChildDiedError
from shared.counters import Counter
from shared.errors import RedisUnavailableError

#: Seconds that everything may take to come to rest: a backlog of an outage is recovered in them.
_REST_S = 900.0

#: Looks in a row at which nothing may have been on its way.
_LOOKS_AT_REST = 5

#: Seconds between two lines for who watches.
_TELL_S = 60.0


class Soak:
    """One run."""

    def __init__(self, stage: Stage, plan: Plan, samples: Samples) -> None:
        self._stage = stage
        self._plan = plan
        self._samples = samples
        self._inspection = Inspection(stage, plan.tags)
        self._began = time.monotonic()
        self._inserted = 0
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        self._looks = Looks(stage, self._services)

    def run(self) -> None:
        """Let everything run until all values are polled, then let it come to rest and count."""
        for role in ("monitor", "writer", "consumer"):
            self._start(role)
        self._services["poller"] = self._stage.poll(self._plan.tags, self._plan.interval_ms)
        self._began = time.monotonic()
        ended = self._go_on()
        poller = self._services.pop("poller")
        self._stage.stop(poller)
        self._come_to_rest()
        self._check()
        self._samples.note({"end": self._account() | {"ended": ended, "seconds": self._now()}})
        self._stage.stop(*self._services.values())

    def _go_on(self) -> str:
        """Return why it ended."""
        plan = self._plan
        coming = faults(self._stage, self._replace, lambda: self._inserted < KILLING * plan.values)
        next_fault, next_line = plan.every_s, 0.0
        while self._inserted < plan.values:
            now = self._now()
            if now > plan.most_s:
                return f"its time was over, {plan.most_s / 60:.0f} minutes"
            if now >= next_fault and self._left_s() > plan.every_s:
                next_fault = now + plan.every_s
                self._strike(*next(coming))
            # Not in the turn of a fault, which is meant for the writer's calls and not for those of the check.
            elif self._rows() >= plan.table_rows:
                self._hold_and_check()
            self._see_that_all_live()
            self._sample()
            if now >= next_line:
                next_line = now + _TELL_S
                self._tell()
            if (used := self._looks.disk_bytes()) > plan.disk_bytes:
                return f"it used {used / 1e9:.1f} GB of the disk"
            time.sleep(max(0.0, plan.sample_s - (self._now() - now)))
        return ""

    def _rows(self) -> int:
        """Return the rows in the table; 0 where the stand-in is too busy to say."""
        try:
            return self._stage.count()
        except (ControlError, OSError):
            return 0

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _left_s(self) -> float:
        """Return the seconds that are left if it goes on as it went so far."""
        rate = self._inserted / self._now() if self._inserted else self._plan.rate
        return (self._plan.values - self._inserted) / rate

    def _start(self, role: str) -> None:
        self._services[role] = self._stage.start_and_wait(role, BACKUP_AUTO_RECOVER="true")

    def _replace(self, role: str) -> None:
        self._stage.kill(self._services[role])
        self._start(role)
        self._samples.note({"at_s": self._now(), "start": role})

    def _strike(self, name: str, fault: Callable[[], object]) -> None:
        self._samples.note({"at_s": self._now(), "fault": name})
        typer.echo(f"{timedelta(seconds=round(self._now()))}  {name}")
        fault()

    def _see_that_all_live(self) -> None:
        for role, service in self._services.items():
            if service.poll() is not None:
                raise ChildDiedError(Child(role, service, self._stage.log_path(role)))

    def _sample(self) -> None:
        try:
            self._inserted = self._stage.snapshot()[Counter.INSERTED]
        except RedisUnavailableError:
            return
        self._samples.note({"at_s": self._now(), "hours": self._inserted / PLANT_HOUR, "seen": self._looks.all()})

    def _hold_and_check(self) -> None:
        """Hold the poller so that nothing is on its way; what it does not poll meanwhile it leaves out, and says so."""
        poller = self._services["poller"]
        poller.send_signal(signal.SIGSTOP)
        try:
            self._come_to_rest()
            self._check()
        finally:
            poller.send_signal(signal.SIGCONT)
        self._looks.forget()

    def _come_to_rest(self) -> None:
        """Wait until nothing is on its way, nor was for a while: what a held poller has sent may be at Redis' door."""
        looks = deque([-1], maxlen=_LOOKS_AT_REST)

        def rests() -> bool:
            looks.append(self._inserted_at_rest())
            return len(looks) == _LOOKS_AT_REST and looks[0] >= 0 and len(set(looks)) == 1

        self._stage.until(rests, "everything to be written and recovered", _REST_S, every_s=0.25)

    def _inserted_at_rest(self) -> int:
        """Return the values that ever came when none of them is on its way; -1 when some are."""
        try:
            ledger = self._stage.snapshot()
        except RedisUnavailableError:
            return -1
        is_at_rest = is_idle(ledger) and not list(self._stage.backup_dir.glob("backup_*.csv"))
        return ledger[Counter.INSERTED] if is_at_rest else -1

    def _check(self) -> None:
        rows = self._inspection.run()
        self._samples.note({"at_s": self._now(), "check": rows})
        for path in self._stage.backup_dir.glob("recovered/*"):
            path.unlink()
        if self._inspection.missing:
            typer.echo(f"{self._inspection.missing} rows are missing in the table, of {self._inspection.rows}")

    def _account(self) -> dict[str, int]:
        """Return what became of all values."""
        ledger = self._stage.snapshot()
        told = re.findall(r"Emitted \d+ messages with (\d+) values", self._stage.log("poller"))
        return {
            "emitted": int(told[-1]),
            "rows": self._inspection.rows,
            "polls": self._inspection.polls,
            "partial": self._inspection.partial,
            "again": self._inspection.again,
            "missing": self._inspection.missing,
            "bad": self._inspection.bad,
            **{name.value: ledger[name] for name in (Counter.BACKED_UP, Counter.OVERFLOWED, Counter.DUPLICATES)},
        }

    def _tell(self) -> None:
        seen = {name: points[-1].value for name, points in self._samples.series.items()}
        told = ", ".join(f"{name.partition(':')[0]} {seen[name]:.0f}" for name in seen if name.endswith("memory, MB"))
        share = self._inserted / self._plan.values
        typer.echo(
            f"{timedelta(seconds=round(self._now()))}  {self._inserted / 1e6:.1f} million ({100 * share:.0f} %), "
            f"{timedelta(seconds=round(self._left_s()))} left; MB: {told}; age {seen.get(Looks.AGE, 0):.0f} ms; "
            f"{len(self._samples.checks)} checks, {self._inspection.missing} missing; "
            f"disk {self._looks.disk_bytes() / 1e6:.0f} MB"
        )
