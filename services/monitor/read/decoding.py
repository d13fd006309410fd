"""What Redis answered, as text, counts and records: what can't be read hides nothing else. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from services.monitor.read.bounded_scan import BoundedScan
from shared.records.events import EventRecord
from shared.records.reading import Record, from_hash, from_json
from shared.texts import cut


def text_of(raw: bytes) -> str:
    """Return what Redis holds as text, whatever its bytes are."""
    return raw.decode(errors="replace")


def texts_of(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return a hash as text."""
    return {text_of(name): text_of(value) for name, value in raw.items()}


def event_of(id_: bytes, flat: Sequence[bytes]) -> EventRecord:
    """Return one entry of the stream of events; what can't be read of it is left out."""
    return from_hash(EventRecord, {**pairs_of(flat), "id": text_of(id_)}) or EventRecord()


def pairs_of(flat: Sequence[bytes]) -> dict[str, str]:
    """Return a hash as scripts answer it: name, value, name, value..."""
    texts = [text_of(raw) for raw in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def counts_of(flat: Sequence[bytes]) -> dict[str, int]:
    """Return the counts of a hash; what is no count must not hide the others and is left out."""
    counts: dict[str, int] = {}
    for name, value in pairs_of(flat).items():
        try:
            counts[name] = int(value)
        except ValueError:
            continue
    return counts


R = TypeVar("R", bound=Record)


class Records(Generic[R]):
    """The records of a hash, decoded once for each time that it was read."""

    def __init__(self, scan: BoundedScan, kind: type[R]) -> None:
        self._scan = scan
        self._kind = kind
        self._made_of: Mapping[bytes, bytes] | None = None
        self._made: dict[str, R] = {}
        self._unreadable = 0

    def all(self, left_out: dict[str, int]) -> Mapping[str, R]:
        """Return them; one that is none, and a field that can't be read, must not hide the others and are left out."""
        entries = self._scan.entries
        if entries is not self._made_of:
            spoiled: list[str] = []
            records = ((name, from_json(self._kind, raw, spoiled)) for name, raw in entries.items())
            self._made = {cut(text_of(name)): record for name, record in records if record is not None}
            self._unreadable = len(entries) - len(self._made) + len(spoiled)
            self._made_of = entries
        if self._unreadable:
            left_out[self._scan.key] = left_out.get(self._scan.key, 0) + self._unreadable
        return self._made
