"""`rejected FILE --view`: whatever a file of rejected rows holds, a person may look at it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.harness.oracle import ROOT
from services.writer.backup.format import csv_text
from services.writer.backup.view import Page, list_files, view_file
from shared.records.files import REJECTED_HEADER

#: What does something to a terminal, to the order of letters, or to the lines of a text.
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n\u2028\u2029\x85\u202egnp.\u2066\u200b\x7f\x00=cmd|' /C calc'!A0"


def row(number: int, value: str = "12.5", code: str = "ORA-12899", message: str = "too large") -> tuple[str, ...]:
    tag = f"D{number}"
    return (
        "2026-01-01 00:00:00.000001", "PLC01", tag, f"PLC01.{tag}", value, "GOOD", "2026-01-01T00:00:01.000+00:00",
        code, message,
    )  # fmt: skip


def write(directory: Path, *rows: tuple[str, ...], name: str = "rejected_20260101_000001.csv") -> Path:
    path = directory / name
    path.write_bytes(csv_text([REJECTED_HEADER, *rows]))
    return path


def run(directory: Path, *arguments: object) -> "subprocess.CompletedProcess[bytes]":
    """Run the command as a person who has no settings but BACKUP_DIR."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("ORACLE_", "REDIS_"))}
    return subprocess.run(
        [sys.executable, "-m", "services.writer", "rejected", *map(str, arguments)],
        env={**environment, "PYTHONPATH": str(ROOT), "BACKUP_DIR": str(directory), "PYTHONIOENCODING": "utf-8"},
        cwd=directory, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_file_is_shown_whole_and_nothing_in_it_reaches_the_terminal(tmp_path: Path) -> None:
    """Kind: a reading that gives orders to whoever looks at it."""
    path = write(tmp_path, row(1, HOSTILE, message=f"bad {HOSTILE}"), row(2, "온도", code="CONFLICT"))
    before = path.read_bytes()
    done = run(tmp_path, path, "--view")
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    # Nothing but letters, blanks and our own line ends.
    assert all(letter.isprintable() for line in text.split("\n") for letter in line)
    for escaped in (r"\x1b]0;owned\x07", r"\u202e", r"\u2028", r"\x9b31m", r"\x00"):
        assert escaped in text
    assert "온도" in text
    assert path.read_bytes() == before
    # Without --view: how many there are of each code, and nothing harmful either.
    summary = run(tmp_path, path.name).stdout.decode()
    assert "2 rows in " in summary
    assert "        1  CONFLICT: too large" in summary
    assert all(letter.isprintable() for line in summary.split("\n") for letter in line)


def test_a_long_file_comes_a_page_at_a_time_and_long_cells_are_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, *(row(n, code="A-1" if n % 2 else "B-2") for n in range(1, 101)), row(101, "x" * 5000))

    def shown(page: Page) -> str:
        assert view_file(path, tmp_path, page) == 0
        return capsys.readouterr().out

    first = [line for line in shown(Page(rows=3, code="B-2")).splitlines() if line.startswith(("row", "more"))]
    assert [line.partition(", id")[0] for line in first] == [
        "row 2, line 3", "row 4, line 5", "row 6, line 7", "more rows follow: --from 7"
    ]  # fmt: skip
    assert "x" * 200 + "... (5000 characters)" in shown(Page(first=101))
    assert "x" * 5000 in shown(Page(first=101, whole=True))
    assert "no such rows from row 102 on" in shown(Page(first=102))


def test_what_is_no_row_is_shown_as_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, row(1))
    path.write_bytes(path.read_bytes() + b'"torn, \xff\x1b[2J\nsome,cells\n2026-01-01 00:00')
    assert view_file(path, tmp_path, Page()) == 0
    text = capsys.readouterr().out
    assert r"\xff\x1b[2J" in text
    assert "\x1b" not in text


def test_files_that_wait_are_listed_and_others_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kind: a command that hangs on a FIFO, or prints what is no file of ours."""
    write(tmp_path, row(1), row(2))
    list_files(tmp_path)
    assert capsys.readouterr().out.splitlines()[0].startswith("        2  ")
    other = tmp_path / "secret.txt"
    other.write_bytes(b"root:\x1b[2Jx:0:0\n")
    os.mkfifo(tmp_path / "fifo")
    for name in (other, tmp_path / "fifo", tmp_path, tmp_path / "nothing"):
        assert view_file(name, tmp_path, Page()) == 1
        told = capsys.readouterr()
        assert (told.out, told.err[:7], "\x1b" in told.err) == ("", "error: ", False), name


def test_an_option_that_is_none_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, "x", "--from", "0").returncode == 2
