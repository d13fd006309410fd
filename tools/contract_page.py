"""Writes the keys and the records into docs/contract.md, from the code that goes by them: `make contract`."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from shared.keys import Key, Keys
from shared.records import actions, events, files, heartbeats, logons, losses, notices, polling, reading, rejected
from shared.records.reading import Record

PAGE = Path(__file__).parent.parent / "docs" / "contract.md"

#: Where each record stands: what of Redis holds it, and how. In the order of the page.
RECORDS: dict[type[Record], str] = {
    heartbeats.Process: "`service:<role>:<name>`, hash: the fields of every heartbeat",
    heartbeats.ConsumerStatus: "the same hash of a consumer, beside those",
    heartbeats.WriterStatus: "the same hash of a writer",
    heartbeats.PollerStatus: "the same hash of a poller",
    heartbeats.MonitorStatus: "the same hash of a monitor",
    polling.PollerGroup: "an element of the array `groups` of a poller's heartbeat, JSON",
    polling.SeenGroup: "`polling`, hash: JSON by PLC and group",
    polling.PollRequest: "`poll_requests`, list: JSON",
    polling.PollResult: "`poll_results:<request_id>`, list of one element: JSON",
    files.BackupFile: "`backup_files`, hash: JSON by file name",
    events.OverflowEpisode: "`overflows`, hash: JSON by episode; also the details of the event",
    events.EventRecord: "`events`, stream: fields of an entry",
    rejected.RejectedEntry: "`data_queue:rejected`, list: JSON",
    rejected.RejectedCode: "`rejected_codes`, hash: JSON by what and code",
    rejected.RejectedExample: "`rejected_examples:<what>:<code>`, list: JSON",
    logons.RefusedSecret: "`refused_logons:<digest of the secret>`, hash",
    actions.Action: "`actions`, hash: JSON by what tells an action from others",
    actions.AuditEntry: "`actions:audit`, stream: fields of an entry",
    notices.Told: "`notices:<receiver>`, hash: JSON by alert, `<partition>:<code>` where there are several partitions",
    actions.Paused: "`paused`, hash: JSON by `role:name`",
    losses.Loss: "`loss_acknowledged`, hash",
    losses.WentBackTotal: "`went_back`, hash",
}

#: What a person calls our types.
_WORDS = {
    reading.Text: "text",
    reading.LongText: "text",
    reading.Count: "count",
    reading.Moment: "seconds since 1970",
    reading.Span: "number",
    float: "number",
    int: "integer",
    bool: "true or false",
    str: "text",
    Any: "anything",
}

_FIELD = re.compile(r"^    (\w+): (?P<type>[^=#]+?)(?: = [^#]*)?(?:  #: (?P<comment>.*))?$")


def page(text: str) -> str:
    """Return the document's text with the tables of today."""
    for name, made in (("keys", _keys()), ("records", _records()), ("events", _events())):
        begin, end = f"<!-- make contract: {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n\n{made}\n\n{end}{after}"
    return text


def _keys() -> str:
    rows = ["| key, below `{<namespace>}:` | is |", "|---|---|"]
    keys, comments = Keys("ns"), dict(_comments_of_keys())
    for name, member in vars(Keys).items():
        if isinstance(member, Key) and name != "window_prefix":
            rows.append(f"| `{getattr(keys, name).removeprefix('{ns}:')}` | {comments[name]} |")
        elif callable(member) and not name.startswith("_"):
            names = [f"<{parameter}>" for parameter in inspect.signature(member).parameters if parameter != "self"]
            key = keys.window_prefix + names[0] if name == "window" else member(keys, *names)
            rows.append(f"| `{key.removeprefix('{ns}:')}` | {_one_line(inspect.getdoc(member))} |")
    return "\n".join(rows)


def _comments_of_keys() -> Iterator[tuple[str, str]]:
    """Yield the comment that stands before each key in the code."""
    for comment, name in re.findall(r"((?:    #: .*\n)+)    (\w+) = Key", inspect.getsource(Keys)):
        yield name, " ".join(line.strip().removeprefix("#: ") for line in comment.splitlines())


def _records() -> str:
    return "\n\n".join(_record(kind, where) for kind, where in RECORDS.items())


def _record(kind: type[Record], where: str) -> str:
    comments = dict(_comments(kind))
    rows = [
        f"### {kind.__name__}",
        "",
        f"{_one_line(inspect.getdoc(kind))} In {where}.",
        "",
        "| field | type | holds |",
        "|---|---|---|",
    ]
    for field in msgspec.structs.fields(kind):
        needed = "; always there" if field.required else ""
        rows.append(f"| `{field.name}` | {_word(field.type)}{needed} | {comments.get(field.name, '')} |")
    return "\n".join(rows)


def _comments(kind: type) -> Iterator[tuple[str, str]]:
    """Yield the comment of each field, as it stands behind it in the code."""
    for owner in reversed(kind.__mro__[:-1]):
        if not issubclass(owner, Record):
            continue
        for line in inspect.getsource(owner).splitlines():
            found = _FIELD.match(line)
            if found and found["comment"]:
                yield found[1], found["comment"]


def _word(kind: Any) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    parts = [part for part in getattr(kind, "__args__", ()) if part not in (type(None), msgspec.UnsetType)]
    if getattr(kind, "__origin__", None) is tuple:
        return f"array: {_word(kind.__args__[0])}"
    if getattr(kind, "__origin__", None) is dict:
        return "object: " + " -> ".join(map(_word, parts))
    word = " or ".join(dict.fromkeys(map(_word, parts))) or str(kind)
    return f"{word} or null" if type(None) in kind.__args__ else word


def _events() -> str:
    rows = ["| kind | details |", "|---|---|"]
    for kind in events.Event:
        details = events.DETAILS.get(kind)
        names = [f"`{field.name}`" for field in msgspec.structs.fields(details)] if details else []
        rows.append(f"| `{kind}` | {', '.join(names)} |")
    return "\n".join(rows)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
