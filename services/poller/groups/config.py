"""The polling groups: a TOML file, checked to the last key before anything is polled."""

import asyncio
import difflib
import errno
import reprlib
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.poller.news import Tell
from services.poller.source import DEFAULT_INTERVAL_S, TagSource
from services.poller.sources import SOURCE_MODELS, AnySource
from services.poller.sources.files import MAX_GROUPS_BYTES, read_regular
from services.poller.sources.long_lived import long_lived
from shared.errors import SettingsError
from shared.keys import polling_field
from shared.logs import get_logger
from shared.partitions import MAX_PARTITIONS, partition_of
from shared.texts import cut

#: How alike an unknown key must be to a known one to be taken for a slip of the pen.
_TYPO_LIKENESS = 0.6

#: Values as they are shown beside a mistake.
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 100

#: Bytes that a tag takes in a file, about.
_BYTES_OF_A_TAG = 50

#: Mistakes that are told one by one.
MAX_TOLD = 50


_log = get_logger()


class GroupConfig(BaseModel):
    """One `[[group]]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1, max_length=100)
    plc_code: str | None = Field(None, min_length=1, max_length=100, pattern=r"^\S+$")
    group_id: int | None = Field(None, ge=0)
    mode: Literal["FIXED", "HANDSHAKE"] = "FIXED"
    interval_ms: int | None = Field(None, ge=100)
    partition: int | None = Field(None, ge=0, lt=MAX_PARTITIONS)
    source: AnySource

    @model_validator(mode="after")
    def _fits_together(self) -> "GroupConfig":
        if not self.plc:
            raise ValueError("plc_code is missing: tag names begin with it, as in PLC01.D100")
        if self.mode == "HANDSHAKE" and self.interval_ms is not None:
            raise ValueError("interval_ms is for mode = 'FIXED': a HANDSHAKE group is polled when asked")
        if self.mode == "HANDSHAKE" and not self.source.polls_on_request():
            raise ValueError("mode = 'HANDSHAKE': this source gives readings at its own pace; use 'FIXED'")
        return self

    @property
    def plc(self) -> str:
        """The PLC code, given or the source's own."""
        return self.plc_code or self.source.default_plc_code() or ""

    @property
    def field(self) -> str:
        """What names it in Redis: a field of `Keys.polling`."""
        return polling_field(self.plc, self.name)

    def partition_in(self, partitions: int) -> int:
        """Return the partition that its messages go to: the one given, or that of its PLC."""
        return partition_of(self.plc, partitions) if self.partition is None else self.partition

    @property
    def interval_s(self) -> float:
        """Seconds between two polls of a source that does not pace itself."""
        return DEFAULT_INTERVAL_S if self.interval_ms is None else self.interval_ms / 1000

    def build_source(self, directory: Path, tell: Tell) -> TagSource:
        """Return the group's source; its relative paths begin at the directory."""
        return self.source.build(self.name, self._given_interval_s, directory, tell)

    def problems(self, path: Path) -> list[str]:
        """Return what is wrong with the files that the source names, for people. `path`: the file of the groups.

        On an event loop of its own: lists of tags and recordings are read, which may take long.
        """
        found = asyncio.run(self.source.check(self.name, path.parent))
        return [f"{path}: group '{self.name}': {problem}" for problem in found]

    def describe(self) -> str:
        """Return one line for people."""
        pace = "on request" if self.mode == "HANDSHAKE" else f"every {self.interval_s * 1000:g} ms"
        return f"group {self.group_id} '{self.name}': {self.plc}, {self.source.describe(self._given_interval_s, pace)}"

    @property
    def _given_interval_s(self) -> float | None:
        return None if self.interval_ms is None else self.interval_s


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    group: list[GroupConfig] = Field(min_length=1)


