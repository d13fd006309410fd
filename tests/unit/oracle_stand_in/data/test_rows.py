"""Rows wider than any table: read by a loop, as the generated code reads the others."""

import pytest

from oracle_stand_in.data.rows import MOST_COLUMNS, RowError, bind_row_parser, bulk_packer, unpacker


@pytest.mark.parametrize("columns", [1, MOST_COLUMNS, MOST_COLUMNS + 1, 65_535])
def test_rows_of_any_width_are_read_and_packed(columns: int) -> None:
    row = tuple(b"x" * (1 + index % 300) for index in range(columns))
    (packed,) = bulk_packer(columns)([row])
    assert unpacker(columns)(packed) == row
    rows: list[tuple[bytes, ...]] = []
    data = b"\x07" + packed + b"\x07" + packed[:-1]
    assert bind_row_parser(columns)(data, 0, 2, rows) == len(packed) + 1
    assert rows[0] == row
    with pytest.raises(RowError):
        bind_row_parser(columns)(b"\x00" + packed, 0, 1, [])
