"""A client of Oracle's wire in few lines: it logs on by itself and then sends whatever bytes it is given."""

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

import oracledb

from oracle_stand_in.data.wire import Reader, clr2
from oracle_stand_in.process import OracleStandIn
from oracle_stand_in.protocol import auth

#: The messages before the logon: CONNECT, protocol, data types, first half of the logon.
BEFORE = 4
#: Bytes of a DATA packet before its contents.
DATA_HEADER = 10
DATA, MARKER = 6, 12


@dataclass
class Recording:
    """What a driver sent, packet by packet as it came, and where its session's own part begins."""

    packets: list[bytes] = field(default_factory=list)

    @property
    def session(self) -> list[bytes]:
        """What was sent after the logon."""
        return self.packets[BEFORE + 1 :]


@contextmanager
def recorded(stand_in: OracleStandIn) -> Iterator[tuple[oracledb.Connection, Recording]]:
    """Lend a connection of the real driver, and what it sends."""
    recording = Recording()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def relay() -> None:
            client, _ = listener.accept()
            with client, socket.create_connection((stand_in.host, stand_in.port)) as server:
                back = threading.Thread(target=_pump, args=(server, client, None), daemon=True)
                back.start()
                _pump(client, server, recording.packets)
                back.join()

        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        dsn = f"127.0.0.1:{listener.getsockname()[1]}/{stand_in.service}"
        with oracledb.connect(user=stand_in.user, password=stand_in.password, dsn=dsn) as connection:
            yield connection, recording
        thread.join()


def _pump(source: socket.socket, target: socket.socket, sent: list[bytes] | None) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 20):
            if sent is not None:
                sent.append(data)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class WireClient:
    """One connection; a context manager."""

    def __init__(self, stand_in: OracleStandIn, recording: Recording, limit_s: float) -> None:
        self._password = stand_in.password
        self._recording = recording
        self._socket = socket.create_connection((stand_in.host, stand_in.port))
        self._socket.settimeout(limit_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, data: bytes) -> None:
        """Send a message and leave the answer unread."""
        self._socket.sendall(data)

    def ask(self, data: bytes) -> bytes:
        """Send a message and return what comes first; b"" when the server hangs up.

        Raises: TimeoutError: it does neither.
        """
        try:
            self._socket.sendall(data)
            return self._socket.recv(1 << 20)
        except (ConnectionError, BrokenPipeError):
            return b""

    def _answer(self, data: bytes) -> bytes:
        answer = self.ask(data)
        if not answer:
            raise ConnectionResetError
        return answer

    def log_on(self, hashes: dict[bytes, bytes]) -> None:
        """Go through the recorded messages up to the logon, with keys of our own. `hashes`: salt -> password's hash.

        Raises: ConnectionError: the stand-in hung up, since we took longer than its patience for a step.
        """
        *before, first = self._recording.packets[:BEFORE]
        for packet in before:
            self.ask(packet)
        values = _pairs(self._answer(first)[DATA_HEADER:])
        salt, session_salt = (bytes.fromhex(values[name]) for name in ("AUTH_VFR_DATA", "AUTH_PBKDF2_CSK_SALT"))
        if salt not in hashes:
            hashes[salt] = auth.password_hash(self._password, salt)
        key_part = auth.decrypt(hashes[salt], bytes.fromhex(values["AUTH_SESSKEY"]))
        mine = secrets.token_bytes(32)
        session_key = auth.session_key(mine, key_part, session_salt)
        padded = secrets.token_bytes(auth.BLOCK) + self._password.encode()
        padding = auth.BLOCK - len(padded) % auth.BLOCK
        answer = self._answer(
            self._second(
                {
                    "AUTH_SESSKEY": auth.encrypt(hashes[salt], mine).hex().upper(),
                    "AUTH_PASSWORD": auth.encrypt(session_key, padded + bytes((padding,)) * padding).hex().upper(),
                }
            )
        )
        assert b"AUTH_SESSION_ID" in answer, answer

    def _second(self, values: dict[str, str]) -> bytes:
        """Return the second half of the logon as it was recorded, with other values."""
        packet = self._recording.packets[BEFORE]
        for name, value in values.items():
            start = packet.index(clr2(name.encode())) + len(clr2(name.encode()))
            old = Reader(packet, start)
            old.clr2()
            packet = packet[:start] + clr2(value.encode()) + packet[old.pos :]
        return packet


def _pairs(answer: bytes) -> dict[str, str]:
    reader = Reader(answer, 1)
    found = {}
    for _ in range(reader.ub()):
        name = reader.clr2().rstrip(b"\x00").decode()
        found[name] = reader.clr2().decode()
        reader.ub()
    return found
