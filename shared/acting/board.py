"""The board: the open actions of a namespace, in Redis. Each step of one is an entry of the audit, an event, a line.

An action is moved on by who has read it as it is now, so that of two who want to take it up one does.
"""

import hashlib
from typing import NamedTuple

from msgspec import to_builtins
from msgspec.structs import replace

from shared.errors import RejectedError, TransientError
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.logs import get_logger
from shared.records.actions import Action, ActionState, AuditEntry
from shared.records.events import ActionStep, Event
from shared.records.reading import as_json, from_json, to_fields, to_json
from shared.redis.link import RedisLink

#: Actions that may be open at once, and bytes of one of them.
MAX_OPEN, MAX_BYTES = 100, 16_384

#: Bytes of an action that are kept free for what comes of it: its outcome is in letters, which may have four bytes.
_ROOM = 5_000

#: Steps that the audit keeps, about.
MAX_AUDIT = 5_000

#: Bytes of a field's name that are read, and bytes after which a piece of an answer ends.
_MAX_NAME, _PIECE = 200, 256 * 1024

_log = get_logger()


class TooManyActionsError(TransientError):
    """So many actions are open that no other is taken."""


class ActionTooLargeError(RejectedError):
    """The request says more than an action may hold; nobody would read it."""


class Posted(NamedTuple):
    """An entry of the board as it was read; `action` is None where it is none."""

    field: bytes
    raw: bytes
    action: Action | None


class Board:
    """The open actions; safe to use from several threads."""

    def __init__(self, link: RedisLink, keys: Keys, events: EventLog) -> None:
        self._link = link
        self._places = [keys.actions, keys.actions_audit]
        self._events = events

    def now(self) -> float:
        """Return Redis' time in seconds since 1970. Raises: RedisUnavailableError."""
        return round(self._link.server_time(), 3)

    def ask(self, wanted: Action) -> tuple[Action, bool]:
        """Ask for an action; return it, or the same one that is open, and whether it is new.

        Raises: TooManyActionsError, ActionTooLargeError; RedisUnavailableError: it may be asked for; asking again does
            no harm.
        """
        field, raw = _signature(wanted), _json(wanted)
        if len(raw) > MAX_BYTES - _ROOM:
            raise ActionTooLargeError(f"the request has {len(raw)} bytes, {MAX_BYTES - _ROOM} at most: ask for less")
        answer = self._link.run(
            "ask_action",
            self._places,
            [field, raw, MAX_OPEN, MAX_AUDIT, *_audit(wanted, wanted.state, wanted.asked_by)],
        )
        if len(answer) == 1:
            raise TooManyActionsError(f"{MAX_OPEN} actions are open: stop one, or wait until one has ended")
        is_new, there = answer
        known = from_json(Action, there)
        if known is None and self.drop(Posted(field.encode(), there, None)):
            return self.ask(wanted)
        if is_new:
            self._tell(wanted, f"asked for by {wanted.asked_by}")
        return known or wanted, bool(is_new)

    def open(self) -> list[Posted]:
        """Return the open actions, the oldest first; what is too long is left out. Raises: RedisUnavailableError."""
        cursor, seen = b"0", dict[bytes, Posted]()
        while True:
            cursor, *flat = self._link.run("open_actions", self._places[:1], [cursor, _MAX_NAME, MAX_BYTES, _PIECE])
            for name, raw in zip(flat[::2], flat[1::2], strict=True):
                seen[name] = Posted(name, raw, from_json(Action, raw))
            if cursor == b"0" or len(seen) >= MAX_OPEN:
                return sorted(seen.values(), key=lambda each: each.action.asked_at if each.action else 0.0)

    def move(self, posted: Posted, action: Action, *, step: str | None = None, by: str = "") -> Posted | None:
        """Put an action in the place of what was read; return what stands there then, None when it had changed.

        step: what happened, where it is one to be told: a new state, or `stop`. by: who did it.
        Raises: RedisUnavailableError: it may stand there.
        """
        raw = b"" if action.has_ended else _json(action)
        audit = _audit(action, step, by) if step else []
        if not self._link.run("move_action", self._places, [posted.field, posted.raw, raw, MAX_AUDIT, *audit]):
            return None
        if step:
            self._tell(action, f"{step}, {by}{f': {action.outcome}' if action.outcome else ''}")
        return Posted(posted.field, raw, action)

    def end(self, posted: Posted, action: Action, state: ActionState, outcome: str, by: str) -> bool:
        """End an action; return whether it was this call that ended it.

        Raises: RedisUnavailableError: it may have ended.
        """
        return self.move(posted, action.ended(state, outcome, self.now()), step=state, by=by) is not None

    def stop(self, id_: str, by: str) -> Action | None:
        """Ask for an open action to stop; one that nobody has taken up ends at once. None where it is not open.

        Raises: RedisUnavailableError.
        """
        while True:
            posted = next((each for each in self.open() if each.action and each.action.id == id_), None)
            if posted is None or posted.action is None:
                return None
            action = posted.action
            if action.stop_asked_by:
                return action
            wanted = replace(action, stop_asked_by=by)
            if action.owner is None:
                wanted = wanted.ended(ActionState.STOPPED, "stopped before it was begun with", self.now())
            if self.move(posted, wanted, step=wanted.state if wanted.has_ended else "stop", by=by):
                return wanted

    def drop(self, posted: Posted) -> bool:
        """Take away what is no action; return whether it was there. Raises: RedisUnavailableError."""
        dropped = self._link.run("move_action", self._places, [posted.field, posted.raw, b"", MAX_AUDIT])
        if dropped:
            _log.warning(f"{self._places[0]} held what is no action, taken away: {posted.raw[:200]!r}")
        return bool(dropped)

    def _tell(self, action: Action, what: str) -> None:
        message = f"Action {action.title}: {what}"
        _log.info(f"{message} [{action.id}]")
        step = ActionStep(action=action.id, action_kind=action.kind, state=action.state, asked_by=action.asked_by)
        self._events.add(Event.ACTION, message, step)


def _signature(action: Action) -> str:
    """Return what is the same for the same action."""
    told = as_json(to_builtins({"target": action.target, "place": action.place, "options": action.options}))
    return f"{action.kind}:{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def _json(action: Action) -> bytes:
    return to_json(action).encode()


def _audit(action: Action, what: str, by: str) -> list[bytes]:
    return to_fields(AuditEntry(what=what, by=by, action=to_json(action)))
