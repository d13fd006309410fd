"""Where each service's time goes at full load, function by function, as py-spy sees it from outside."""

import os
import shutil
import subprocess
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.figures import Section
from bench.stage import Stage
from bench.trial import INTERVAL_MS, start_services
from sandbox.harness.oracle import ROOT

#: Values/s that are offered: more than any machine of ours carries, so that nobody waits for more to come.
RATE = 300_000

#: Functions that are told of each service.
TOLD = 8

#: Samples a second, a number that no clock of the services has in common with it.
_PER_S = 97

_ROLES = ("poller", "consumer", "writer")

_PLACES = (ROOT / ".drivers" / "py-spy" / "bin", ROOT / ".venv" / "bin")


def run(*, quick: bool) -> Section:
    """Look at each service in turn while all are at work."""
    seconds = 3 if quick else 10
    section = Section(
        "hot-spots",
        "14. Hot spots",
        f"py-spy looks {_PER_S} times a second, {seconds} s long, at each service while {RATE:,} values/s are offered. "
        "Per cent of the looks at which some thread held Python's lock: what is done without it (the socket's work, "
        "waiting) is not in here.",
    )
    program = find_py_spy()
    if program is None:
        section.notes.append(
            "not measured: no py-spy is installed; `python3 -m venv .drivers/py-spy && .drivers/py-spy/bin/pip install "
            "py-spy` puts it where it is looked for. `make profile` needs none"
        )
        return section
    with Stage() as stage:
        services = start_services(stage, "writer", "consumer")
        services["poller"] = stage.poll(RATE * INTERVAL_MS // 1000, INTERVAL_MS)
        for role in _ROLES:
            stage.empty_table()
            _tell(section, role, _record(program, services[role].pid, seconds, stage.directory / f"{role}.stacks"))
        # There is a backlog, which is not waited for.
        for service in services.values():
            stage.kill(service)
    return section


def find_py_spy() -> str | None:
    """Return the path of py-spy: on PATH, or in an environment of its own; None where there is none."""
    return shutil.which("py-spy", path=os.pathsep.join((*map(str, _PLACES), os.environ.get("PATH", ""))))


def shares(stacks: Iterable[str]) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return the shares of looks at which each function was at work: itself, and itself or what it called.

    Args: stacks: lines of `py-spy record --format raw`: frames from outside to inside, `;` between them, and a count.
    """
    own: Tally[str] = Tally()
    whole: Tally[str] = Tally()
    for line in stacks:
        frames, _, count = line.strip().rpartition(" ")
        if not frames:
            continue
        names = [_function(frame) for frame in frames.split(";")]
        own[names[-1]] += int(count)
        for name in set(names):
            whole[name] += int(count)
    total = own.total() or 1
    return ({name: n / total for name, n in own.items()}, {name: n / total for name, n in whole.items()})


def _function(frame: str) -> str:
    """Return a frame without its line: `claim (shared/queues/buffer.py)`."""
    name, _, place = frame.partition(" (")
    path = place.rpartition(":")[0] or place.rstrip(")")
    return f"{name} ({'/'.join(path.split('/')[-2:])})" if path else name


def _record(program: str, pid: int, seconds: int, file: Path) -> list[str]:
    options = {"pid": pid, "duration": seconds, "rate": _PER_S, "format": "raw", "output": file}
    command = [program, "record", "--nonblocking", "--gil"]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr.strip()[-500:]}")
    return file.read_text("utf-8").splitlines()


def _tell(section: Section, role: str, stacks: list[str]) -> None:
    own, whole = shares(stacks)
    for name, share in sorted(own.items(), key=lambda item: -item[1])[:TOLD]:
        section.add(f"{role}: `{name}`, {100 * whole[name]:.0f} % with what it calls", [100 * share], "%", 0)
