"""What a statement may know of whoever runs it."""

from dataclasses import dataclass
from datetime import datetime

from oracle_stand_in.data.nls import DEFAULT_NLS, Nls


@dataclass(frozen=True)
class Context:
    """Who asks, when, and by which settings of the session; `now` is UTC without a zone."""

    user: str
    service: str
    session_id: int
    program: str
    machine: str
    now: datetime
    nls: Nls = DEFAULT_NLS
