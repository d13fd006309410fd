"""Which of the rows that are missing lie in files: those that wait, and those that a person set aside."""

from datetime import datetime
from pathlib import Path

from services.writer.backup.format import csv_text
from services.writer.verify.files import GapsByTag, explain_by_files
from services.writer.verify.gaps import Gap
from shared.records.files import HEADER, REJECTED_HEADER

BEGIN, END = datetime(2026, 1, 1, 0, 0), datetime(2026, 1, 1, 0, 1)


def write(path: Path, *, seconds: int) -> None:
    rejected = path.name.startswith("rejected_")
    cells = (f"2026-01-01 00:00:{seconds:02}.000000", "P", "D1", "P.D1", "1", "GOOD", "2026-01-01T00:00:59.000+00:00")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(
        csv_text([REJECTED_HEADER if rejected else HEADER, (*cells, "ORA-12899", "long") if rejected else cells])
    )


def test_rows_that_wait_and_rows_that_were_set_aside_explain_what_is_missing(tmp_path: Path) -> None:
    """Kind: a row that a person gave up counts as lost by nobody."""
    gap = Gap("P.D1", BEGIN, END, missing=3, interval_s=10.0)
    write(tmp_path / "backup_20260101_000100.csv", seconds=10)
    write(tmp_path / "rejected_20260101_000100.csv", seconds=20)
    write(tmp_path / "set_aside" / "rejected_20260101_000200.csv", seconds=30)
    said: list[str] = []
    explain_by_files(tmp_path, GapsByTag([gap], "."), said.append, said.append)
    assert {cause.partition(":")[0]: rows for cause, rows in gap.causes.items()} == {
        "in backup_20260101_000100.csv": 1,
        "in rejected_20260101_000100.csv": 1,
        "in set_aside/rejected_20260101_000200.csv": 1,
    }
    assert len(said) == 3
