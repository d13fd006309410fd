"""`python -m services.writer conformance`: all that is taken for granted of Oracle, asked of the stand-in."""

import importlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.command import Command, run_command
from services.writer.conformance.command import CLAIMS

#: What the stand-in can't be asked: it has no PL/SQL, no foreign keys and no DBA.
UNTRIED = {
    "foreign-key", "trigger-raises", "trigger-with-a-key", "killed-session", "sessions-per-user",
    "account", "tablespace-full", "read-only", "out-of-band-break", "recover",
}  # fmt: skip


@pytest.fixture(scope="module", params=["19c", "23ai"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[OracleStandIn]:
    with OracleStandIn(field_version=request.param) as stand_in:
        yield stand_in


def environment(stand_in: OracleStandIn) -> dict[str, str]:
    where = {"ORACLE_DSN": stand_in.dsn, "ORACLE_USER": stand_in.user, "ORACLE_PASSWORD": stand_in.password}
    return {**os.environ, **where}


def command(report: Path) -> list[str]:
    return ["services.writer", "conformance", "--report", str(report), "--rows", "5000"]


def run(stand_in: OracleStandIn, report: Path) -> tuple[int, str, dict[str, Any]]:
    done = run_command(*command(report), environ=environment(stand_in), timeout_s=110)
    assert "Traceback" not in done.stdout + done.stderr
    found: dict[str, Any] = json.loads(report.with_suffix(".json").read_text())
    return done.returncode, done.stdout, found


def test_all_that_can_be_tried_holds_and_nothing_is_left_behind(stand_in: OracleStandIn, tmp_path: Path) -> None:
    """The stand-in is as true as the list: a claim that it can be asked must hold, and none becomes untried unseen."""
    status, output, report = run(stand_in, tmp_path / "conformance")
    states = {claim["name"]: (claim["state"], claim["seen"]) for claim in report["claims"]}
    assert {name: seen for name, (state, seen) in states.items() if state == "differs"} == {}
    assert {name for name, (state, _) in states.items() if state == "not tried"} == UNTRIED
    assert status == 0, output
    assert list(states) == [claim.name for claim in CLAIMS]
    assert all(seen for _, seen in states.values())
    text = (tmp_path / "conformance.md").read_text()
    assert all(f"**{name}**" in text for name in states)
    assert "AL32UTF8" in report["database"]["character set"]
    assert stand_in.password not in {*report["database"].values()}
    after = stand_in.control.status()
    assert (after.tables, after.sessions) == ({}, 0)


def test_what_differs_is_said_with_what_was_seen(stand_in: OracleStandIn, tmp_path: Path) -> None:
    stand_in.control.refuse_rows(20001, message="ORA-20001: no such quality", containing="2")
    try:
        status, output, report = run(stand_in, tmp_path / "conformance")
    finally:
        stand_in.control.reset()
    states = {claim["name"]: claim for claim in report["claims"]}
    assert status == 1
    assert states["microseconds"]["state"] == "holds"
    assert (states["redelivery"]["state"], states["all-refused"]["state"]) == ("differs", "differs")
    assert "ORA-20001" in states["errors-all-listed"]["seen"]
    assert "differs" in output
    assert stand_in.control.status().tables == {}


def test_a_signal_ends_it_and_its_tables_are_dropped_all_the_same(stand_in: OracleStandIn, tmp_path: Path) -> None:
    with Command(*command(tmp_path / "conformance"), environ=environment(stand_in)) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if b"commit-travels" in line)
        assert stand_in.control.status().tables
        process.send_signal(signal.SIGTERM)
        rest = process.output()
    assert process.returncode == 0
    assert "stopped by a signal" in rest
    assert stand_in.control.status().tables == {}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_each_claim_names_code_that_is_there(claim: Any) -> None:
    module, _, name = claim.relied_on_by.rpartition(".")
    assert hasattr(importlib.import_module(module), name)
