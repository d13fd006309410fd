"""What `recover` does not take: files for another table, files that were changed, and what is no file at all."""

import gzip
import json
import os
import resource
import socket
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.format import backup_row
from services.writer.backup.label import label_path
from services.writer.sink import Target
from shared.clock import SystemClock
from shared.keys import Keys
from shared.records.files import HEADER
from shared.redis.link import RedisLink
from tests.integration.writer.recover.place import Place, expected, numbered

#: Bytes of memory that `recover` may take for a file of any size.
MEMORY_BYTES = 1_500_000_000


def write(place: Place, target: Target, count: int = 5, kind: str = "backup") -> Path:
    """Write a file as a writer with that target does."""
    backup = CsvBackup(
        place.directory, kind, SystemClock(), rotate_bytes=10**9, min_free_bytes=0, target=lambda: target
    )
    reason = ("CODE", "why") if kind == "rejected" else ()
    path = backup.append([(*backup_row(value, "2025-11-02T12:00:01.000+00:00"), *reason) for value in numbered(count)])
    backup.finish()
    return path


def here(place: Place) -> Target:
    return Target(f"{place.oracle.user}.TAG_DATA".upper(), place.oracle.dsn, "FREEPDB1")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"table": "TRIAL.TAG_DATA"}, "TRIAL.TAG_DATA"),
        ({"dsn": "trial-db:1521/XE"}, "trial-db:1521/XE"),
        ({"database": "TRIALPDB"}, "TRIALPDB"),
    ],
)
def test_file_for_another_target_is_refused_and_both_are_named(
    place: Place, link: RedisLink, keys: Keys, change: dict[str, str], named: str
) -> None:
    """Kind: a wrong target. (A trial's files on the same volume went into the plant's table.)"""
    meant = Target(**{**vars(here(place)), **change})
    path = write(place, meant)

    status, output = place.recover()

    assert status == 1
    assert place.count() == 0
    assert path.exists()
    assert f"it was meant for {meant.table} at {meant.dsn}" in output
    assert named in output
    assert f"this is {here(place).table} at {place.oracle.dsn}" in output
    ((_, event),) = link.command("XRANGE", keys.events, "-", "+")
    assert event[b"kind"] == b"recovery_refused"
    # And where a person says that it is right, it goes
    status, output = place.recover("--anyway")
    assert status == 0, output
    assert place.stored() == expected(numbered(5))
    assert f"recovered anyway: {path}: it was meant for" in output


def test_file_for_this_target_is_taken_whatever_its_writer_did_not_know(place: Place) -> None:
    write(place, here(place))
    write(place, Target(table=f"{place.oracle.user}.tag_data"))
    label_path(write(place, Target())).unlink()

    status, output = place.recover()

    assert status == 0, output
    assert len(place.files("recovered/*.csv")) == 3
    assert len(place.files("recovered/*.csv.json")) == 2
    assert place.files("*.json") == []


def test_writer_says_by_its_files_where_it_writes(place: Place) -> None:
    # Given: a real file of a real writer in an outage, and a recovery with another table
    write(place, here(place))
    place.sql(
        "CREATE TABLE other_data (tag_name VARCHAR2(100), tag_value VARCHAR2(255), timestamp TIMESTAMP(6), "
        "quality VARCHAR2(20), PRIMARY KEY (tag_name, timestamp))"
    )
    status, output = place.recover(ORACLE_TABLE="other_data")
    assert status == 1
    assert f"this is {place.oracle.user}.OTHER_DATA".upper() in output.upper()
    assert place.recover()[0] == 0


def cut(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))


def as_a_spreadsheet(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b".123456,", b",").replace(b"\n", b"\r\n"))


def crlf(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def quote_all(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in lines))


