"""Binds with time zones, in every form in which clients send them."""

import pytest

from oracle_stand_in.data.binds import BINDS
from oracle_stand_in.data.column_types import TIMESTAMP_TZ
from oracle_stand_in.errors import OracleError

NOON = bytes((120, 126, 1, 2, 13, 1, 1))  # 2026-01-02 12:00:00
SECONDS = bytes(4)
UTC, SEOUL = bytes((20, 60)), bytes((29, 60))
#: 3 a.m.: what Seoul's noon is in UTC
NIGHT = bytes((120, 126, 1, 2, 4, 1, 1))


def region(number: int) -> bytes:
    return bytes((number >> 6 | 0x80, (number & 0x3F) << 2))


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (NOON, NOON + SECONDS + UTC),
        (NOON + SECONDS + SEOUL, NOON + SECONDS + SEOUL),
        (NOON + SECONDS + region(5121), NOON + SECONDS + UTC),
        (NOON + SECONDS + region(28), NOON + SECONDS + UTC),
        # the moment by the zone's own clocks
        (NOON + SECONDS + bytes((29 | 0x40, 60)), NIGHT + SECONDS + SEOUL),
    ],
)
def test_a_moment_with_a_zone_is_brought_to_one_form(sent: bytes, stored: bytes) -> None:
    normal = BINDS[TIMESTAMP_TZ][1]
    assert normal(sent) == stored


def test_a_region_that_is_not_known_is_refused_and_not_taken_for_an_offset() -> None:
    with pytest.raises(OracleError, match="ORA-01882"):
        BINDS[TIMESTAMP_TZ][1](NOON + SECONDS + region(250))
