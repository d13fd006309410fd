"""What is kept of messages that can't be understood, and of tags that can't be values: an entry of a bounded list."""

from typing import Any

from msgspec import UNSET, UnsetType

from shared.records.reading import Count, Record


class RejectedEntry(Record, frozen=True):
    """A message, or tags of one; it can be put back where all of it is kept."""

    reason: str  #: the same for the same kind of fault
    at: str  #: when, ISO 8601, UTC
    consumer: str  #: who refused it
    tag: str | UnsetType = UNSET  #: of tags: the address of the first
    tags: Count | UnsetType = UNSET  #: how many
    detail: Any = UNSET  #: what came in its place
    message: str | UnsetType = UNSET  #: the message, or one that holds these tags alone
    message_base64: str | UnsetType = UNSET  #: the same where it is no text
    head: str | UnsetType = UNSET  #: of one too large to be kept: its beginning
    size_bytes: Count | UnsetType = UNSET  #: and its size
