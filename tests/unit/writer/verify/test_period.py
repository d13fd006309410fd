"""From when to when, as a person writes it."""

from datetime import UTC, datetime

import pytest

from services.writer.verify.period import table_time
from shared.zones import zone_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-03-01T08:00", "UTC", "2026-03-01 08:00:00"),
        (" 2026-03-01 08:00:30.5 ", "Asia/Seoul", "2026-03-01 08:00:30.500000"),
        ("2026-03-01T08:00Z", "Asia/Seoul", "2026-03-01 17:00:00"),
        ("2026-03-01T08:00+09:00", "UTC", "2026-02-28 23:00:00"),
        ("2026-03-01", "UTC", "2026-03-01 00:00:00"),
        ("90m", "UTC", "2026-03-01 10:30:00"),
        ("2h", "Asia/Seoul", "2026-03-01 19:00:00"),
        ("1 d", "UTC", "2026-02-28 12:00:00"),
        ("0s", "UTC", "2026-03-01 12:00:00"),
    ],
)
def test_a_time_is_one_of_the_table(text: str, zone: str, expected: str) -> None:
    assert str(table_time(text, zone_of(zone), NOW)) == expected


@pytest.mark.parametrize(
    "text",
    ["yesterday", "", "-1h", "2x", "2026-13-01", "99999999999d", "9999-12-31T23:59-09:00", "20260301120000Z"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time: write 2026-03-01T08:00"):
        table_time(text, UTC, NOW)
