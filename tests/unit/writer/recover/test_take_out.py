"""Rows of a rejected file taken out into a file of their own."""

from pathlib import Path

import pytest

from services.writer.backup.format import cells_or_text, row_id
from services.writer.recover.take_out import take_out
from shared.records.files import REJECTED_HEADER

HEADER = (",".join(REJECTED_HEADER) + "\n").encode()
SOUND = b"2026-01-01 00:00:00.000001,P,D1,P.D1,1,GOOD,2026-01-01T00:00:00.000+00:00,ORA-12899,too long\n"
UNREADABLE = b"2026-01-01 00:00:01.000000,P,D1,P.D1,\xff,GOOD,2026-01-01T00:00:00.000+00:00,ORA-12899,too long\n"


@pytest.mark.parametrize(("chosen", "left"), [(SOUND, UNREADABLE), (UNREADABLE, SOUND)])
def test_any_row_is_taken_out_by_the_id_that_is_shown_of_it(tmp_path: Path, chosen: bytes, left: bytes) -> None:
    """Kind: a row that is shown and that nothing can be done about. The id of one that is no UTF-8 chose nothing."""
    path, part = tmp_path / "rejected_20260101_000000.csv", tmp_path / "rejected_20260101_000000_part.csv"
    path.write_bytes(HEADER + SOUND + UNREADABLE)
    shown = row_id(cells_or_text(chosen))
    taken = take_out(path, part, lambda cells: row_id(cells) == shown, most_cells=10)
    assert (taken.rows, taken.left, [row_id(cells) for cells in taken.cells]) == (1, 1, [shown])
    assert (part.read_bytes(), path.read_bytes()) == (HEADER + chosen, HEADER + left)


def test_where_all_rows_are_chosen_the_old_file_is_gone_and_where_none_is_nothing_changed(tmp_path: Path) -> None:
    path, part = tmp_path / "rejected_20260101_000000.csv", tmp_path / "rejected_20260101_000000_part.csv"
    path.write_bytes(HEADER + SOUND + SOUND)
    assert take_out(path, part, lambda _: False, most_cells=10).rows == 0
    assert (path.read_bytes(), [*tmp_path.iterdir()]) == (HEADER + SOUND + SOUND, [path])
    taken = take_out(path, part, lambda _: True, most_cells=1)
    assert (taken.rows, taken.left, len(list(taken.cells))) == (2, 0, 1)
    assert (part.read_bytes(), path.exists()) == (HEADER + SOUND + SOUND, False)
