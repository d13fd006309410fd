"""Logons that were refused: every further one counts against the account, whoever makes it.

A profile locks an account after ten refusals (FAILED_LOGIN_ATTEMPTS). So all writers together make MAX_REFUSALS logons
with one secret, ever more rarely, one writer at a time: Redis holds a record and a lock. After that nobody tries until
the secret changes (ORACLE_PASSWORD_FILE is read for each logon) or a person's `check` gets in with it, which deletes
the record. Where Oracle refuses for what does not count (the account is locked, its password expired, a grant is
missing), it is asked again each hour: an account unlocks itself (PASSWORD_LOCK_TIME), or a DBA mends it.

Where Redis is away, a process goes by what it knows itself.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from shared.backoff import doubled_s
from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.logs import get_logger
from shared.records.logons import RefusedSecret
from shared.records.reading import from_hash, to_hash
from shared.redis.link import RedisLink

#: Refused logons with one secret that all writers together make. Writers of several partitions know nothing of each
#: other: those of each make their share, and at least one.
MAX_REFUSALS = 3

#: Seconds after the first refusal until the next logon; doubled for each further one, up to the last.
FIRST_PAUSE_S, LAST_PAUSE_S = 60.0, 3600.0

#: Refusals that count against no account: it is locked already, its password has expired, or it may not log on. The
#: password may be wrong all the same: then the next refusal is one that counts.
_COUNTS_NOTHING = ("ORA-28000", "ORA-28001", "ORA-01045")

#: Seconds that a record lives: nobody remembers a secret for so long.
_RECORD_LIFE_S = 30 * 86400

#: Seconds for which a writer waits while another logs on; then it does so itself: that one meets a silent listener.
_TURN_WAIT_S, _TURN_TICK_S = 2.0, 0.05

_log = get_logger()


class Logons:
    """Who may log on now; safe to use from several threads."""

    def __init__(self, settings: WriterSettings, clock: Clock, link: RedisLink | None = None) -> None:
        """Share what is known with other writers by `link`; without, know only what this process met."""
        self._settings = settings
        self._clock = clock
        self._link = link
        self._keys = Keys(settings.namespace)
        self._most = max(1, MAX_REFUSALS // settings.partitions)
        self._lock = threading.Lock()
        self._digests: dict[str, str] = {}
        self._known: dict[str, RefusedSecret] = {}

    @contextmanager
    def attempt(self, *, by_a_person: bool = False) -> Iterator[str]:
        """Yield the password for one logon, and take note of what comes of it.

        by_a_person: whatever was refused before.
        Raises: SinkError: verdict CREDENTIALS: it was refused, now or before; what the block raises, otherwise.
        """
        password = self._settings.current_password()
        digest = self._digest(password)
        with self._lock, self._turn():
            refusal = self._read(digest)
            if refusal is not None and not by_a_person and not self._may_try(refusal):
                raise self._error(refusal)
            try:
                yield password
            except SinkError as error:
                if error.verdict is Verdict.CREDENTIALS:
                    raise self._error(self._note(digest, error, refusal)) from error
                raise
            if refusal is not None:
                self._forget(digest)

    def _may_try(self, refusal: RefusedSecret) -> bool:
        wait_s = refusal.next_at - self._clock.now().timestamp()
        # Longer than any wait there is: the clock was put back since, by years where a machine began without one.
        is_over = wait_s <= 0 or wait_s > doubled_s(FIRST_PAUSE_S, refusal.count, LAST_PAUSE_S)
        return (refusal.count < self._most or refusal.code in _COUNTS_NOTHING) and is_over

    def _error(self, refusal: RefusedSecret) -> SinkError:
        tries = f"refused {refusal.count} of {self._most} times"
        what_next = f"{tries}, tried again later" if refusal.count < self._most else (
            "tried again each hour, and at once when the command `check` gets in"
            if refusal.code in _COUNTS_NOTHING
            else f"{tries}, not tried again until the password changes or the command `check` gets in"
        )  # fmt: skip
        said = f"{refusal.message} ({what_next})"
        return SinkError(refusal.code, said, Verdict.CREDENTIALS)

    def _note(self, digest: str, error: SinkError, before: RefusedSecret | None) -> RefusedSecret:
        count = 1 + (before.count if before else 0)
        next_at = self._clock.now().timestamp() + doubled_s(FIRST_PAUSE_S, count, LAST_PAUSE_S)
        refusal = self._known[digest] = RefusedSecret(count=count, code=error.code, message=str(error), next_at=next_at)
        if self._link is not None:
            key = self._keys.refused_logons(digest)
            with suppress(RedisUnavailableError):
                self._link.commands(
                    ("HSET", key, *(part for field in to_hash(refusal).items() for part in field)),
                    ("EXPIRE", key, _RECORD_LIFE_S),
                )
        _log.critical(f"Oracle refused the logon: {self._error(refusal)}")
        return refusal

    def _read(self, digest: str) -> RefusedSecret | None:
        if self._link is None:
            return self._known.get(digest)
        try:
            return from_hash(RefusedSecret, self._link.hash(self._keys.refused_logons(digest)))
        except RedisUnavailableError:
            return self._known.get(digest)

    def _forget(self, digest: str) -> None:
        self._known.pop(digest, None)
        if self._link is not None:
            with suppress(RedisUnavailableError):
                self._link.command("DEL", self._keys.refused_logons(digest))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other writer logs on, for a moment."""
        mine = self._link is not None and self._wait_for_turn(self._link, token := secrets.token_hex(8))
        try:
            yield
        finally:
            if mine and self._link is not None:
                with suppress(RedisUnavailableError):
                    if self._link.command("GET", self._keys.logon_turn) == token.encode():
                        self._link.command("DEL", self._keys.logon_turn)

    def _wait_for_turn(self, link: RedisLink, token: str) -> bool:
        # No longer than others wait: who was killed while it logged on holds up nobody that comes later.
        holds_ms = int(_TURN_WAIT_S * 1000)
        deadline = time.monotonic() + _TURN_WAIT_S
        with suppress(RedisUnavailableError):
            while link.command("SET", self._keys.logon_turn, token, "NX", "PX", holds_ms) is None:
                if time.monotonic() > deadline:
                    return False
                time.sleep(_TURN_TICK_S)
            return True
        return False

    def _digest(self, password: str) -> str:
        """Return a name for a secret that tells nothing of it: few digits of a slow hash, which many secrets share."""
        if password not in self._digests:
            salt = f"{self._settings.oracle_user} {self._settings.dsn}".encode()
            slow = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 20_000)
            self._digests = {password: slow[:4].hex()}
        return self._digests[password]
