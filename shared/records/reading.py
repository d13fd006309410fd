"""Records from Redis and back. Whatever stands there, reading it raises nothing and has bounds."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from shared.texts import TEXT_LIMIT, cut

#: A text from outside. Longer ones are cut, which puts the whole length behind them.
Text = Annotated[str, msgspec.Meta(max_length=TEXT_LIMIT + 40)]

#: A path, or what is made of one.
LongText = Annotated[str, msgspec.Meta(max_length=1_000)]

#: How many, or how many bytes.
Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]

#: Seconds since 1970, of a time that a calendar shows.
Moment = Annotated[float, msgspec.Meta(ge=0, lt=253_402_300_800)]

#: A length of time.
Span = Annotated[float, msgspec.Meta(ge=0, lt=1e15)]


#: Bytes of JSON that is read whatever it holds: it may take 25 times as much memory.
_LARGEST = 1_000_000


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something that one process says and another reads. Fields without a default are those it is nothing without."""


R = TypeVar("R", bound=Record)


def from_json(kind: type[R], raw: str | bytes | None, spoiled: list[str] | None = None) -> R | None:
    """Return the record that a JSON object holds; None when it is none.

    `spoiled` takes the names of fields that hold something else than they should: they have their defaults.
    """
    try:
        return msgspec.json.decode(raw or b"", type=kind)
    except msgspec.ValidationError:
        return _field_by_field(kind, _decoded(raw), spoiled, strict=True)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def from_hash(kind: type[R], fields: Mapping[str, str], spoiled: list[str] | None = None) -> R | None:
    """Return the record that a hash holds, as `from_json` does; an empty text is a field that is missing."""
    found = {name: text for name, text in fields.items() if text}
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError:
        return _field_by_field(kind, found, spoiled, strict=False)


def _field_by_field(
    kind: type[R], found: Mapping[str, Any] | None, spoiled: list[str] | None, *, strict: bool
) -> R | None:
    if found is None:
        return None
    made, unreadable = {}, []
    for field in msgspec.structs.fields(kind):
        if field.name not in found:
            continue
        try:
            made[field.name] = _converted(found[field.name], field.type, strict=strict)
        except msgspec.ValidationError:
            unreadable.append(field.name)
    if any(field.required and field.name not in made for field in msgspec.structs.fields(kind)):
        return None
    if spoiled is not None:
        spoiled += unreadable
    return kind(**made)


def _converted(value: Any, kind: Any, *, strict: bool) -> Any:
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError:
        if not isinstance(value, str):
            raise
    return msgspec.convert(cut(value), kind, strict=strict)


def json_object(raw: str | bytes | None) -> dict[str, Any] | None:
    """Return what a JSON object holds, its names and texts cut; None when it is none, or is nested without end."""
    found = _decoded(raw)
    for name, value in (found or {}).items():
        if len(name) > TEXT_LIMIT or (isinstance(value, str) and len(value) > TEXT_LIMIT):
            return {cut(name): trimmed(value) for name, value in (found or {}).items()}
    return found  # nearly always: there may be thousands


def _decoded(raw: str | bytes | None) -> dict[str, Any] | None:
    if raw is not None and len(raw) > _LARGEST:
        return None
    try:
        found: dict[str, Any] = msgspec.json.decode(raw or b"", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return found


def json_array(raw: str) -> list[msgspec.Raw]:
    """Return the elements of a JSON array as they stand there; none where it is no array."""
    try:
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return []


def trimmed(value: Any) -> Any:
    """Return a text as long as it may be, and anything else as it is."""
    return cut(value) if isinstance(value, str) else value


def to_json(record: Record) -> str:
    """Return a record as a JSON object, with its fields that are None and without those that are UNSET."""
    return as_json(msgspec.to_builtins(record))


def as_json(fields: Mapping[str, Any]) -> str:
    """Return fields as a JSON object in which a person can read every letter; a lone surrogate is a question mark."""
    text = json.dumps(fields, ensure_ascii=False)
    return text if text.isascii() else text.encode(errors="replace").decode()


def to_hash(record: Record) -> dict[str, str]:
    """Return a record as the fields of a hash: those that are None are left out."""
    fields = msgspec.structs.asdict(record)
    return {name: str(value) for name, value in fields.items() if value is not None}


def to_fields(record: Record) -> list[bytes]:
    """Return name, text, name, text... as `to_hash`, for who writes them.

    A lone surrogate, from a file's name, a message or an error's text, has no UTF-8: it is told by its number.
    """
    return [part.encode(errors="backslashreplace") for field in to_hash(record).items() for part in field]
