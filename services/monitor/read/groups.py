"""The polling groups: what came through of each, and what our own pollers say of theirs. No I/O, no clock.

A group is its PLC and its name, two words: joined by a separator, `A/B` + `C` and `A` + `B/C` would be one. What a
field of Redis' hash is called does not matter, so entries of older and newer consumers are read alike.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from shared.records.polling import PollerGroup, SeenGroup
from shared.records.reading import from_json, json_array, json_object

#: PLC and name of a group.
Identity = tuple[str, str]


class Group(msgspec.Struct, frozen=True):
    """One polling group. What is configured is better known to its poller; what came through, to a consumer."""

    seen: SeenGroup  #: nothing but its names where nothing came through yet
    own: PollerGroup | None = None  #: what a living poller of ours says of it
    said: msgspec.Raw | None = None  #: the same as it was said, with what its source says
    finished_at: float | None = None  #: when a poller of ours that may be gone said that it is at its end

    @property
    def group_id(self) -> int | None:
        """Its number."""
        return self.own.group_id if self.own and self.own.group_id is not None else self.seen.group_id

    @property
    def mode(self) -> str | None:
        """FIXED or HANDSHAKE."""
        return self.own.mode if self.own and self.own.mode is not None else self.seen.mode

    @property
    def interval_ms(self) -> float | None:
        """Time between polls in ms: as configured, else between the last two."""
        return self.own.interval_ms if self.own and self.own.interval_ms is not None else self.seen.interval_ms

    @property
    def is_finished(self) -> bool:
        """Whether it is at the end of its recording, as its poller says, or said before it ended, too."""
        if self.own is not None or self.finished_at is None:
            return self.own is not None and self.own.state == "finished"
        return (self.seen.last_seen_at or 0.0) <= self.finished_at + LATE_S

    @property
    def details(self) -> dict[str, Any]:
        """What its poller says beyond all that."""
        said = json_object(bytes(self.said)) if self.said is not None else None
        told = {"group_id": self.group_id, "mode": self.mode, "interval_ms": self.interval_ms}
        return {
            name: value
            for name, value in (said or {}).items()
            if name not in ("plc_code", "name") and (value is None or name not in told)
        }


#: Seconds for which messages of a group that was taken out of its poller's file, or ended, may still come: they waited.
LATE_S = 3600.0


def known_groups(
    polling: Mapping[str, SeenGroup],
    pollers: Sequence[str],
    configured: Mapping[bytes, bytes],
) -> dict[Identity, Group]:
    """Return every group by PLC and name, in their order, without those that were taken out of their poller's file.

    Args: polling: what consumers saw, by field. pollers: what each living poller of ours says of its groups, as JSON.
    configured: what stands in Redis of the groups in their files.
    """
    finished = _marked(configured, _FINISHED)
    groups: dict[Identity, Group] = {}
    for seen in polling.values():
        identity = seen.plc_code, seen.group_name
        known = groups.get(identity)
        if known is None or (known.seen.last_seen_at or 0.0) < (seen.last_seen_at or 0.0):
            groups[identity] = Group(seen, finished_at=finished.get(identity))
    for identity, at in _marked(configured, _TAKEN_OUT).items():
        if identity in groups and (groups[identity].seen.last_seen_at or 0.0) <= at + LATE_S:
            del groups[identity]
    for text in pollers:
        for said in json_array(text):
            own = from_json(PollerGroup, bytes(said))
            if own is not None:
                known = groups.get((own.plc_code, own.name))
                seen = known.seen if known else SeenGroup(plc_code=own.plc_code, group_name=own.name)
                groups[own.plc_code, own.name] = Group(seen, own, said)
    return dict(sorted(groups.items()))


def together(parts: Iterable[Mapping[Identity, Group]]) -> dict[Identity, Group]:
    """Return the groups of several partitions; of one that several know what was seen last."""
    groups: dict[Identity, Group] = {}
    for part in parts:
        for identity, group in part.items():
            known = groups.get(identity, group)
            seen = max(known.seen, group.seen, key=lambda seen: seen.last_seen_at or 0.0)
            finished_at = group.finished_at if seen is group.seen else known.finished_at
            groups[identity] = Group(seen, group.own or known.own, group.said or known.said, finished_at)
    return dict(sorted(groups.items()))


#: How entries begin of groups that no poller's file has any more, and of those that are at their end.
_TAKEN_OUT, _FINISHED = b"!", b"="


def _marked(configured: Mapping[bytes, bytes], with_mark: bytes) -> dict[Identity, float]:
    """Return the groups whose entry has a mark, and since when; what is no entry is none."""
    found: dict[Identity, float] = {}
    for field, value in configured.items():
        mark, _, at_ms = value.partition(b" ")
        names = json_array(field.decode(errors="replace")) if mark == with_mark and at_ms.isdigit() else []
        if len(names) == 2:  # noqa: PLR2004 - PLC and name
            with suppress(msgspec.MsgspecError):
                plc, name = (msgspec.json.decode(raw, type=str) for raw in names)
                found[plc, name] = int(at_ms[:15]) / 1000
    return found
