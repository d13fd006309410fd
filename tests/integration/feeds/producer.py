"""Who puts messages, and may do nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Producer:
    """A user of Redis that may put messages and nothing else."""

    name: str
    password: str
    url: str
