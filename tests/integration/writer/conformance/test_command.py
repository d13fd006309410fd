"""`python -m services.writer conformance`: all that is taken for granted of Oracle, asked of the stand-in."""

import importlib
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.command import Command, run_command
from sandbox.harness.waiting import wait_until
from services.writer.conformance.administrator import KINDS
from services.writer.conformance.command import CLAIMS
from tests.relay import Relay

#: What the stand-in can't be asked: it has no standby (a test of its own plays one), and some claims nobody can ask.
UNTRIED = {"standby", "out-of-band-break"}

#: What is asked of it only where there is a DBA's account.
BY_A_DBA = {
    "killed-session", "sessions-per-user", "account", "read-only", "idle-time", "tablespace-full", "partition-full",
    "deployed",
}  # fmt: skip


@pytest.fixture(scope="module")
def stand_in() -> Iterator[OracleStandIn]:
    with OracleStandIn(minute_s=1.0) as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def newer() -> Iterator[OracleStandIn]:
    with OracleStandIn(field_version="23ai", minute_s=1.0) as stand_in:
        yield stand_in


def environment(stand_in: OracleStandIn, *, admin: bool = False) -> dict[str, str]:
    where = {"ORACLE_DSN": stand_in.dsn, "ORACLE_USER": stand_in.user, "ORACLE_PASSWORD": stand_in.password}
    return {**os.environ, **where, **({"ORACLE_ADMIN": f"system/{stand_in.password}"} if admin else {})}


def left_by_runs(stand_in: OracleStandIn) -> list[str]:
    """Return what there is beside the stand-in's own: tables, users, tablespaces, profiles."""
    with oracledb.connect(user="system", password=stand_in.password, dsn=stand_in.dsn) as dba, dba.cursor() as cursor:
        asked = " UNION ".join(sql for sql, _ in KINDS.values())
        names = [str(name) for (name,) in cursor.execute(asked)]
    return [*stand_in.control.status().tables, *(name for name in names if name.startswith("TT_"))]


def command(report: Path, *only: str) -> list[str]:
    names = [part for name in only for part in ("--only", name)]
    return ["services.writer", "conformance", "--report", str(report), "--rows", "2000", *names]


def run(stand_in: OracleStandIn, report: Path, *only: str, admin: bool = False) -> tuple[int, str, dict[str, Any]]:
    done = run_command(*command(report, *only), environ=environment(stand_in, admin=admin), timeout_s=110)
    assert "Traceback" not in done.stdout + done.stderr
    found: dict[str, Any] = json.loads(report.with_suffix(".json").read_text())
    return done.returncode, done.stdout, found


@pytest.mark.parametrize("flavour", ["stand_in", "newer"])
def test_all_that_can_be_tried_holds_and_nothing_is_left_behind(
    request: pytest.FixtureRequest, flavour: str, tmp_path: Path
) -> None:
    """The stand-in is as true as the list: a claim that it can be asked must hold, and none becomes untried unseen."""
    stand_in: OracleStandIn = request.getfixturevalue(flavour)
    status, output, report = run(stand_in, tmp_path / "conformance", admin=True)
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
    assert stand_in.control.status().sessions == 0
    assert left_by_runs(stand_in) == []


def test_what_differs_is_said_with_what_was_seen(stand_in: OracleStandIn, tmp_path: Path) -> None:
    stand_in.control.refuse_rows(20001, message="ORA-20001: no such quality", containing="2")
    tried = ("microseconds", "errors-all-listed", "all-refused", *BY_A_DBA)
    try:
        status, output, report = run(stand_in, tmp_path / "conformance", *tried)
    finally:
        stand_in.control.reset()
    states = {claim["name"]: claim for claim in report["claims"]}
    assert status == 1
    assert states.keys() == set(tried)
    assert states["microseconds"]["state"] == "holds"
    assert states["all-refused"]["state"] == "differs"
    assert "ORA-20001" in states["errors-all-listed"]["seen"]
    assert {name for name, claim in states.items() if "no ORACLE_ADMIN" in claim["seen"]} == BY_A_DBA
    assert "differs" in output
    assert stand_in.control.status().tables == {}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_all_that_it_made_is_dropped(
    stand_in: OracleStandIn, tmp_path: Path, how: signal.Signals
) -> None:
    with Command(*command(tmp_path / "conformance"), environ=environment(stand_in, admin=True)) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if b"commit-travels" in line)
        assert any("TAGPIPE_" in name for name in left_by_runs(stand_in))
        process.send_signal(how)
        rest = process.output()
    assert process.returncode == 0
    assert "stopped by a signal" in rest
    assert left_by_runs(stand_in) == []


