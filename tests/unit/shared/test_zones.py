"""What moment a stored time is: zones, the hour that comes twice, the one that a clock leaves out."""

from datetime import UTC, datetime

import pytest

from shared.errors import SettingsError
from shared.settings.loading import load_settings
from shared.settings.models import BufferSettings
from shared.zones import age_s, zone_of

BERLIN = zone_of("Europe/Berlin")


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("zone", "stored", "now_utc", "age"),
    [
        ("UTC", "2026-07-01T12:00:00", "2026-07-01T12:00:02", 2),
        ("Asia/Seoul", "2026-07-01T21:00:00", "2026-07-01T12:00:02", 2),
        ("Europe/Berlin", "2026-07-01T14:00:00", "2026-07-01T12:00:02", 2),
        ("Europe/Berlin", "2026-12-01T13:00:00", "2026-12-01T12:00:02", 2),
        ("UTC", "2026-07-01T21:00:00", "2026-07-01T12:00:00", -9 * 3600),
    ],
)
def test_age_is_by_the_zone_that_the_clock_hung_in(zone: str, stored: str, now_utc: str, age: float) -> None:
    assert age_s(datetime.fromisoformat(stored), zone_of(zone), seconds(now_utc)) == age


def test_of_the_hour_that_comes_twice_the_newest_that_is_past_is_meant() -> None:
    """Kind: each autumn every value is an hour old for an hour. 02:30 is at 00:30 and at 01:30 UTC on that day."""
    stored = datetime(2026, 10, 25, 2, 30)
    assert age_s(stored, BERLIN, seconds("2026-10-25T00:30:01")) == 1
    assert age_s(stored, BERLIN, seconds("2026-10-25T01:30:01")) == 1
    assert age_s(stored, BERLIN, seconds("2026-10-25T01:29:00")) == 59 * 60


def test_an_hour_that_the_clock_leaves_out_is_one_all_the_same() -> None:
    """02:30 is left out on that day, 02:00 is 01:00 UTC: a source whose clock knows no summer time says it."""
    stored = datetime(2026, 3, 29, 2, 30)
    assert age_s(stored, BERLIN, seconds("2026-03-29T01:30:01")) == 1


def test_a_value_that_crosses_the_beginning_of_summer_time_is_seconds_old() -> None:
    assert age_s(datetime(2026, 3, 29, 1, 59, 59), BERLIN, seconds("2026-03-29T01:00:01")) == 2


@pytest.mark.parametrize("name", ["Asia/Soul", "KST+9", "", "../etc/passwd", "/etc/localtime"])
def test_a_zone_that_is_none_stops_the_start_with_the_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_TIME_ZONE", name)
    with pytest.raises(SettingsError) as caught:
        load_settings(BufferSettings)
    assert caught.value.problems[0].startswith(f"SOURCE_TIME_ZONE={name}: there is no time zone of the name")
    assert "Asia/Seoul" in caught.value.problems[0]
