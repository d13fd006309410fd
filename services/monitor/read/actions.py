"""The actions: those that are open, from the board; and those that ended last, from their last steps in the audit."""

from collections.abc import Sequence

from services.monitor.read.bounded_scan import BoundedScan
from services.monitor.read.decoding import pairs_of
from services.monitor.read.overview import KnownAction
from shared.acting.board import MAX_BYTES, MAX_OPEN
from shared.keys import Keys
from shared.records.actions import Action, AuditEntry
from shared.records.reading import from_hash, from_json
from shared.redis.scripts import Call

#: Steps that are read, and actions that are shown at most: an action has three or four steps.
STEPS_READ, ACTIONS_SHOWN = 120, 100

#: Fields of a step, and bytes of all steps that are looked at.
_FIELDS, _BYTES = 8, 1024 * 1024


class ActionsReader:
    """Reads both, and puts them together."""

    def __init__(self, keys: Keys) -> None:
        self._audit = keys.actions_audit
        self.open = BoundedScan(keys.actions, max_entries=MAX_OPEN, max_value_bytes=MAX_BYTES)
        self._made_of: tuple[object, object] = (None, None)
        self._made: tuple[KnownAction, ...] = ()

    def newest_steps(self) -> Call:
        """Return the script that reads the newest steps."""
        return Call("newest_events", [self._audit], [STEPS_READ, _FIELDS, MAX_BYTES, _BYTES])

    def all(self, steps: Sequence[tuple[bytes, Sequence[bytes]]]) -> tuple[KnownAction, ...]:
        """Return the actions, newest first; what can't be read as one is none."""
        if self._made_of != (self.open.entries, steps):
            self._made_of = self.open.entries, steps
            self._made = tuple(KnownAction(action) for action in self._together(steps))
        return self._made

    def _together(self, steps: Sequence[tuple[bytes, Sequence[bytes]]]) -> list[Action]:
        known: dict[str, Action] = {}
        for _, flat in steps:
            action = _action_of(flat)
            # The newest step of each comes first.
            if action is not None:
                known.setdefault(action.id, action)
        known = {id_: action for id_, action in known.items() if action.has_ended}
        for raw in self.open.entries.values():
            action = from_json(Action, raw)
            if action is not None and action.id not in known:
                known[action.id] = action
        return sorted(known.values(), key=lambda action: -action.asked_at)[:ACTIONS_SHOWN]


def _action_of(flat: Sequence[bytes]) -> Action | None:
    entry = from_hash(AuditEntry, pairs_of(flat))
    return from_json(Action, entry.action) if entry is not None else None
