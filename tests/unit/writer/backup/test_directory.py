"""A backup directory that is not as it should be: not there, not to be listed, filled by another user."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.directory import backup_files
from services.writer.backup.files import RECOVERED_DIRECTORY, move_beside
from services.writer.backup.index import Manifest
from services.writer.backup.label import label_path
from services.writer.backup.view import list_files, view_file
from services.writer.recover.open_file import OpenFile, UnusableFileError
from services.writer.recover.run import find_files
from services.writer.verify.files import GapsByTag, explain_by_files
from shared.keys import Keys
from shared.records.files import BackupFile, FileStage
from tests.fakes import FakeClock, FakeLink, tag_values
from tests.unit.writer.backup.rows import rows

#: A user who is nobody: what belongs to him tells who made it.
NOBODY = 65534


def backup(directory: Path) -> CsvBackup:
    return CsvBackup(directory, "backup", FakeClock(), rotate_bytes=10**9, min_free_bytes=0)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user can reach: pytest's own are closed to all others."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "backup"
        path.mkdir()
        path.parent.chmod(0o755)
        yield path


@contextmanager
def as_nobody() -> Iterator[None]:
    """Have no more rights than anybody: root may read everything."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)


@contextmanager
def unlistable(directory: Path) -> Iterator[None]:
    """Let files of a directory be opened by their names, and the directory not be listed."""
    for path in directory.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    directory.chmod(0o711 if os.geteuid() == 0 else 0o311)
    try:
        with as_nobody():
            yield
    finally:
        directory.chmod(0o755)


def test_a_directory_that_can_not_be_listed_is_not_an_empty_one(directory: Path) -> None:
    """Kind: what can't be read taken for empty. "Nothing to recover", status 0, beside files that waited."""
    file = backup(directory)
    file.append(rows(tag_values(3)))
    file.finish()
    with unlistable(directory):
        with pytest.raises(UnusableFileError, match="can't be listed"):
            find_files((), directory)
        said: list[str] = []
        explain_by_files(directory, GapsByTag([], ".", lambda values: values), lambda _text: None, said.append)
        assert any("can't be listed" in text for text in said), said
    with pytest.raises(UnusableFileError, match="no such directory"):
        find_files((), directory / "mistyped")
    assert list_files(directory / "mistyped") == 1
    explain_by_files(directory / "mistyped", GapsByTag([], ".", lambda values: values), said.append, said.append)
    assert "is no directory" in said[-1]
    assert backup_files(directory / "not made yet") == []


def test_files_of_a_directory_that_can_not_be_listed_for_a_while_are_not_gone(directory: Path) -> None:
    """Kind: what can't be read taken for empty. Every file that waited was told to be lost."""
    link, gone = FakeLink(), list[str]()
    manifest = Manifest(link, Keys("t"), directory, lambda name, _rows: gone.append(name))
    file = backup(directory)
    path = file.append(rows(tag_values(3)))
    file.finish()
    manifest.rebuild()
    with unlistable(directory):
        manifest.rebuild()
    assert (gone, list(link.entries)) == ([], [path.name])


def test_a_file_that_can_not_be_opened_is_listed_all_the_same(directory: Path) -> None:
    """Kind: what can't be read hides. Put back by root, readable for root alone, it was in no list and no alert."""
    file = backup(directory)
    path = file.append(rows(tag_values(3)))
    file.finish()
    label_path(path).unlink()
    path.chmod(0o600 if os.geteuid() == 0 else 0)
    link = FakeLink()
    manifest = Manifest(link, Keys("t"), directory)
    with as_nobody():
        manifest.rebuild()
    assert '"state": "waiting"' in link.entries[path.name]


def test_a_file_of_another_directory_is_not_listed_as_one_of_this(tmp_path: Path) -> None:
    """Kind: a place taken for a name. While `recover /elsewhere/backup_x.csv` ran the writer told it lost."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    file = backup(elsewhere)
    path = file.append(rows(tag_values(3)))
    file.finish()
    backup(here).check()
    link, gone = FakeLink(), list[str]()
    manifest = Manifest(link, Keys("t"), here, lambda name, _rows: gone.append(name))
    manifest.note(path, BackupFile(kind="backup", state=FileStage.RECOVERING, created=0.0, rows=3))
    manifest.flush()
    manifest.rebuild()
    assert (link.entries, gone) == ({}, [])
    # If: it is this directory under another name
    (tmp_path / "linked").symlink_to(here)
    manifest.note(tmp_path / "linked" / path.name, BackupFile(kind="backup", state=FileStage.OPEN, created=0.0))
    manifest.flush()
    assert list(link.entries) == [path.name]


def test_what_root_makes_belongs_to_whom_the_directory_belongs_to(directory: Path) -> None:
    """Kind: what one user makes, another can't use. After `sudo ... recover` no writer could move or read files."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(directory, NOBODY, NOBODY)
    file = backup(directory / "deeper")
    path = file.append(rows(tag_values(3)))
    file.finish()
    Manifest(FakeLink(), Keys("t"), path.parent).rebuild()
    moved_to = move_beside(path, RECOVERED_DIRECTORY)
    made = [path.parent, moved_to.parent, moved_to, label_path(path), path.parent / ".place"]
    assert {name.name: name.stat().st_uid for name in made} == {name.name: NOBODY for name in made}


@pytest.mark.parametrize("name", ["x" * 300, "closed/backup_20260101_000000.csv"])
def test_a_name_that_no_file_can_have_is_its_own_fault(directory: Path, name: str) -> None:
    """Kind: a question that may fail asked outside of what handles failures: `recover` ended with a traceback."""
    (directory / "closed").mkdir(mode=0o600 if os.geteuid() == 0 else 0)
    with as_nobody():
        (path,) = find_files([Path(name)], directory)
        with pytest.raises(UnusableFileError, match="can't be read"):
            OpenFile(path)
        assert view_file(Path(name), directory, None) == 1