def test_two_runs_at_once_leave_each_other_alone_and_what_a_killed_one_left_is_dropped(
    stand_in: OracleStandIn, tmp_path: Path
) -> None:
    """Kind: what nobody takes away. A run that is killed drops nothing; the next can tell it from one that goes on."""
    environ = environment(stand_in, admin=True)
    with Command(*command(tmp_path / "first"), environ=environ) as first:
        assert first.stdout is not None
        next(line for line in first.stdout if b"commit-travels" in line)
        (marker,) = [name for name in stand_in.control.status().tables if name.endswith("_TAGPIPE")]
        first.send_signal(signal.SIGSTOP)
        status, output, _ = run(stand_in, tmp_path / "second", "account", admin=True)
        assert (status, "goes on as well" in output) == (0, True), output
        left = left_by_runs(stand_in)
        assert marker in left
        assert any(name.startswith(f"{marker}_") for name in left)
        first.kill()
    wait_until(lambda: stand_in.control.status().sessions == 0, 10)
    status, output, _ = run(stand_in, tmp_path / "third", "account", admin=True)
    assert status == 0, output
    assert f"run {marker.removesuffix('_TAGPIPE')} is over" in output
    assert left_by_runs(stand_in) == []


def test_what_is_not_its_own_is_never_dropped(stand_in: OracleStandIn, tmp_path: Path) -> None:
    """Names that look like its own, tables and users, of somebody else."""
    with oracledb.connect(user="system", password=stand_in.password, dsn=stand_in.dsn) as dba:
        dba.cursor().execute("CREATE USER tt_12345678_tagpipe IDENTIFIED BY x")
    with oracledb.connect(user=stand_in.user, password=stand_in.password, dsn=stand_in.dsn) as owner:
        owner.cursor().execute("CREATE TABLE tt_20260101_1 (a NUMBER)")
    try:
        run(stand_in, tmp_path / "conformance", "account", admin=True)
        assert sorted(left_by_runs(stand_in)) == ["TT_12345678_TAGPIPE", "TT_20260101_1"]
    finally:
        with oracledb.connect(user="system", password=stand_in.password, dsn=stand_in.dsn) as dba:
            dba.cursor().execute("DROP USER tt_12345678_tagpipe CASCADE")
        with oracledb.connect(user=stand_in.user, password=stand_in.password, dsn=stand_in.dsn) as owner:
            owner.cursor().execute("DROP TABLE tt_20260101_1")


def test_a_database_that_is_lost_in_between_is_said_with_what_is_left(stand_in: OracleStandIn, tmp_path: Path) -> None:
    with Command(*command(tmp_path / "conformance"), environ=environment(stand_in, admin=True)) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if b"commit-travels" in line)
        stand_in.control.stop_listening("rst")
        rest = process.output()
    stand_in.control.reset()
    assert "no connection: DPY-6005" in rest
    assert process.returncode == 1
    assert "left behind, and dropped by the next run: USER TT_" in rest
    assert "Traceback" not in rest
    assert ", 0 differs, " in rest
    run(stand_in, tmp_path / "again", "account", admin=True)
    assert left_by_runs(stand_in) == []


def test_a_standby_is_told_from_a_database_that_takes_writes(stand_in: OracleStandIn, tmp_path: Path) -> None:
    stand_in.control.fail_next(None, ora_code=16000, verb="CREATE")
    try:
        status, output, report = run(stand_in, tmp_path / "conformance", "standby", "microseconds")
    finally:
        stand_in.control.reset()
    assert {claim["name"]: claim["state"] for claim in report["claims"]} == {
        "standby": "holds", "microseconds": "not tried",
    }  # fmt: skip
    assert (status, "can make no table here: ORA-16000" in output) == (0, True), output


