from pathlib import Path

import pytest

from services.writer.backup.files import RECOVERED_DIRECTORY, move_beside
from services.writer.recover.file_recovery import Tally
from services.writer.recover.open_file import OpenFile, UnusableFileError
from services.writer.recover.run import find_files
from shared.records.files import HEADER


def test_all_backups_are_taken_oldest_first_and_rejected_files_are_not(tmp_path: Path) -> None:
    names = ["backup_20250102_000000.csv", "backup_20250101_000000_10.csv", "backup_20250101_000000_2.csv",
             "backup_20250101_000000.csv", "rejected_20250101_000000.csv", "notes.txt"]  # fmt: skip
    for name in names:
        (tmp_path / name).touch()

    assert [path.name for path in find_files([], tmp_path)] == [
        "backup_20250101_000000.csv",
        "backup_20250101_000000_2.csv",
        "backup_20250101_000000_10.csv",
        "backup_20250102_000000.csv",
    ]


def test_named_file_is_looked_for_in_the_backup_directory_too(tmp_path: Path) -> None:
    (tmp_path / "rejected_1.csv").touch()
    absolute = tmp_path / "backup_2.csv"

    assert find_files([Path("rejected_1.csv"), absolute], tmp_path) == [tmp_path / "rejected_1.csv", absolute]


def test_moving_never_replaces_a_file(tmp_path: Path) -> None:
    for text in ("first", "second", "third"):
        path = tmp_path / "backup_1.csv"
        path.write_text(text)
        move_beside(path, RECOVERED_DIRECTORY)

    kept = {path.name: path.read_text() for path in (tmp_path / "recovered").iterdir()}
    assert kept == {"backup_1.csv": "first", "backup_1_2.csv": "second", "backup_1_3.csv": "third"}


@pytest.mark.parametrize("text", ["a,b,c\n1,2,3\n", None])
def test_file_that_is_no_backup_is_refused_and_left(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "backup_1.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UnusableFileError, match=r"backup_1\.csv: "):
        OpenFile(path)
    assert path.exists() is (text is not None)


def test_file_can_be_opened_again_once_it_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "backup_1.csv"
    path.write_text(",".join(HEADER) + "\n")
    for _ in range(2):
        with OpenFile(path) as file:
            assert file.reader.read(10).rows == 0


def test_tally_says_what_there_is_to_say() -> None:
    first = Tally(read=10, written=7, duplicates=1, rejected=1, bad_lines=1, torn=1)
    assert str(Tally.of_all([first, Tally(read=5, written=5, torn=1)])) == (
        "15 rows read, 12 written, 1 in the table already, 1 rejected, 1 bad lines, 2 torn last lines"
    )
    assert str(Tally(read=2, written=2)) == "2 rows read, 2 written, 0 in the table already"
