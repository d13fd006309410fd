"""What is kept of messages that can't be understood, and of tags that can't be values: entries of a bounded list."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET

from shared.clock import Clock
from shared.life.heartbeat import Heartbeat
from shared.messages.salvage import Fault
from shared.queues.data_queue import HEAD_BYTES, MAX_REJECTED_MESSAGE_BYTES, Oversize
from shared.records.reading import from_json, to_json
from shared.records.rejected import RejectedEntry
from shared.texts import cut


class Rejections:
    """Makes the entries of one consumer."""

    def __init__(self, heartbeat: Heartbeat, clock: Clock) -> None:
        self._heartbeat = heartbeat
        self._clock = clock

    def of_message(self, raw: bytes, reason: str) -> bytes:
        """Return the entry of a whole message."""
        oversize = Oversize.of(raw)
        if oversize is not None:
            return self._entry(reason, head=_shown(oversize.head), size_bytes=oversize.size_bytes)
        return self._entry(reason, **_kept(raw))

    def of_tags(self, faults: Iterable[Fault]) -> list[bytes]:
        """Return an entry for each reason why tags of one message were left out."""
        by_reason: dict[str, list[Fault]] = {}
        for fault in faults:
            by_reason.setdefault(fault.reason, []).append(fault)
        return [
            self._entry(
                reason,
                tag=same[0].address,
                tags=len(same),
                detail=same[0].detail,
                # In ASCII: what is no character stays as it came.
                **_kept(json.dumps(_together(same)).encode()),
            )
            for reason, same in by_reason.items()
        ]

    def _entry(self, reason: str, **what: Any) -> bytes:
        at, consumer = self._clock.now().isoformat(), self._heartbeat.instance
        entry = RejectedEntry(reason=cut(reason), at=at, consumer=consumer, **what)
        return to_json(entry).encode()


def message_of(entry: bytes) -> bytes | None:
    """Return the message that an entry keeps; None when it is not whole, or the entry is none of ours."""
    known = from_json(RejectedEntry, entry)
    if known is None:
        return None
    if known.message is not UNSET:
        return known.message.encode()
    try:
        return base64.b64decode(known.message_base64 or "", validate=True) or None
    except ValueError:
        return None


def _together(faults: Iterable[Fault]) -> dict[str, Any]:
    """Return one message of all tags of several faults of one message."""
    together: dict[str, Any] = {}
    for fault in faults:
        for key, found in fault.alone.items():
            if isinstance(found, Mapping):
                together.setdefault(key, {}).update(found)
            elif key == "rows" and isinstance(found, list):
                together.setdefault(key, []).extend(found)
            else:
                together[key] = found
    return together


def _kept(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_REJECTED_MESSAGE_BYTES:
        return {"head": _shown(raw[:HEAD_BYTES]), "size_bytes": len(raw)}
    try:
        return {"message": raw.decode()}
    except UnicodeDecodeError:
        return {"message_base64": base64.b64encode(raw).decode()}


def _shown(head: bytes) -> str:
    return head.decode(errors="replace")
