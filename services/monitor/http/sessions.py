"""Logins of people: a random session each, known to this process alone. Time is passed in."""

import hashlib
import secrets
from dataclasses import dataclass

from services.monitor.api.roles import Role

#: Seconds without a request after which a session ends; a screen that shows the dashboard asks all the time.
IDLE_S = 12 * 3600.0

#: Sessions at once; with one more the longest unused one ends.
MAX_SESSIONS = 1_000


@dataclass
class _Session:
    role: Role
    used_at: float


class Sessions:
    """Those that are open. They end with the process, by `end`, or unused for IDLE_S."""

    def __init__(self) -> None:
        # By what a session's key hashes to: looking one up takes the same time whatever was right of it.
        self._open: dict[bytes, _Session] = {}

    def begin(self, role: Role, now_s: float) -> str:
        """Return the key of a new session."""
        key = secrets.token_urlsafe(32)
        self._open[_digest(key)] = _Session(role, now_s)
        if len(self._open) > MAX_SESSIONS:
            del self._open[min(self._open, key=lambda digest: self._open[digest].used_at)]
        return key

    def role(self, key: str, now_s: float) -> Role | None:
        """Return whose session of this key is open, None where none is, and take note that it was used."""
        digest = _digest(key)
        session = self._open.get(digest)
        if session is None:
            return None
        if now_s - session.used_at > IDLE_S:
            del self._open[digest]
            return None
        session.used_at = now_s
        return session.role

    def end(self, key: str) -> None:
        """End a session; nothing where there is none."""
        self._open.pop(_digest(key), None)

    def end_all(self) -> None:
        """End every session: a token is another one."""
        self._open.clear()


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()
