"""What happened, for people: a capped stream that the monitor shows."""

import json
from enum import StrEnum
from typing import Any

from shared.keys import Keys
from shared.logs import get_logger
from shared.redis_link import RedisLink
from shared.texts import cut

#: Events kept; older ones go. 10,000 are under 3 MB.
MAX_EVENTS = 10_000

#: Characters of an event's message: whoever words it cuts what comes from outside, this is for what was forgotten.
MAX_MESSAGE = 2_000

_log = get_logger()


class Event(StrEnum):
    """Kinds of events."""

    STARTED = "started"
    STOPPED = "stopped"  #: with the pending count
    REDIS_BACK = "redis_back"  #: with the seconds that it was away
    OVERFLOW = "overflow"
    BUFFER_HIGH = "buffer_high"
    BUFFER_NORMAL = "buffer_normal"
    MESSAGE_REJECTED = "message_rejected"
    TAGS_REJECTED = "tags_rejected"  #: tags that can't be values, of messages understood otherwise
    NAME_CLASH = "name_clash"  #: two tags of different PLCs have one tag name
    RECLAIMED = "reclaimed"  #: a dead process's batch was taken over
    ORACLE_RETRY = "oracle_retry"
    ORACLE_LOST = "oracle_lost"
    ORACLE_BACK = "oracle_back"
    ORACLE_CONFIGURATION = "oracle_configuration"  #: credentials, table, column or grant: a person must act
    BACKUP_FILE = "backup_file"
    BACKUP_FAILED = "backup_failed"
    BACKUP_WORKS = "backup_works"
    BACKUP_LOST = "backup_lost"  #: a file was taken away or changed by somebody: what was saved, what is lost
    RECOVERY_REFUSED = "recovery_refused"  #: a backup file is not put back: meant for another table, or changed
    ROWS_REJECTED = "rows_rejected"
    CONFLICTS = "conflicts"  #: same key, other value
    RECOVERED = "recovered"
    SOURCE_LOST = "source_lost"  #: a poller's source can't be read: which group, why
    SOURCE_BACK = "source_back"  #: with the seconds that it was away
    GROUPS_CHANGED = "groups_changed"  #: a poller took over a changed file of polling groups
    FAULT = "fault"  #: a loop met what it did not foresee, gave back what it held and went on
    GROUPS_REFUSED = "groups_refused"  #: the changed file holds a mistake: nothing was changed


class EventLog:
    """Writes events under a service's name; never fails its caller."""

    def __init__(self, link: RedisLink, keys: Keys, role: str) -> None:
        self._link = link
        self._key = keys.events
        self._role = role
        #: Set by the heartbeat once the process has its name.
        self.instance = ""

    def add(self, kind: Event, message: str, **details: Any) -> None:
        """Add one event. What can't be recorded is only logged: the pipeline never waits or ends for its diary."""
        try:
            self._add(kind, message, details)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the diary, the pipeline goes on
            _log.debug(f"event not recorded ({error!r}): {message}")

    def _add(self, kind: Event, message: str, details: dict[str, Any]) -> None:
        message = cut(message, MAX_MESSAGE)
        fields = {"kind": kind, "role": self._role, "instance": self.instance, "message": message}
        if details:
            short = {name: cut(text) if isinstance(text, str) else text for name, text in details.items()}
            fields["details"] = json.dumps(short, ensure_ascii=False, default=str)
        # A lone surrogate, from a file's name or a message, has no UTF-8.
        parts = [part.encode(errors="backslashreplace") for item in fields.items() for part in item]
        self._link.command("XADD", self._key, "MAXLEN", "~", MAX_EVENTS, "*", *parts)
