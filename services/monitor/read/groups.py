"""The polling groups: what came through of each, and what our own pollers say of theirs. No I/O, no clock.

A group is its PLC and its name, two words: joined by a separator, `A/B` + `C` and `A` + `B/C` would be one. What a
field of Redis' hash is called does not matter, so entries of older and newer consumers are read alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.monitor.read.untrusted import decoded, trimmed

#: PLC and name of a group.
Identity = tuple[str, str]

#: What a poller knows of its groups from their configuration.
_CONFIGURED = ("group_id", "mode", "interval_ms")


def known_groups(polling: Mapping[str, Mapping[str, Any]], pollers: Sequence[str]) -> dict[Identity, dict[str, Any]]:
    """Return every group by PLC and name, in their order.

    Args: polling: what consumers saw, by field. pollers: what each living poller of ours says of its groups, as JSON.
    """
    groups: dict[Identity, dict[str, Any]] = {}
    for field, seen in polling.items():
        identity = _identity(field, seen)
        known = groups.get(identity)
        if known is None or _seen_at(known) < _seen_at(seen):
            groups[identity] = dict(seen)
    for text in pollers:
        for own in decoded(text, list[dict[str, Any]]) or []:
            _take_on(groups, trimmed(own))
    return dict(sorted(groups.items()))


class GroupsMemo:
    """`known_groups`, worked out anew only when there is something new: there may be thousands. For one thread."""

    def __init__(self) -> None:
        self._made_of: tuple[object, Sequence[str]] = (None, ())
        self._made: dict[Identity, dict[str, Any]] = {}

    def __call__(
        self, polling: Mapping[str, Mapping[str, Any]], pollers: Sequence[str]
    ) -> Mapping[Identity, Mapping[str, Any]]:
        """Return every group by PLC and name; `polling` is new when it is another object."""
        if self._made_of[0] is not polling or self._made_of[1] != pollers:
            self._made = known_groups(polling, pollers)
            self._made_of = polling, pollers
        return self._made


def is_finished(group: Mapping[str, Any]) -> bool:
    """Tell whether a living poller says that this group is at the end of its recording."""
    details = group.get("details")
    return isinstance(details, dict) and details.get("state") == "finished"


def _take_on(groups: dict[Identity, dict[str, Any]], own: dict[str, Any]) -> None:
    plc, name = own.pop("plc_code", None), own.pop("name", None)
    if not isinstance(plc, str) or not isinstance(name, str):
        return
    group = groups.setdefault((plc, name), {"plc_code": plc, "group_name": name})
    # What is configured is better known there; what came through, here: its totals are others.
    for field in _CONFIGURED:
        if own.get(field) is not None:
            group[field] = own.pop(field)
    group["details"] = own


def _identity(field: str, seen: Mapping[str, Any]) -> Identity:
    plc, name = seen.get("plc_code"), seen.get("group_name")
    if isinstance(plc, str) and isinstance(name, str):
        return plc, name
    first, _, rest = field.partition("/")
    return first, rest


def _seen_at(group: Mapping[str, Any]) -> float:
    seen_at = group.get("last_seen_at")
    return seen_at if isinstance(seen_at, int | float) else 0.0
