"""The actions: those that are open, from the board; and those that ended last, from their last steps in the audit."""

from collections.abc import Mapping, Sequence

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


def open_actions(keys: Keys) -> BoundedScan:
    """Return how those that are open are read."""
    return BoundedScan(keys.actions, max_entries=MAX_OPEN, max_value_bytes=MAX_BYTES)


def newest_steps(keys: Keys) -> Call:
    """Return the script that reads the newest steps."""
    return Call("newest_events", [keys.actions_audit], [STEPS_READ, _FIELDS, MAX_BYTES, _BYTES])


def known_actions(
    open_: Mapping[bytes, bytes], steps: Sequence[tuple[bytes, Sequence[bytes]]]
) -> tuple[KnownAction, ...]:
    """Return the actions, newest first; what can't be read as one is none."""
    known: dict[str, Action] = {}
    for _, flat in steps:
        action = _action_of(flat)
        # The newest step of each comes first.
        if action is not None:
            known.setdefault(action.id, action)
    known = {id_: action for id_, action in known.items() if action.has_ended}
    for raw in open_.values():
        action = from_json(Action, raw)
        if action is not None:
            known.setdefault(action.id, action)
    newest = sorted(known.values(), key=lambda action: -action.asked_at)[:ACTIONS_SHOWN]
    return tuple(KnownAction(action) for action in newest)


def _action_of(flat: Sequence[bytes]) -> Action | None:
    entry = from_hash(AuditEntry, pairs_of(flat))
    return from_json(Action, entry.action) if entry is not None else None
