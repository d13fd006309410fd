"""Real processes: what a template brings forth must be what a start from nothing would have brought forth."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.harness.oracle import ROOT
from sandbox.harness.process import Process
from sandbox.harness.supervisor import python
from sandbox.harness.templates import Templates
from sandbox.harness.waiting import wait_until

#: Says all that a process finds itself with; the module beside it notes who imports it.
_TELLER = """
import json, os, sys, time
import teller.beside
if __name__ == "__main__":
    print(json.dumps([
        sys.argv[1:], os.path.basename(sys.argv[0]), os.getcwd(), sys.path[:2],
        sorted(item for item in os.environ.items() if item[0] != "PWD"),  # some shells' own
        os.getpid() == os.getsid(0) == os.getpgid(0), __name__, __package__, sys.stdin.read(),
        sorted(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None,
    ]), flush=True)
    print("to stderr", file=sys.stderr)
    if "wait" in sys.argv: time.sleep(60)
    sys.exit(len(sys.argv))
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    package = tmp_path / "teller"
    package.mkdir()
    (package / "__main__.py").write_text(_TELLER)
    (package / "beside.py").write_text("import os\nwith open(__file__ + '.pids', 'a') as f: print(os.getpid(), file=f)")
    return {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


@pytest.fixture
def templates(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with Templates(["teller"]) as templates:
        monkeypatch.setattr(Process, "templates", templates)
        yield


def importers(directory: Path) -> list[int]:
    """Return the processes that imported the module beside the teller."""
    return [int(pid) for pid in (directory / "teller" / "beside.py.pids").read_text().split()]


@pytest.mark.usefixtures("templates")
def test_one_that_was_spared_its_imports_finds_itself_as_one_that_was_not(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    said = []
    for _ in range(4):
        with Process(
            python("teller", "a", "b c"),
            subprocess.PIPE,
            {**environ, "OF_ITS_OWN": "1"},
            directory=tmp_path,
            errors=subprocess.PIPE,
        ) as process:
            said.append((*process.communicate(timeout=30), process.returncode))
            pid = process.pid
    assert said[1:] == [said[0]] * 3, "\n".join(map(repr, said))
    assert said[0][1:] == (b"to stderr\n", 3)
    # The first, and the template of the others.
    assert len(importers(tmp_path)) == 2
    assert pid not in importers(tmp_path)


@pytest.mark.usefixtures("templates")
def test_what_is_read_as_a_process_begins_makes_another_kind_and_what_is_loaded_before_all_is_never_forked(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    for further in ({}, {"PYTHONUTF8": "1"}, {"TZ": "Asia/Seoul"}, {"LD_BIND_NOW": "1"}, {"LD_BIND_NOW": "1"}):
        with Process(python("teller"), subprocess.DEVNULL, environ | further, directory=tmp_path) as process:
            assert process.wait(30) == 1
        assert importers(tmp_path)[-1] == process.pid


@pytest.mark.usefixtures("templates")
def test_a_signal_is_told_and_the_whole_group_ends(tmp_path: Path, environ: dict[str, str]) -> None:
    log = tmp_path / "log"
    for _ in range(2):
        log.unlink(missing_ok=True)
        with (
            log.open("wb") as output,
            Process(python("teller", "wait"), output, environ, directory=tmp_path) as process,
        ):
            wait_until(log.read_bytes, what="its words")
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == -signal.SIGTERM
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_a_killed_runner_leaves_neither_templates_nor_what_they_brought_forth(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    (tmp_path / "runner.py").write_text(
        "import os, time; from sandbox.harness.process import Process; from sandbox.harness.supervisor import python\n"
        "from sandbox.harness.templates import Templates\n"
        "Process.templates = Templates(['teller'])\n"
        "log = open('log', 'wb')\n"
        "pids = [Process(python('teller', 'wait'), log, os.environ).pid for _ in range(3)]\n"
        "print(*pids, flush=True); time.sleep(60)\n"
    )
    environ["PYTHONPATH"] += f":{ROOT}"
    with subprocess.Popen(
        [sys.executable, "runner.py"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        pids = [int(pid) for pid in runner.stdout.readline().split()]
        wait_until(lambda: (tmp_path / "log").read_text().count("to stderr") == 3, what="their words")
        runner.kill()
    assert len(pids) == 3
    wait_until(lambda: not any(map(_lives, [*pids, *importers(tmp_path)])), what="their end")


def _lives(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
