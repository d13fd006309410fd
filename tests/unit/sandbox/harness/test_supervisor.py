"""Real processes, tiny ones: what the supervisor starts must be gone, whoever dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.harness.oracle import ROOT
from sandbox.harness.supervisor import Supervisor, python
from sandbox.harness.waiting import wait_until

#: A child that says when it is ready; with `deaf` it ignores SIGTERM, with `parent` it starts another of its kind.
_SLEEPER = """
import signal, subprocess, sys, time
if "deaf" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
else: signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if "parent" in sys.argv: print(subprocess.Popen([sys.executable, "-m", "sleeper", "deaf"]).pid)
print("ready", flush=True)
while True: time.sleep(60)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "sleeper.py").write_text(_SLEEPER)
    return tmp_path


def _is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def _spawn(supervisor: Supervisor, name: str, *arguments: str) -> int:
    child = supervisor.spawn(name, python("sleeper", *arguments), os.environ)
    wait_until(lambda: "ready" in child.log_tail(), what="the child's start")
    return child.process.pid


def test_children_are_gone_after_the_block(directory: Path) -> None:
    with Supervisor(directory) as supervisor:
        pids = [_spawn(supervisor, "one"), _spawn(supervisor, "two")]
        assert all(map(_is_alive, pids))
    assert not any(map(_is_alive, pids))


def test_stop_ends_only_whom_it_names(directory: Path) -> None:
    with Supervisor(directory) as supervisor:
        one, two = _spawn(supervisor, "one"), _spawn(supervisor, "two")
        assert supervisor.stop(["one", "nobody"], wait_s=10) == []
        assert not _is_alive(one)
        assert _is_alive(two)
        assert supervisor.child("one") is None
        assert supervisor.fallen() is None


def test_child_that_does_not_listen_is_killed_and_named(directory: Path) -> None:
    with Supervisor(directory) as supervisor:
        pid = _spawn(supervisor, "deaf", "deaf")
        assert [child.name for child in supervisor.stop(["deaf"], wait_s=0.1)] == ["deaf"]
        assert not _is_alive(pid)


def test_grandchildren_are_ended_too(directory: Path) -> None:
    with Supervisor(directory) as supervisor:
        _spawn(supervisor, "parent", "parent")
        grandchild = int((directory / "parent.log").read_text().split()[0])
        supervisor.stop(["parent"], wait_s=10)
        wait_until(lambda: not _is_alive(grandchild), what="the grandchild's end")


def test_a_group_is_ended_while_its_number_can_be_no_others(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a number that is somebody else's by now. (lionagi#3402: after the reap a stranger's group was killed.)"""
    ended: list[bool] = []
    kill = os.killpg

    def killpg(group: int, signum: int) -> None:
        os.kill(group, 0)  # raises where the number is free
        ended.append(signum == signal.SIGKILL)
        kill(group, signum)

    with Supervisor(directory) as supervisor:
        child = supervisor.spawn("brief", ["true"], os.environ)
        monkeypatch.setattr(os, "killpg", killpg)
        wait_until(lambda: child.status == 0, what="its end")
        assert child.status == 0
        supervisor.stop(["brief"], wait_s=0)
    assert ended == [True]


def test_child_that_dies_is_noticed_with_its_last_words(directory: Path) -> None:
    (directory / "broken.py").write_text("raise SystemExit('no such table')")
    with Supervisor(directory) as supervisor:
        _spawn(supervisor, "healthy")
        supervisor.spawn("broken", python("broken"), os.environ)
        child = wait_until(supervisor.fallen, what="the child's end")
        assert child is not None
        assert child.name == "broken"
        assert child.end == "ended with status 1"
        assert child.log_tail() == "no such table"


def test_child_that_was_killed_is_said_to_be(directory: Path) -> None:
    with Supervisor(directory) as supervisor:
        os.kill(_spawn(supervisor, "one"), signal.SIGKILL)
        child = wait_until(supervisor.fallen, what="the child's end")
        assert child is not None
        assert child.end == "was ended by SIGKILL"


def test_killed_runner_leaves_no_children(directory: Path) -> None:
    # Given: a runner with one obedient and one deaf child
    (directory / "runner.py").write_text(
        "import os, time; from pathlib import Path; from sandbox.harness.supervisor import Supervisor, python\n"
        "with Supervisor(Path('.')) as supervisor:\n"
        "    pids = [supervisor.spawn(n, python('sleeper', n), os.environ).process.pid for n in ('obedient', 'deaf')]\n"
        "    print(*pids, flush=True)\n"
        "    time.sleep(60)\n"
    )
    runner = subprocess.Popen(
        [sys.executable, "runner.py"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with runner:
        assert runner.stdout is not None
        pids = [int(pid) for pid in runner.stdout.readline().split()]
        for name in ("obedient", "deaf"):
            wait_until((directory / f"{name}.log").read_text, what="the children's start")
        # If: it is killed and can do nothing
        runner.kill()
    # Expect: the watchdog ends both
    wait_until(lambda: not any(map(_is_alive, pids)), what="the children's end")
    assert len(pids) == 2


def test_runner_killed_before_its_watchdog_knows_leaves_no_process(directory: Path) -> None:
    """Kind: a window between the start of a process and the note of it."""
    # Given: a runner that never comes to tell its watchdog of the process that it has just started
    (directory / "runner.py").write_text(
        "import os, time; from pathlib import Path\n"
        "from sandbox.harness.guard import GUARD; from sandbox.harness.supervisor import Supervisor\n"
        "GUARD.add = lambda pid: (print(pid, flush=True), time.sleep(60))\n"
        "with Supervisor(Path('.')) as supervisor:\n"
        "    supervisor.spawn('late', ['touch', 'it-ran'], os.environ)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "runner.py"], cwd=directory, env=environ, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        pid = int(runner.stdout.readline())
        assert _is_alive(pid)
        # If: it is killed just then
        runner.kill()
    # Expect: the process is gone and never became what it was to be
    wait_until(lambda: not _is_alive(pid), what="the process's end")
    assert not (directory / "it-ran").exists()


def test_what_a_program_forgets_to_end_ends_with_it(directory: Path) -> None:
    (directory / "runner.py").write_text(
        "import os; from sandbox.harness.process import Process; from sandbox.harness.supervisor import python\n"
        "log = open('forgotten.log', 'wb')\n"
        "print(Process(python('sleeper'), log, os.environ).pid)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "runner.py"], cwd=directory, env=environ, capture_output=True, text=True, check=True
    )
    pid = int(done.stdout)
    wait_until(lambda: not _is_alive(pid), what="its end")
