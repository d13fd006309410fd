"""What is kept of messages that can't be understood, and of tags that can't be values: entries of a bounded list."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import UNSET

from shared.clock import Clock
from shared.counters import OTHER_CODES, known_code
from shared.life.heartbeat import Heartbeat
from shared.messages.salvage import Fault
from shared.models import HEAD_BYTES, Oversize
from shared.queues.data_queue import MAX_REJECTED_MESSAGE_BYTES
from shared.records.reading import from_json, to_json
from shared.records.rejected import Rejected, RejectedEntry, RejectedExample
from shared.texts import cut


class Rejections:
    """Makes the entries of one consumer."""

    def __init__(self, heartbeat: Heartbeat, clock: Clock) -> None:
        self._heartbeat = heartbeat
        self._clock = clock

    def of_message(self, raw: bytes, code: str, reason: str) -> bytes:
        """Return the entry of a whole message."""
        oversize = Oversize.of(raw)
        if oversize is not None:
            return self._entry(code, reason, head=_shown(oversize.head), size_bytes=oversize.size_bytes)
        return self._entry(code, reason, **_kept(raw))

    def of_tags(self, faults: Iterable[Fault]) -> list[bytes]:
        """Return an entry for each reason why tags of one message were left out."""
        by_reason: dict[tuple[str, str], list[Fault]] = {}
        for fault in faults:
            by_reason.setdefault((fault.code, fault.reason), []).append(fault)
        return [
            self._entry(
                code,
                reason,
                tag=same[0].address,
                tags=len(same),
                detail=same[0].detail,
                # In ASCII: what is no character stays as it came.
                **_kept(json.dumps(_together(same)).encode()),
            )
            for (code, reason), same in by_reason.items()
        ]

    def _entry(self, code: str, reason: str, **what: Any) -> bytes:
        at, consumer = self._clock.now().isoformat(), self._heartbeat.instance
        entry = RejectedEntry(code=known_code(code), reason=cut(reason), at=at, consumer=consumer, **what)
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


def entry_id(entry: bytes) -> str:
    """Return by what an entry is known from outside the list."""
    return hashlib.sha1(entry, usedforsecurity=False).hexdigest()[:16]


def code_of(entry: bytes) -> str:
    """Return what kind of fault an entry tells of; OTHER_CODES for one of an older version, or none of ours."""
    known = from_json(RejectedEntry, entry)
    return OTHER_CODES if known is None or known.code is UNSET else known_code(known.code)


def example_of(entry: bytes) -> tuple[Rejected, str, RejectedExample]:
    """Return what people are shown of an entry: what it is, its code, and the example."""
    known = from_json(RejectedEntry, entry) or RejectedEntry(reason="", at="", consumer="")
    kept = next((text for text in (known.message, known.head, known.message_base64) if text is not UNSET), "")
    is_tag, size = known.tag is not UNSET, known.size_bytes
    example = RejectedExample(
        id=entry_id(entry),
        at=_moment(known.at),
        reason=cut(known.reason if known.detail is UNSET else f"{known.reason}: {known.detail!r}"),
        consumer=cut(known.consumer),
        tag=cut(known.tag) if is_tag else None,
        tags=None if known.tags is UNSET else known.tags,
        message=cut(kept),
        size_bytes=len(kept.encode()) if size is UNSET else size,
        can_retry=known.head is UNSET,
    )
    return Rejected.TAG if is_tag else Rejected.MESSAGE, code_of(entry), example


def _moment(text: str) -> float:
    try:
        return round(datetime.fromisoformat(text).timestamp(), 3)
    except ValueError:
        return 0.0


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
