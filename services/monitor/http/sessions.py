"""Logins of people: a random session each, known to this process alone. Time is passed in."""

import hashlib
import secrets

#: Seconds without a request after which a session ends; a screen that shows the dashboard asks all the time.
IDLE_S = 12 * 3600.0

#: Sessions at once; with one more the longest unused one ends.
MAX_SESSIONS = 1_000


class Sessions:
    """Those that are open. They end with the process, by `end`, or unused for IDLE_S."""

    def __init__(self) -> None:
        # By what a session's key hashes to: looking one up takes the same time whatever was right of it.
        self._used_at: dict[bytes, float] = {}

    def begin(self, now_s: float) -> str:
        """Return the key of a new session."""
        key = secrets.token_urlsafe(32)
        self._used_at[_digest(key)] = now_s
        if len(self._used_at) > MAX_SESSIONS:
            del self._used_at[min(self._used_at, key=self._used_at.__getitem__)]
        return key

    def holds(self, key: str, now_s: float) -> bool:
        """Tell whether a session of this key is open, and take note that it was used."""
        digest = _digest(key)
        used_at = self._used_at.get(digest)
        if used_at is None:
            return False
        if now_s - used_at > IDLE_S:
            del self._used_at[digest]
            return False
        self._used_at[digest] = now_s
        return True

    def end(self, key: str) -> None:
        """End a session; nothing where there is none."""
        self._used_at.pop(_digest(key), None)

    def end_all(self) -> None:
        """End every session: the token is another one."""
        self._used_at.clear()


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()