def test_a_wrong_password_is_tried_once_and_locks_nobody_out(stand_in: OracleStandIn, tmp_path: Path) -> None:
    """Kind: whoever asks often enough is shut out. With a DBA's password mistyped each claim logged on anew."""
    before = stand_in.control.status().errors
    environ = environment(stand_in) | {"ORACLE_ADMIN": "system/mistyped"}
    done = run_command(*command(tmp_path / "report"), environ=environ, timeout_s=60)
    assert (done.returncode, "no connection: as ORACLE_ADMIN: ORA-01017" in done.stdout) == (1, True), done.stdout
    assert stand_in.control.status().errors == before + 1
    with Command(*command(tmp_path / "conformance"), environ=environment(stand_in)) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if b"commit-travels" in line)
        stand_in.control.change_password("another")
        before = stand_in.control.status().errors
        rest = process.output()
    refused = stand_in.control.status().errors - before
    stand_in.control.change_password(stand_in.password)
    assert "no logon after one that was refused: ORA-01017" in rest
    # one of a connection, and one of a sink that had its own by then; errors that claims ask for may be among them
    assert refused < 6, rest
    assert "Traceback" not in rest
    run(stand_in, tmp_path / "again", "codes")
    assert left_by_runs(stand_in) == []


def test_a_claim_that_there_is_none_of_is_said_with_those_there_are(stand_in: OracleStandIn, tmp_path: Path) -> None:
    done = run_command(*command(tmp_path / "report", "mikroseconds"), environ=environment(stand_in), timeout_s=60)
    assert (done.returncode, "microseconds" in done.stderr + done.stdout) == (2, True)


def test_a_report_that_cannot_be_written_is_said_and_shown(stand_in: OracleStandIn, tmp_path: Path) -> None:
    """Kind: the last step loses the work of all others. A full disk cost the report of five minutes."""
    none = run_command(*command(tmp_path / "none" / "report"), environ=environment(stand_in), timeout_s=60)
    assert (none.returncode, "there is no directory" in none.stderr + none.stdout) == (2, True)
    (tmp_path / "report.json").mkdir()
    done = run_command(*command(tmp_path / "report", "microseconds"), environ=environment(stand_in), timeout_s=110)
    assert done.returncode == 1
    assert "the report can't be written" in done.stdout
    assert "**microseconds**" in done.stdout


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_each_claim_names_code_that_is_there(claim: Any) -> None:
    module, _, name = claim.relied_on_by.rpartition(".")
    assert hasattr(importlib.import_module(module), name)


class Tap(Relay):
    """Passes on, and keeps all that went by."""

    def __init__(self, port: int) -> None:
        self.seen: list[bytes] = []
        super().__init__(port)

    def _pass_on(self, source: socket.socket, target: socket.socket, age: int) -> None:  # noqa: ARG002 - the relay's
        with suppress(OSError):
            while received := source.recv(65_536):
                self.seen.append(received)
                target.sendall(received)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("flavour", ["stand_in", "newer"])
def test_packets_are_recorded_without_what_opens_an_account(
    request: pytest.FixtureRequest, flavour: str, tmp_path: Path
) -> None:
    """Kind: a secret in a file that is made to be sent. The driver prints proofs, verifiers and halves of keys."""
    stand_in: OracleStandIn = request.getfixturevalue(flavour)
    packets = tmp_path / "packets.txt"
    with Tap(stand_in.port) as tap:
        environ = environment(stand_in, admin=True) | {"ORACLE_DSN": f"127.0.0.1:{tap.port}/{stand_in.service}"}
        names = ("--packets", str(packets))
        done = run_command(
            *command(tmp_path / "report", "account", "microseconds"), *names, environ=environ, timeout_s=60
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "on socket" not in done.stdout
    lines = [line for line in packets.read_text().splitlines() if " : " in line]
    recorded = bytes.fromhex(" ".join(line.partition(" : ")[2][:48] for line in lines))
    assert recorded.count(b"AUTH_SESSKEY") > 4
    assert b"CREATE TABLE" in recorded
    keys = {found[0] for found in re.finditer(rb"[0-9A-Fa-f]{24,}", b"".join(tap.seen))}
    assert len(keys) > 20
    assert [key for key in keys if any(key[at : at + 8] in recorded for at in range(0, len(key) - 8, 4))] == []
    passwords = {found[1] for found in re.finditer(rb'IDENTIFIED BY "([^"]+)', b"".join(tap.seen))}
    assert passwords
    assert [password for password in passwords if password in recorded] == []
