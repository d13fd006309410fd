"""Which tags of a server: a list, a glob over its address space, or a CSV file. Pure, but for reading that file."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from services.poller.source import SourceError
from services.poller.sources.files import MAX_TAGS_BYTES, read_named
from services.poller.sources.long_lived import long_lived
from shared.foreign_csv.dialect import packed_as

#: A node id as OPC UA writes it: `ns=2;s=Line1.Speed`, `i=2258`, `nsu=http://maker/;i=5`.
_NODE_ID = re.compile(
    r"(?:ns=\d{1,5};|nsu=[^;]+;)?(?:i=\d{1,10}|s=.+|g=[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|b=.+)"
)

#: Characters of an address: no table has room for more.
MAX_ADDRESS = 300

#: Tags of one group: more belong into several, which then take turns.
MAX_TAGS = 1_000_000

#: Faults of a CSV file that are told one by one.
_MAX_COMPLAINTS = 10

_FORMS = (
    'use a list: ["ns=2;s=D100", {address = "ns=2;s=D101", name = "D101"}], a glob: {glob = "Plant/**"}, '
    'or a CSV file: {file = "tags.csv"}'
)


@dataclass(frozen=True)
class Tag:
    """One tag: the node that is read, and the address that it has in the table."""

    node_id: str
    address: str


@dataclass(frozen=True)
class TagSelection:
    """The tags of one group, in one of three forms."""

    tags: tuple[Tag, ...] = ()
    globs: tuple[str, ...] = ()
    file: str | None = None

    def listed(self, directory: Path) -> list[Tag]:
        """Return the tags that are known without asking the server; none for a glob.

        Raises: SourceError: the CSV file can't be read or holds a mistake.
        """
        return read_tags(directory / self.file) if self.file else list(self.tags)

    def describe(self) -> str:
        """Return how many, or which, for people."""
        if self.globs:
            return f"tags like {', '.join(self.globs)}"
        return f"tags in {self.file}" if self.file else f"{len(self.tags)} tags"


def parse_selection(value: object) -> TagSelection:
    """Return what `tags = ...` names.

    Raises: ValueError: it is none of the three forms, or an entry is wrong; the text says which.
    """
    if isinstance(value, TagSelection):
        return value
    if isinstance(value, dict) and value.keys() == {"file"} and isinstance(value["file"], str) and value["file"]:
        return TagSelection(file=value["file"])
    if isinstance(value, dict) and value.keys() == {"glob"}:
        globs = value["glob"] if isinstance(value["glob"], list) else [value["glob"]]
        if globs and all(isinstance(pattern, str) and pattern for pattern in globs):
            return TagSelection(globs=tuple(globs))
    if not isinstance(value, list) or not value:
        raise ValueError(_FORMS)
    if len(value) > MAX_TAGS:
        raise ValueError(f"{len(value)} tags, above {MAX_TAGS}: make several groups of them")
    tags = [_entry(place, entry) for place, entry in enumerate(value, start=1)]
    address, times = Counter(tag.address for tag in tags).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{times} tags have the name {address!r}: give each its own")
    return TagSelection(tags=tuple(tags))


def _entry(place: int, entry: object) -> Tag:
    if isinstance(entry, str):
        entry = {"address": entry}
    if not isinstance(entry, dict) or not entry.keys() <= {"address", "name"} or "address" not in entry:
        raise ValueError(f'entry {place}: use "ns=2;s=D100" or {{address = "ns=2;s=D100", name = "D100"}}')
    if not all(isinstance(part, str) for part in entry.values()):
        raise ValueError(f"entry {place}: address and name are texts in quotes")
    try:
        return make_tag(entry["address"], entry.get("name", ""))
    except ValueError as error:
        raise ValueError(f"entry {place}: {error}") from None


def make_tag(node_id: str, name: str = "") -> Tag:
    """Return the tag of a node; without a name its node id is its address. Raises: ValueError: that is no node id."""
    node_id, name = node_id.strip(), name.strip()
    if not _NODE_ID.fullmatch(node_id):
        raise ValueError(
            f"{node_id!r} is not a node id: write it as ns=2;s=D100, ns=2;i=1001 or nsu=http://maker/;s=D100"
        )
    if len(name or node_id) > MAX_ADDRESS:
        raise ValueError(
            f"{(name or node_id)[:40]!r}... has more than {MAX_ADDRESS} characters: give it a shorter name"
        )
    return Tag(node_id, name or node_id)


def read_tags(path: Path) -> list[Tag]:
    """Read a CSV file with the columns `address` (a node id) and, if they like, `name`; others are ignored.

    Raises: SourceError: with line numbers.
    """
    raw = read_named(path, MAX_TAGS_BYTES)
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: {packed_as(raw) or f'not UTF-8: {error}'}") from error
    reader = csv.DictReader(lines)
    if "address" not in (reader.fieldnames or ()):
        raise SourceError(f"{path}: line 1: no column is called address: begin the file with `address,name`")
    with long_lived(len(lines)):
        tags, problems = _rows(reader)
    if not tags and not problems:
        problems = ["it names no tag"]
    if len(tags) > MAX_TAGS:
        problems = [f"{len(tags)} tags, above {MAX_TAGS}: make several groups of them"]
    if problems:
        more = f" (and {len(problems) - _MAX_COMPLAINTS} more)" if len(problems) > _MAX_COMPLAINTS else ""
        raise SourceError(f"{path}: {'; '.join(problems[:_MAX_COMPLAINTS])}{more}")
    return tags


def _rows(reader: "csv.DictReader[str]") -> tuple[list[Tag], list[str]]:
    """Return the tags of a file, and what is wrong with its lines."""
    tags: dict[str, tuple[int, Tag]] = {}
    problems = []
    for row in reader:
        if not any(row.values()):
            continue
        try:
            tag = make_tag(row["address"] or "", row.get("name") or "")
        except ValueError as error:
            problems.append(f"line {reader.line_num}: {error}")
            continue
        if tag.address in tags:
            problems.append(f"line {reader.line_num}: {tag.address!r} is in line {tags[tag.address][0]} already")
        tags.setdefault(tag.address, (reader.line_num, tag))
    return [tag for _, tag in tags.values()], problems


def compile_glob(pattern: str) -> re.Pattern[str]:
    """Return the expression for a glob: `*` and `?` within one step of the path, `**` over any number of them.

    >>> compile_glob("Plant/**/Temp*").fullmatch("Plant/Line 1/Oven/Temperature") is not None
    True
    >>> compile_glob("Plant/*").fullmatch("Plant/Line 1/Oven") is not None
    False
    """
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", pattern)
    return re.compile("".join(wild.get(token) or re.escape(token) for token in tokens))
