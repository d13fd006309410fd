"""The packets of a run beside its report: what the driver prints of them, without passwords and keys, and not too much.

The driver prints each packet as a hex dump to standard output where PYO_DEBUG_PACKETS is in the environment when it is
imported. Here the dumps are taken from there, masked, and written to a file.
Source: python-oracledb, src/oracledb/impl/thin/transport.pyx (`_print_packet`).
"""

import io
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

#: What makes the driver print packets.
VARIABLE = "PYO_DEBUG_PACKETS"

#: Bytes of the file, and those of a packet that are shown of it.
MAX_FILE_BYTES, MAX_PACKET_BYTES = 16_000_000, 1_024

_ROW = 16

_HEADER = re.compile(r"\S+ \S+ (?P<what>.+) \[op \d+\] on socket (?P<socket>\d+)")
_DUMPED = re.compile(r"^\d+ : ((?:[0-9A-F]{2} ?)+)", re.MULTILINE)

#: Requests until a session is logged on, when packets hold proofs, verifiers and halves of keys.
_LOGON = ("connect", "protocol", "data_types", "authorization", "fast_auth")
#: Requests of any time, which say nothing of that.
_ANY_TIME = ("send_marker", "eof")

#: In these packets only the names are shown of what may be key material, which is hexadecimal text.
_KEYS = re.compile(rb"(AUTH_[A-Z0-9_]+)|[0-9A-Fa-f]{4,}")
_IDENTIFIED = re.compile(rb'(IDENTIFIED BY ")([^"]*)', re.IGNORECASE)

_PREAMBLE = """Packets of a conformance run, as python-oracledb prints them. Passwords, keys and verifiers are masked
(*); names of users, hosts and programs, the SQL, and the values that the run made up are not.

"""


class Recorder(io.TextIOBase):
    """Standard output while packets are recorded: takes the driver's dumps, from any thread. Never fails."""

    def __init__(self, path: Path, secrets: Iterator[str]) -> None:
        """Begin a file that only its owner may read. secrets: passwords to mask wherever they are. Raises: OSError."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        # Bytes, not text: a text file that two threads write to may hold what was in memory beside it.
        self._file = os.fdopen(descriptor, "wb")
        self._lock = threading.Lock()
        self._room = MAX_FILE_BYTES
        self._secrets = [secret.encode() for secret in secrets if secret]
        self._logged_on: set[str] = set()
        #: What ended the recording early, if anything did.
        self.problem = ""
        self._put(_PREAMBLE)

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Take what is printed: packets are recorded, anything else is left out."""
        header = _HEADER.match(text)
        if header is not None:
            with self._lock:
                self._put(f"{header[0]}\n{self._shown(header, _bytes_of(text))}\n")
        return len(text)

    def end(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            self.problem = self.problem or str(error)

    def _shown(self, header: re.Match[str], packet: bytes) -> str:
        what, socket = header["what"], header["socket"]
        request = what.removeprefix("Sending request ")
        if request in _LOGON:
            self._logged_on.discard(socket)
        elif request != what and request not in _ANY_TIME:
            self._logged_on.add(socket)
        return dump(self._masked(what, socket, packet))

    def _masked(self, what: str, socket: str, packet: bytes) -> bytes:
        if "server verification" in what:
            return b"*" * len(packet)
        if socket not in self._logged_on:
            packet = _KEYS.sub(lambda found: found[1] or b"*" * len(found[0]), packet)
        packet = _IDENTIFIED.sub(lambda found: found[1] + b"*" * len(found[2]), packet)
        for secret in self._secrets:
            packet = packet.replace(secret, b"*" * len(secret))
        return packet

    def _put(self, text: str) -> None:
        if self.problem:
            return
        self._room -= len(text)
        if self._room < 0:
            self.problem = f"only the first {MAX_FILE_BYTES:,} bytes"
            text = f"... {self.problem} are here\n"
        try:
            self._file.write(text.encode())
        except (OSError, ValueError) as error:
            self.problem = str(error)


def _bytes_of(text: str) -> bytes:
    return bytes.fromhex(" ".join(_DUMPED.findall(text)))


def dump(packet: bytes) -> str:
    """Return the beginning of a packet as lines: offset, bytes, letters."""
    lines = []
    for offset in range(0, min(len(packet), MAX_PACKET_BYTES), _ROW):
        row = packet[offset : offset + _ROW]
        letters = "".join(chr(byte) if 32 < byte < 127 else "." for byte in row)  # noqa: PLR2004 - printable ASCII
        lines.append(f"{offset:04} : {row.hex(' ').upper():{3 * _ROW}}|{letters}|\n")
    if len(packet) > MAX_PACKET_BYTES:
        lines.append(f"... and {len(packet) - MAX_PACKET_BYTES} bytes more\n")
    return "".join(lines)


@contextmanager
def recorded(path: Path | None, secrets: Iterator[str], say: Callable[[str], None]) -> Iterator[None]:
    """Record the packets of what is done meanwhile, if there is a path; say at the end what there is.

    Raises: OSError: the file can't be begun.
    """
    if path is None:
        yield
        return
    recorder = Recorder(path, secrets)
    try:
        with redirect_stdout(recorder):
            yield
    finally:
        recorder.end()
        say(f"packets: {path}{f' ({recorder.problem})' if recorder.problem else ''}")
