"""What the window learns of a batch: ages by the zone of the sources, late ones apart."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from services.writer.deliver.delivery import Delivered
from services.writer.deliver.observations import observations
from shared.models import Decoded
from shared.zones import zone_of
from tests.fakes import tag_values

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def ages(*stored: datetime, zone: str = "UTC") -> dict[str, int]:
    values = [replace(value, timestamp=at) for value, at in zip(tag_values(len(stored)), stored, strict=True)]
    delivered = Delivered(Decoded(values))
    delivered.written = len(values)
    found = observations(delivered, values, 0.01, NOW, zone_of(zone))
    return {name: count for name, count in found.items() if name.startswith(("lag", "ahead"))}


def test_ages_are_by_the_zone_of_the_sources() -> None:
    """Kind: local times are taken for UTC: the lag of a plant in Korea was minus nine hours."""
    local = NOW.replace(tzinfo=None) + timedelta(hours=9, seconds=-2)
    assert ages(local, zone="Asia/Seoul") == {"lag:2000": 1, "lag_sum_ms": 2000}


def test_late_values_are_counted_and_in_no_sum() -> None:
    now = NOW.replace(tzinfo=None)
    assert ages(now - timedelta(seconds=1), now - timedelta(days=365)) == {
        "lag:1000": 1, "lag_sum_ms": 1000, "lag:inf": 1,
    }  # fmt: skip


def test_local_times_taken_for_utc_are_said_to_be_ahead_and_are_no_lag_of_nothing() -> None:
    """Kind: a plant in Korea without SOURCE_TIME_ZONE was told that its values take 0 ms."""
    local = NOW.replace(tzinfo=None) + timedelta(hours=9)
    assert ages(local, local) == {"ahead": 2, "ahead_sum_s": 2 * 9 * 3600}


def test_a_clock_that_is_a_little_ahead_counts_as_right() -> None:
    assert ages(NOW.replace(tzinfo=None) + timedelta(seconds=3)) == {"lag:1": 1, "lag_sum_ms": 0}
