"""The claim of breaks that go as urgent data: of a server that takes it, played by a relay in front of the stand-in."""

import json
import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from oracle_stand_in.process import OracleStandIn
from oracle_stand_in.protocol.packets import Marker, marker_packet
from sandbox.harness.command import run_command

ACCEPT = 2
#: Where an ACCEPT's options stand, and the one that says "I can receive attention", in the first of their two bytes.
OPTIONS, TAKES_ATTENTION = 10, 0x04


@pytest.fixture(scope="module")
def stand_in() -> Iterator[OracleStandIn]:
    with OracleStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def attentive(stand_in: OracleStandIn) -> Iterator[str]:
    """The DSN of a server that says that it takes urgent data, and breaks a call off for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def passing_on(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError, ValueError):
                while True:
                    readable, _, urgent = select.select([source], [], [source])
                    if urgent:
                        assert source.recv(1, socket.MSG_OOB) == b"!"
                        target.sendall(marker_packet(Marker.INTERRUPT))
                    if readable:
                        if not (received := bytearray(source.recv(65_536))):
                            break
                        if received[4] == ACCEPT and len(received) > OPTIONS:
                            received[OPTIONS] |= TAKES_ATTENTION
                        target.sendall(received)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection((stand_in.host, stand_in.port))
                    for pair in ((client, server), (server, client)):
                        threading.Thread(target=passing_on, args=pair, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}/{stand_in.service}"


def claim(stand_in: OracleStandIn, dsn: str, report: Path) -> tuple[int, str, str]:
    environment = {
        **os.environ, "ORACLE_DSN": dsn, "ORACLE_USER": stand_in.user, "ORACLE_PASSWORD": stand_in.password,
    }  # fmt: skip
    arguments = ("services.writer", "conformance", "--report", str(report), "--only", "out-of-band-break")
    done = run_command(*arguments, environ=environment, timeout_s=50)
    (found,) = json.loads(report.with_suffix(".json").read_text())["claims"]
    return done.returncode, found["state"], found["seen"]


def test_urgent_data_is_seen_and_the_call_ends(stand_in: OracleStandIn, attentive: str, tmp_path: Path) -> None:
    status, state, seen = claim(stand_in, attentive, tmp_path / "report")
    assert (status, state) == (0, "holds"), seen
    assert seen.startswith("1 urgent bytes; DPY-4024")


def test_where_none_is_taken_nothing_is_claimed(stand_in: OracleStandIn, tmp_path: Path) -> None:
    for dsn, reason in (
        (stand_in.dsn, "takes no urgent data"),
        (f"{stand_in.dsn}?pyo.disable_oob=true", "disable_oob"),
    ):
        _, state, seen = claim(stand_in, dsn, tmp_path / "report")
        assert (state, reason in seen) == ("not tried", True), seen
