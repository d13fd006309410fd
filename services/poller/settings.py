"""What the poller reads from the environment or `.env`."""

from pathlib import Path

from pydantic import Field, FilePath

from shared.queues.data_queue import DEFAULT_MAX_MESSAGES
from shared.settings.models import ServiceSettings


class AskingSettings(ServiceSettings):
    """What asks a poller needs: Redis alone."""


class PollerSettings(ServiceSettings):
    """Settings of the poller; the polling groups themselves are in the file that POLLER_CONFIG names."""

    poller_config: FilePath = Field(description="Path of the TOML file with the polling groups")
    poller_ring_max_messages: int = Field(
        10_000,
        ge=1,
        description="Messages kept in memory while Redis is away or the DataQueue full; then the oldest go",
    )
    poller_ring_max_values: int = Field(
        5_000_000, ge=1, description="Values in those messages at most, whichever of the three bounds is reached first"
    )
    poller_ring_max_bytes: int = Field(
        256_000_000, ge=1_000_000, description="Bytes of memory that those messages take at most"
    )
    poller_outbox_dir: Path | None = Field(
        None,
        description="Directory on a local disk for readings that the DataQueue has not confirmed: they outlive the "
        "poller, a power cut, and days without Redis. Without it they are in memory alone",
    )
    poller_outbox_max_bytes: int = Field(
        10_000_000_000, ge=1_000_000, description="Bytes of readings on that disk at most; then the oldest go"
    )
    poller_put_timeout_s: float = Field(
        0.5, gt=0, le=1, description="Seconds that one attempt to queue a message may take"
    )
    data_queue_max_messages: int = Field(
        DEFAULT_MAX_MESSAGES, ge=1, description="Messages on the DataQueue at which the poller waits with more"
    )

    data_queue_replicas: int = Field(
        0,
        ge=0,
        le=10,
        description="Replicas of Redis that must have a message before it counts as sent: a failover can't lose it "
        "then. Where fewer are connected it goes on with those, and an alert says so",
    )
