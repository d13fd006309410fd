"""What waits for the DataQueue."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it goes on the DataQueue, and what is counted of it.

    `values`: all of them; `bad`: those in error or without a value. `lossless`: its source would rather wait than lose
    it.
    """

    raw: bytes
    values: int
    timestamp: datetime
    bad: int = 0
    lossless: bool = False
