"""The database's clock."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return what it shows: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
