"""What is rejected: messages and tags that can't be understood, rows that the table refuses; by code, with examples."""

from enum import StrEnum
from typing import Any

from msgspec import UNSET, UnsetType

from shared.records.reading import Count, LongText, Moment, Record, Text


class Rejected(StrEnum):
    """What is rejected."""

    ROW = "row"  #: Oracle refused it, or it could not be bound
    MESSAGE = "message"  #: nobody understood it
    TAG = "tag"  #: of a message that was understood otherwise


class RejectedEntry(Record, frozen=True):
    """A message, or tags of one; it can be put back where all of it is kept."""

    reason: str  #: the same for the same kind of fault
    at: str  #: when, ISO 8601, UTC
    consumer: str  #: who refused it
    code: str | UnsetType = UNSET  #: what kind of fault it is; what 0.1.0 wrote has none
    tag: str | UnsetType = UNSET  #: of tags: the address of the first
    tags: Count | UnsetType = UNSET  #: how many
    detail: Any = UNSET  #: what came in its place
    message: str | UnsetType = UNSET  #: the message, or one that holds these tags alone
    message_base64: str | UnsetType = UNSET  #: the same where it is no text
    head: str | UnsetType = UNSET  #: of one too large to be kept: its beginning
    size_bytes: Count | UnsetType = UNSET  #: and its size


class RejectedCode(Record, frozen=True):
    """What is known of one code beside how often it was counted: `<row, message or tag>:<code>`."""

    first_at: Moment
    last_at: Moment
    again: Count = 0  #: rows refused again while their file was recovered; they were counted before
    kept: Count = 0  #: examples that are kept
    bytes: Count = 0  #: of all of them


class RejectedExample(Record, frozen=True):
    """One that was rejected, for people. `id` tells it from others where one is to be retried, set aside or dropped."""

    id: Text
    at: Moment
    reason: LongText = ""
    cells: tuple[str, ...] = ()  #: of a row: those of its line in a file, as they stand there
    file: Text | None = None  #: of a row: the file that holds it; null while it waits for one
    place: LongText | None = None  #: of a file: its directory's own name; null from a writer that told none
    consumer: Text | None = None  #: of a message or tags: who refused it
    tag: Text | None = None  #: of tags: the address of the first
    tags: Count | None = None  #: how many
    message: LongText | None = None  #: the beginning of the message, or of one that holds these tags alone
    size_bytes: Count | None = None  #: of the whole message
    can_retry: bool = True  #: whether all of it is kept
