"""The consumer's settings."""

from pydantic import Field

from shared.settings import BufferSettings


class ConsumerSettings(BufferSettings):
    """What the consumer reads from the environment."""

    consumer_hold_messages: int = Field(
        1000,
        ge=0,
        description="Messages that may wait in the DataQueue while the buffer is full but drained; from then on the "
        "writer saves the oldest values to its backup, and at ten times as many they overflow; 0: overflow at once",
    )
