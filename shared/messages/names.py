"""The names in a message: those that stand there more than once, and those that another language spells. Pure.

Of two of one name the last counts, and what it took the place of is told: of readings nothing may vanish. Serializers
of other languages write `TagQualities` or `tagQualities`; that is no name that nobody knows, to be passed over.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

Pairs: TypeAlias = Sequence[tuple[str, Any]]


class Repeating(dict[str, Any]):
    """An object in which names stand more than once; `pairs` are all, in their order."""

    pairs: Pairs = ()


def object_of(pairs: Pairs) -> dict[str, Any]:
    """Return the object of these names and what stands under them."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found = Repeating(found)
        found.pairs = pairs
    return found


def earlier(found: dict[str, Any]) -> Pairs:
    """Return what stood under names that came again, where it is something else than what counts.

    >>> earlier(object_of([("a", 1), ("b", 2), ("a", 3), ("b", 2)]))
    [('a', 1)]
    """
    pairs, last = _pairs(found), dict(found)
    return [(name, part) for name, part in pairs if (type(part), part) != (type(last[name]), last[name])]


def in_one(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message with its parts' own names, whose objects, or lists, of one name are put together.

    >>> in_one(object_of([("a", {"x": 1}), ("b", [1]), ("b", [2]), ("a", {"y": 2})]))
    {'a': {'x': 1, 'y': 2}, 'b': [1, 2]}
    """
    whole: dict[str, Any] = {}
    parts = meant(message)
    for said, part in _pairs(message):
        name = parts.get(said, said)
        before = whole.get(name)
        if isinstance(before, dict) and isinstance(part, dict):
            whole[name] = object_of([*_pairs(before), *_pairs(part)])
        elif isinstance(before, list) and isinstance(part, list):
            whole[name] = before + part
        else:
            whole[name] = part
    return whole


#: The parts of a message.
KNOWN = frozenset({
    "timestamp", "plc_code", "group_id", "group_name", "mode", "poll_time_ms",
    "tag_values", "error_tags", "tag_qualities", "tag_timestamps", "rows",
})  # fmt: skip

_KNOWN_BY_LETTERS = {name.replace("_", ""): name for name in KNOWN}


def meant(names: Iterable[str]) -> dict[str, str]:
    """Return name -> the part that it means, of those that are spelled like one that is not there.

    >>> meant(["plc_code", "TagValues", "Plc-Code", "site"])
    {'TagValues': 'tag_values'}
    """
    there = {*names}
    found = {name: _KNOWN_BY_LETTERS.get(name.replace("_", "").replace("-", "").lower(), "") for name in there - KNOWN}
    return {name: part for name, part in found.items() if part and part not in there}


def _pairs(found: dict[str, Any]) -> Pairs:
    return found.pairs if isinstance(found, Repeating) else [*found.items()]
