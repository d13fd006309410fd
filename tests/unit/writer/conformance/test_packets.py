"""What is recorded of packets: as the driver prints them, without keys, and with a bound."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.writer.conformance import packets
from services.writer.conformance.packets import Recorder

KEY = b"0123456789ABCDEF0123456789abcdef"


def printed(what: str, packet: bytes, socket: int = 5) -> str:
    """Return what the driver prints of a packet: eight bytes a line."""
    rows = [packet[at : at + 8] for at in range(0, len(packet), 8)]
    lines = [f"{8 * n:04} : {row.hex(' ').upper():23} |{'.' * 8}|" for n, row in enumerate(rows)]
    return "\n".join([f"2026-01-02 03:04:05.678 {what} [op 7] on socket {socket}", *lines]) + "\n"


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "packets", iter(["Pass1234", ""]))


def recorded(recorder: Recorder, tmp_path: Path) -> tuple[str, bytes]:
    """Return the file, and the bytes of all that is dumped in it."""
    recorder.end()
    text = (tmp_path / "packets").read_text()
    return text, bytes.fromhex(" ".join(line.partition(" : ")[2][:48] for line in text.splitlines() if " : " in line))


def test_keys_are_masked_until_a_session_is_logged_on(recorder: Recorder, tmp_path: Path) -> None:
    logon = b"AUTH_SESSKEY\x01\x20\x20" + KEY + b"\x01AUTH_VERSION_NO\x01"
    for what in (
        "Sending request authorization",
        "Receiving packet",
        "Sending request send_marker",
        "Receiving packet",
    ):
        recorder.write(printed(what, logon))
    recorder.write(printed("Sending request execute", b"SELECT 'ABCDEF' FROM dual"))
    recorder.write(printed("Receiving packet", logon, socket=6))
    text, dumped = recorded(recorder, tmp_path)
    assert dumped.count(b"AUTH_SESSKEY") == dumped.count(b"AUTH_VERSION_NO") == 5
    assert KEY[:4] not in dumped
    assert b"SELECT 'ABCDEF' FROM dual" in dumped
    assert "AUTH_SESSKEY" in text


def test_passwords_are_masked_wherever_they_are(recorder: Recorder, tmp_path: Path) -> None:
    recorder.write(printed("Sending request execute", b'CREATE USER u IDENTIFIED BY "Other_5678" PROFILE p'))
    recorder.write(printed("Sending request execute", b"SELECT 'Pass1234' FROM dual"))
    recorder.write(printed("Sending server verification", KEY))
    _, dumped = recorded(recorder, tmp_path)
    assert dumped.count(b"*") == len("Other_5678") + len("Pass1234") + len(KEY)
    assert b"PROFILE p" in dumped


def test_what_is_no_packet_is_left_out(recorder: Recorder, tmp_path: Path) -> None:
    for text in ("hello", "\n", "AUTH_PASSWORD Pass1234"):
        recorder.write(text)
    recorder.write("2026-01-02 03:04:05.678 Disconnecting transport [op 9] on socket 5\n")
    text, dumped = recorded(recorder, tmp_path)
    assert dumped == b""
    assert ("hello" in text, "Disconnecting transport" in text) == (False, True)


def test_the_file_and_each_packet_have_a_bound(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.write(printed("Sending request execute", b"x" * 5_000))
    assert "... and 3976 bytes more" in recorder_text(recorder, tmp_path)
    recorder = Recorder(tmp_path / "packets", iter(()))
    monkeypatch.setattr(recorder, "_room", 10_000)
    for _ in range(100):
        recorder.write(printed("Sending request execute", b"x" * 100))
    recorder.end()
    assert "only the first" in recorder.problem
    assert (tmp_path / "packets").stat().st_size < 10_000 + len(packets._PREAMBLE) + 100
    assert (tmp_path / "packets").stat().st_mode & 0o077 == 0


def recorder_text(recorder: Recorder, tmp_path: Path) -> str:
    recorder.end()
    return (tmp_path / "packets").read_text()


def test_threads_that_print_at_once_leave_nothing_else_in_the_file(recorder: Recorder, tmp_path: Path) -> None:
    """Kind: one buffer filled by several threads. Python's text files then write out memory that is not theirs."""
    packet = bytes(range(1, 30)) * 30
    texts = [printed("Sending request execute", packet, socket) for socket in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(recorder.write, texts * 40))
    text, dumped = recorded(recorder, tmp_path)
    assert dumped == packet * len(texts) * 40
    assert text.count("Sending request execute") == len(texts) * 40


def test_a_file_that_takes_no_more_ends_the_recording_and_nothing_else(recorder: Recorder) -> None:
    """Kind: no side path ends the main one."""
    recorder.end()
    assert recorder.write(printed("Sending request execute", b"x")) > 0
    assert recorder.problem