def one_digit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"PLC01.D3,3,", b"PLC01.D3,8,"))


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (cut, "its label says 5 rows in "),
    (as_a_spreadsheet, "line 2: the time '2025-11-02 12:00:00' is not in the writer's form"),
    (crlf, "line 2: it ends in CR LF"),
    (quote_all, "line 2: its quotes are not as the writer sets them"),
    (one_digit, "its contents are others"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_file_that_was_changed_is_left_and_it_is_said_what_differs(
    place: Place, change: Callable[[Path], None], said: str
) -> None:
    """Kind: a backup file is trusted, not proven: changed by another program before it is recovered."""
    path = write(place, here(place))
    change(path)

    status, output = place.recover()

    assert status == 1
    assert said in output
    assert "`recover --anyway` recovers it" in output
    assert place.count() == 0
    assert path.exists()
    assert place.recover("--dry-run")[0] == 1
    assert place.recover("--anyway")[0] == 0
    assert place.count() >= 3


@pytest.mark.parametrize(("change", "said"), CHANGES[1:4])
def test_lines_that_no_writer_wrote_so_are_known_without_a_label_too(
    place: Place, change: Callable[[Path], None], said: str
) -> None:
    path = write(place, here(place))
    label_path(path).unlink()
    change(path)
    status, output = place.recover()
    assert (status, place.count()) == (1, 0)
    assert said in output


def test_rejected_file_may_be_put_right_but_not_lose_its_microseconds(place: Place) -> None:
    path = write(place, here(place), kind="rejected")
    one_digit(path)
    assert place.recover(str(path))[0] == 0
    assert place.stored()["PLC01.D3", numbered(4)[3].timestamp][0] == "8"
    path = write(place, here(place), kind="rejected")
    as_a_spreadsheet(path)
    status, output = place.recover(str(path))
    assert status == 1
    assert "is not in the writer's form" in output


def fifo(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def sock(path: Path) -> None:
    # By its short name: a socket's may not be longer than 107 bytes.
    with socket.socket(socket.AF_UNIX) as server, chdir(path.parent):
        server.bind(path.name)


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def link_to_elsewhere(path: Path) -> None:
    (path.parent / "elsewhere").write_text(",".join(HEADER) + "\n")
    path.symlink_to(path.parent / "elsewhere")


def not_utf8(path: Path) -> None:
    path.with_name(os.fsdecode(b"backup_\xff\n.csv")).write_text("x\n")


@pytest.mark.parametrize("make", [fifo, directory, sock, link_to_itself, link_to_elsewhere, not_utf8])
def test_what_is_no_regular_file_ends_nobody_and_is_never_moved(place: Place, make: Callable[[Path], None]) -> None:
    """Kind: the list of files ends the data path. (A FIFO hung it, `recover /dev/null` moved the device.)"""
    make(place.directory / "backup_20250101_000000.csv")
    (odd,) = [path for path in place.directory.iterdir() if path.name.startswith("backup_")]
    write(place, here(place))

    status, output = place.recover()

    assert status == 0, output
    assert place.count() == 5
    # And when it is named it is refused, in words, and stays
    status, output = place.recover(str(odd))
    assert status == 1
    assert "no regular file" in output or "a backup file begins with" in output
    assert os.path.lexists(odd)


@pytest.mark.parametrize("kind", ["zeros", "zeros with a header", "one line"])
def test_file_of_any_size_takes_bounded_memory(place: Place, kind: str) -> None:
    """Kind: no bound in bytes. (10 GB of zeros or one line of 1 GB: 23 GB of memory.)"""
    path = place.directory / "backup_20250101_000000.csv"
    head = (",".join(HEADER) + "\n").encode()
    row = b"2025-11-02 12:00:00.123456,PLC01,D1,PLC01.D1,1,GOOD,x\n"
    with path.open("wb") as file:
        file.write(b"" if kind == "zeros" else head + row)
        if kind == "one line":
            for _ in range(300):
                file.write(b"x" * 1_000_000)
            file.write(b"\n" + row.replace(b"D1", b"D2"))
        else:
            file.truncate(2_000_000_000)

    process = place.start()
    resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    output = process.output(120)

    assert "Traceback" not in output, output[-3000:]
    assert "MemoryError" not in output
    assert process.returncode == (1 if kind == "zeros" else 0), output[-3000:]
    assert place.count() == {"zeros": 0, "zeros with a header": 1, "one line": 2}[kind]
    if kind == "one line":
        (aside,) = place.directory.glob("rejected_*.csv")
        assert aside.stat().st_size < 10_000
        assert "[cut: the line has 300,000,001 bytes]" in aside.read_text()
        assert json.loads(label_path(aside).read_text())["rows"] == 1


def test_a_file_that_a_log_rotation_packed_is_named_with_what_to_do(place: Place) -> None:
    """Kind: what has another name is not there. "Nothing to recover", status 0, beside a day's values in a .gz."""
    values = numbered(600)
    path = place.write(values)
    packed = path.with_name(f"{path.name}.1.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    whole = path.read_bytes()
    path.unlink()
    status, output = place.recover()
    assert status == 1
    assert f"{packed.name}: left, it is packed or renamed. Unpack it" in output
    # If: it is named; expect: it is called what it is
    status, output = place.recover(str(packed))
    assert status == 1
    assert "it is packed: gunzip it" in output
    # If: somebody does as it says
    packed.unlink()
    path.write_bytes(whole)
    status, output = place.recover()
    assert status == 0, output
    assert place.stored() == expected(values)
