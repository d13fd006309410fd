"""The real `python -m sandbox.run`: its exit status, what it says, and that it leaves nothing behind."""

import os
import re
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.harness.oracle import ROOT
from sandbox.harness.process import Process
from sandbox.harness.supervisor import python
from sandbox.harness.waiting import wait_until
from services.monitor.assess.commands import Commands

pytestmark = pytest.mark.e2e

#: Small enough for a machine that does other things, too.
_RATE = {"DEMO_RATE": "200/200ms"}

#: Seconds that a run of a few seconds may take on a machine that is busy; pytest's own timeout is longer.
_PATIENCE_S = 90


class Run:
    """One demo in a directory of its own, and all processes that descend from it."""

    def __init__(self, directory: Path, environ: dict[str, str]) -> None:
        self.directory = directory / "demo"
        self.output = directory / "output.txt"
        # Descendants inherit it, whatever session they are in: that is how they are found.
        self._mark = f"TAGPIPE_TEST_RUN={secrets.token_hex(8)}"
        name, _, value = self._mark.partition("=")
        own = {key: setting for key, setting in os.environ.items() if not key.startswith("DEMO_")}
        with self.output.open("wb") as output:
            environ = {**own, **environ, "DEMO_DIRECTORY": str(self.directory), name: value}
            self.process = Process(python("sandbox.run"), output, environ, directory=ROOT)

    def text(self) -> str:
        """Return what it has said so far."""
        return self.output.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        """Wait until it has said this."""
        wait_until(lambda: text in self.text() or self.process.poll() is not None, _PATIENCE_S, f"{text!r}")
        assert text in self.text()

    def status(self) -> int:
        """Wait for its end and return its exit status."""
        return self.process.wait(_PATIENCE_S)

    def port(self, name: str) -> int:
        """Return the port that it said something listens on."""
        found = re.search(rf"^  {name} .*127\.0\.0\.1:(\d+)", self.text(), re.MULTILINE)
        assert found, self.text()
        return int(found[1])

    def figure(self, name: str) -> int:
        """Return a figure of its summary."""
        found = re.search(rf"^  {name} +([\d,]+)", self.text(), re.MULTILINE)
        assert found, self.text()
        return int(found[1].replace(",", ""))

    def pids(self) -> list[int]:
        """Return its processes and all that descend from it; those that only wait to be reaped are none."""
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if self._is_marked(path)]

    def pid_of(self, module: str) -> int:
        """Return the process that runs a module."""
        program = f"\0{module}\0".encode()
        (pid,) = [pid for pid in self.pids() if program in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return pid

    def _is_marked(self, environ: Path) -> bool:
        try:
            # Redis writes its title over its environment, but works in the demo's directory.
            here = environ.with_name("cwd").readlink().is_relative_to(self.directory)
            return here or self._mark.encode() in environ.read_bytes()
        except OSError:
            return False


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a demo with variables of the environment; what a failed test leaves is ended after it."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("finds descendants in /proc, which this system does not have")
    runs: list[Run] = []

    def start(**environ: str) -> Run:
        runs.append(Run(tmp_path, environ))
        return runs[-1]

    yield start
    for run in runs:
        for pid in run.pids():
            os.kill(pid, signal.SIGKILL)
        run.process.wait()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_run_of_some_seconds_accounts_for_every_value(start: Start) -> None:
    run = start(DEMO_SECONDS="3", **_RATE)
    assert run.status() == 0, run.text()
    assert run.figure("emitted") == run.figure("rows in table") >= 200
    assert "every value is accounted for" in run.text()
    assert run.pids() == []


@pytest.mark.req("FR-017", "FR-018")
def test_recorded_file_arrives_value_by_value(start: Start, tmp_path: Path) -> None:
    # Given: empty cells, CRLF, a number to be stored in its shortest form, a time of its own, no final newline
    csv = tmp_path / "WELL-7_x.csv"
    rows = [
        f"2017-10-31 19:{n // 60:02}:{n % 60:02}.000{n:03},{n}.5e+03,,{'open' if n % 2 else ''}" for n in range(300)
    ]
    csv.write_bytes("\r\n".join(["timestamp,P-PDG,T-TPT,valve", *rows]).encode())
    # If: this file is replayed to its end
    run = start(DEMO_CSV=str(csv), DEMO_STAY="0")
    # Expect: the run ends by itself and finds each of the cells in the table
    assert run.status() == 0, run.text()
    assert "300 rows x 3 tags; 900 values equal in the table" in run.text()
    assert "every value is accounted for" in run.text()
    assert run.pids() == []


def test_a_recording_of_another_country_is_replayed_as_it_was_meant_and_can_be_looked_at(
    start: Start, tmp_path: Path
) -> None:
    """Kind: a replay that is over before anybody can look; a file of Excel read as something else."""
    csv = tmp_path / "PLC07_기록.csv"
    rows = [f"2026-01-02 03:04:{n:02};{n},5;{'열림' if n % 2 else ''}" for n in range(60)]
    csv.write_bytes("\r\n".join(["시각;온도;밸브", *rows]).encode("cp949"))
    # Longer than it stays by itself: a busy machine takes its time with what follows.
    run = start(DEMO_CSV=str(csv), DEMO_STAY="120")
    run.wait_for("all stays up until 120 s are over (DEMO_STAY), or Ctrl+C: http://127.0.0.1:")
    assert "PLC07_기록.csv is read as CP949, semicolons, decimal commas" in run.text()
    assert "its first column, '시각', is taken for the time" in run.text()
    assert "60 rows x 2 tags; 120 values equal in the table" in run.text()
    address = f"http://127.0.0.1:{run.port('dashboard')}"
    # The monitor looks twice a second: on a busy machine what it shows is a little older.
    wait_until(lambda: httpx.get(f"{address}/api/ledger").json().get("written") == 120, what="the ledger on the page")
    token = re.search(r"^  to act there +log in with (\S+)", run.text(), re.MULTILINE)
    assert token, run.text()
    session = httpx.get(f"{address}/api/session", headers={"Authorization": f"Bearer {token[1]}"})
    assert session.json()["may_act"]
    # Expect: the command of a remedy works as it is read there, from any directory
    here = Commands(f"{run.directory}/command {{service}}").said("`python -m services.writer recover --dry-run`")
    done = subprocess.run(here.strip("`").split(), cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Dry run: 0 files" in done.stdout + done.stderr) == (0, True), done.stdout + done.stderr
    run.process.send_signal(signal.SIGINT)
    assert run.status() == 0, run.text()
    assert run.pids() == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_everything_in_order(start: Start, signum: int) -> None:
    # Given: a demo that runs until stopped
    run = start(**_RATE)
    run.wait_for("values/s")
    ports = [run.port(name) for name in ("dashboard", "Redis", "Oracle")]
    assert all(map(_is_open, ports))
    # If: it gets the signal
    run.process.send_signal(signum)
    # Expect: a good end, nothing lost on the way, no process, no port; and the directory is free for the next
    assert run.status() == 0, run.text()
    assert re.search(r"all stopped: [\d,]+ values written, 0 left, ledger balances", run.text()), run.text()
    assert run.pids() == []
    assert not any(map(_is_open, ports))
    assert sorted(path.name for path in run.directory.iterdir() if path.suffix != ".alive") == [
        "backup", "command", "consumer.log", "monitor.log", "oracle.log", "poller.log", "poller.toml",
        "redis", "writer.log",
    ]  # fmt: skip


def test_killed_runner_leaves_no_process(start: Start) -> None:
    run = start(**_RATE)
    # Not before: between the start of the last one and the word to the watchdog nobody knows of it.
    run.wait_for("values/s")
    assert len(run.pids()) == 8, "the runner, its watchdog, Redis, Oracle and four services"
    run.process.kill()
    assert run.status() == -signal.SIGKILL
    wait_until(lambda: run.pids() == [], what="the end of all processes")


def test_second_signal_ends_everything_at_once(start: Start) -> None:
    # Given: a demo whose writer takes its time to stop, since Oracle hangs
    run = start(**_RATE)
    run.wait_for("values/s")
    os.kill(run.pid_of("oracle_stand_in"), signal.SIGSTOP)
    # If: it is told to stop, and told again
    run.process.send_signal(signal.SIGINT)
    run.wait_for("a second Ctrl+C ends everything at once")
    run.process.send_signal(signal.SIGINT)
    # Expect: it obeys, and so does everything else
    assert run.status() == -signal.SIGINT
    wait_until(lambda: run.pids() == [], what="the end of all processes")


def test_service_that_dies_ends_the_demo_and_is_named(start: Start) -> None:
    run = start(**_RATE)
    run.wait_for("values/s")
    os.kill(run.pid_of("services.consumer"), signal.SIGKILL)
    assert run.status() == 1
    assert "error: consumer was ended by SIGKILL; the last lines of" in run.text()
    assert run.pids() == []


def test_stopping_a_run_before_its_verdict_is_told_by_the_status(start: Start) -> None:
    run = start(DEMO_SECONDS="600", **_RATE)
    run.wait_for("starting Redis")
    run.process.send_signal(signal.SIGINT)
    assert run.status() == 130
    assert run.pids() == []


def test_wrong_parameter_is_one_line_and_status_2(start: Start) -> None:
    run = start(DEMO_RATE="fast")
    assert run.status() == 2
    assert run.text() == "error: DEMO_RATE=fast: write tags/interval, for example 3491/1s or 5000/500ms\n"


def test_port_that_is_taken_is_said_before_anything_starts(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(DEMO_ORACLE_PORT=str(port))
        assert run.status() == 2
    assert run.text().startswith(f"error: DEMO_ORACLE_PORT={port}: something else listens there")
    assert not (run.directory / "redis").exists()