def load_groups(
    path: Path, known_ids: Mapping[str, int] | None = None, partitions: int = MAX_PARTITIONS
) -> list[GroupConfig]:
    """Read the polling groups; a group without an id gets its place in the file, from 1.

    A group's own partition must be one of `partitions`. With `known_ids` (name -> id of the groups that run) it keeps
    the id that it has, and a new one gets a free one.

    Raises: SettingsError: with one line for each mistake: file, group, key and remedy.
    """
    try:
        raw = read_regular(path, MAX_GROUPS_BYTES)
    except OSError as error:
        remedy = ": put the tags of large groups into files of their own" if error.errno == errno.EFBIG else ""
        raise SettingsError([f"{path}: can't be read: {error.strerror or error}{remedy}"]) from error
    with long_lived(len(raw) // _BYTES_OF_A_TAG):
        return _groups(path, raw, known_ids or {}, partitions)


def _groups(path: Path, raw: bytes, known_ids: Mapping[str, int], partitions: int) -> list[GroupConfig]:
    try:
        document = tomllib.loads(raw.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: not TOML: {cut(error)}"]) from error
    except RecursionError as error:
        raise SettingsError([f"{path}: not TOML: nested too deeply"]) from error
    try:
        groups = _File.model_validate(document).group
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True)
        raise SettingsError(
            _told(path, [cut(_explain(problem, document)) for problem in found[:MAX_TOLD]], len(found))
        ) from None
    groups = _with_ids(groups, known_ids)
    problems = _repeated("name", [group.name for group in groups])
    problems += _repeated("group_id", [group.group_id for group in groups])
    problems += [
        f"group '{group.name}': partition = {group.partition}: the last one is {partitions - 1}, as PARTITIONS says"
        for group in groups
        if (group.partition or 0) >= partitions
    ]
    if problems:
        raise SettingsError(_told(path, problems[:MAX_TOLD], len(problems)))
    for group in groups:
        for note in group.source.notes():
            _log.warning(f"{path}: group '{group.name}': {note}")
    return groups


def _told(path: Path, problems: Sequence[str], count: int) -> list[str]:
    more = [f"{path}: and {count - len(problems)} more"] if count > len(problems) else []
    return [f"{path}: {problem}" for problem in problems] + more


def _with_ids(groups: Sequence[GroupConfig], known_ids: Mapping[str, int]) -> list[GroupConfig]:
    kept = {group.name: known_ids[group.name] for group in groups if group.group_id is None and group.name in known_ids}
    taken = {group.group_id for group in groups} | set(kept.values())
    result = []
    for place, group in enumerate(groups, start=1):
        group_id = group.group_id if group.group_id is not None else kept.get(group.name)
        if group_id is None:
            # Its place; where an explicit id has taken that, it is told as a mistake. At a reload, a free one.
            group_id = next(number for number in count(place) if not known_ids or number not in taken)
            taken.add(group_id)
        result.append(group.model_copy(update={"group_id": group_id}))
    return result


def _repeated(key: str, values: Sequence[object]) -> list[str]:
    return [
        f"{times} groups have the {key} {value!r}: give each its own"
        for value, times in Counter(values).items()
        if times > 1
    ]


def _explain(problem: Any, document: dict[str, Any]) -> str:
    where, keys, known = _locate(list(problem["loc"]), document)
    key = ".".join(keys)
    kind = problem["type"]
    if kind == "extra_forbidden":
        alike = difflib.get_close_matches(keys[-1], known, n=1, cutoff=_TYPO_LIKENESS)
        remedy = f"did you mean {alike[0]}?" if alike else f"known are {', '.join(known)}"
        return f"{where}{key} is not a key; {remedy}"
    if kind in ("missing", "union_tag_not_found"):
        return f"{where}{key} is missing{_HINTS.get(key, '')}"
    if kind == "union_tag_invalid":
        return f"{where}source.type = {problem['ctx']['tag']!r} is not a source; use {_KINDS}"
    if key == "mode":
        return f"{where}mode = {problem['input']!r}: use 'FIXED' or 'HANDSHAKE'"
    message = str(problem["msg"]).removeprefix("Value error, ")
    given = problem["input"]
    # A password, or an address with one in it.
    is_secret = "password" in key or (isinstance(given, str) and "@" in given)
    value = "***" if is_secret else _short.repr(given)
    shown = (f"{key}: " if isinstance(given, dict) else f"{key} = {value}: ") if key else ""
    return f"{where}{shown}{message}"


_KINDS = ", ".join([*SOURCE_MODELS][:-1]) + f" or {[*SOURCE_MODELS][-1]}"
_HINTS = {
    "group": ": begin each polling group with a line [[group]]",
    "source": f": add [group.source] with type = one of {_KINDS}",
    "source.type": f": use {_KINDS}",
}


def _locate(loc: list[Any], document: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """Return the group's place as text, the key's path within it, and the keys that are known there."""
    if len(loc) < 2:  # noqa: PLR2004 - "group" and its place in the list
        return "", [str(part) for part in loc], list(_File.model_fields)
    place, keys = loc[1], [str(part) for part in loc[2:]]
    group = document["group"][place]
    name = group.get("name") if isinstance(group, dict) else None
    where = f"group {place + 1}{f' {name!r}' if isinstance(name, str) else ''}: "
    if keys[:1] != ["source"]:
        return where, keys, list(GroupConfig.model_fields)
    if len(keys) == 1:
        tagless = isinstance(group.get("source"), dict) and "type" not in group["source"]
        return where, ["source", "type"] if tagless else keys, []
    # pydantic puts the kind of source between `source` and its key.
    kind = keys[1]
    return where, ["source", *keys[2:]], list(SOURCE_MODELS[kind].model_fields)
