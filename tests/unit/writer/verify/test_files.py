"""Which of the rows that are missing lie in files: those that wait, and those that a person set aside."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.writer.backup.format import csv_text
from services.writer.backup.index import Manifest
from services.writer.verify.causes import RedisCauses
from services.writer.verify.files import GapsByTag, explain_by_files
from services.writer.verify.gaps import Gap
from shared.keys import Keys
from shared.models import TagValue
from shared.records.files import HEADER, REJECTED_HEADER
from tests.fakes import FakeLink

BEGIN, END = datetime(2026, 1, 1, 0, 0), datetime(2026, 1, 1, 0, 1)


def all_of(values: Sequence[TagValue]) -> Sequence[TagValue]:
    """Return what the table lacks, of a table that holds nothing."""
    return values


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
    explain_by_files(tmp_path, GapsByTag([gap], ".", all_of), said.append, said.append)
    assert {cause.partition(":")[0]: rows for cause, rows in gap.causes.items()} == {
        "in backup_20260101_000100.csv": 1,
        "in rejected_20260101_000100.csv": 1,
        "in set_aside/rejected_20260101_000200.csv": 1,
    }
    assert len(said) == 3


@pytest.mark.parametrize(
    ("is_empty", "in_table"), [(False, [10, 20]), (True, [0, 60])], ids=["within a minute", "at its two ends"]
)
def test_a_row_that_is_there_explains_no_other_that_is_lost(is_empty: bool, in_table: list[int]) -> None:
    """Kind: a sum of what stands for itself alone. After a recovery that was interrupted the rows of its file that are
    in the table let as many lost ones off, and `verify` ended with status 0."""
    gap = Gap("P.D1", BEGIN, END, missing=3, interval_s=10.0, is_empty=is_empty)
    there = [BEGIN + timedelta(seconds=second) for second in in_table]
    values = [TagValue(BEGIN + timedelta(seconds=s), "P", "D1", "1", "GOOD") for s in (*in_table, 30, 40, 40)]
    gaps = GapsByTag([gap], ".", lambda some: [value for value in some if value.timestamp not in there])
    gaps.explain(values, "in a file")
    assert (gap.causes, gap.unexplained) == ({"in a file": 2}, 1)


def test_files_of_another_host_are_told_though_its_directory_is_called_the_same(tmp_path: Path) -> None:
    """Kind: a place taken for a name. Two writers with one BACKUP_DIR each, and rows of the other's were "unexplained";
    below a link, those that had just been read were said to lie elsewhere."""
    link, here = FakeLink(), tmp_path / "backup"
    write(here / "backup_20260101_000100.csv", seconds=10)
    Manifest(link, Keys("t"), here).rebuild()
    causes = RedisCauses(link, Keys("t"), UTC, BEGIN, ".")
    (tmp_path / "linked").symlink_to(here)
    assert [*causes.files_elsewhere(here), *causes.files_elsewhere(tmp_path / "linked")] == []
    here.rename(tmp_path / "of another host")
    here.mkdir()
    (told,) = causes.files_elsewhere(here)
    assert f"1 rows wait in files of {here}" in told
    assert list(here.iterdir()) == [], "it reads only"
