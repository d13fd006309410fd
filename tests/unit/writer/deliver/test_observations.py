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
    return {name: count for name, count in found.items() if name.startswith("lag")}


def test_ages_are_by_the_zone_of_the_sources() -> None:
    """Kind: local times are taken for UTC: the lag of a plant in Korea was minus nine hours."""
    local = NOW.replace(tzinfo=None) + timedelta(hours=9, seconds=-2)
    assert ages(local, zone="Asia/Seoul") == {"lag:2000": 1, "lag_sum_ms": 2000}


def test_late_values_are_counted_and_in_no_sum() -> None:
    now = NOW.replace(tzinfo=None)
    assert ages(now - timedelta(seconds=1), now - timedelta(days=365)) == {
        "lag:1000": 1, "lag_sum_ms": 1000, "lag:inf": 1,
    }  # fmt: skip
