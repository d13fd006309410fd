"""The consumer's settings."""

from pydantic import Field

from shared.messages import MESSAGE_MAX_BYTES
from shared.settings.models import BufferSettings, OnePartitionSettings, TagNameSeparator


class ConsumerSettings(OnePartitionSettings, BufferSettings):
    """What the consumer reads from the environment."""

    consumer_hold_messages: int = Field(
        1000,
        ge=0,
        description="Messages that may wait in the DataQueue while the buffer is full; from then on the writer saves "
        "the oldest values to its backup, and at five times as many they overflow; 0: overflow at once",
    )
    tag_name_separator: TagNameSeparator = "."
    message_max_bytes: int = Field(
        MESSAGE_MAX_BYTES,
        ge=1_000,
        description="Bytes of one message; a larger one is set aside unread, with its first kB",
    )
    tag_snapshot: bool = Field(
        default=True,
        description="Keep the last value of each tag in Redis (50,000 tags), for `/api/tags` and the dashboard",
    )

    @property
    def answer_max_bytes(self) -> int:
        """Bytes of one answer of Redis at most: what a claim takes, and one message of the largest size."""
        return super().answer_max_bytes + self.message_max_bytes
