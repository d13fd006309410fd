"""What Redis answered, as text, counts and records: what can't be read hides nothing else. No I/O."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

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
        with suppress(ValueError):
            counts[name] = int(value)
    return counts


R = TypeVar("R", bound=Record)


def records_of(kind: type[R], entries: Mapping[bytes, bytes]) -> tuple[Mapping[str, R], int]:
    """Return the records of a hash by name; and how many, or fields of them, can't be read, which hides no other."""
    spoiled: list[str] = []
    records = ((name, from_json(kind, raw, spoiled)) for name, raw in entries.items())
    found = {cut(text_of(name)): record for name, record in records if record is not None}
    return found, len(entries) - len(found) + len(spoiled)
