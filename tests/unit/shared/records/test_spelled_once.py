"""No name of a field that stands in Redis is spelled outside shared/records: who renames one finds every reader."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

from shared.records import events, files, heartbeats, logons, losses, polling, rejected
from shared.records.reading import Record

ROOT = Path(__file__).resolve().parents[4]
MODULES = (events, files, heartbeats, logons, losses, polling, rejected)

#: What is read by names that records have as well, and is none: rooms and modules, and what they read.
OTHERS = {
    "shared/messages/salvage.py": "PollingData, read tag by tag",
    "shared/settings/": "settings, and what pydantic says of one",
    "shared/logs/limit.py": "what a log line says",
    "services/poller/groups/config.py": "a file of polling groups, and what pydantic says of it",
    "services/poller/sources/": "that file, and recorded files",
    "services/monitor/http/": "headers of HTTP",
    "services/monitor/dashboard/language.py": "a catalogue of texts",
    "services/monitor/dashboard/offers.py": "the body of a request",
    "services/monitor/dashboard/pages.py": "parts of an address",
    "services/monitor/dashboard/picture.py": "names of cards",
    "services/writer/check/": "columns of a table",
    "services/writer/oracle/": "the same",
    "services/writer/conformance/": "what a server says of itself",
    "sandbox/plan.py": "a plan of the demo",
    "sandbox/recorded_form.py": "columns of a recorded file",
    "sandbox/harness/stack.py": "names of settings",
    "bench/": "figures of a run",
}


def field_names() -> set[str]:
    return {
        field.name
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Record)
        for field in msgspec.structs.fields(kind)
    }


def spelled(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what is asked of a mapping by its name: `x["name"]`, `x.get("name")`, `x.pop("name")`, `"name" in x`."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str(name))):
                yield node.lineno, name
            case ast.Call(
                func=ast.Attribute(attr="get" | "pop" | "setdefault"), args=[ast.Constant(value=str(name)), *_]
            ):
                yield node.lineno, name
            case ast.Compare(left=ast.Constant(value=str(name)), ops=[ast.In() | ast.NotIn()]):
                yield node.lineno, name


def test_no_field_of_a_record_is_read_by_its_name() -> None:
    """Kind: string dictionaries that each reader spells again; one that was misread made all groups count as done."""
    names, found = field_names(), []
    for path in (
        path for folder in ("services", "shared", "sandbox", "bench") for path in ROOT.glob(f"{folder}/**/*.py")
    ):
        where = str(path.relative_to(ROOT))
        if not where.startswith(("shared/records/", *OTHERS)):
            tree = ast.parse(path.read_text("utf-8"))
            found += [f"{where}:{line} {name}" for line, name in spelled(tree) if name in names]
    assert found == []


def test_what_the_scripts_spell_is_what_a_heartbeat_says() -> None:
    script = (ROOT / "shared" / "lua" / "beat.lua").read_text("utf-8")
    names = {field.name for field in msgspec.structs.fields(heartbeats.Process)}
    assert {name for name in names if f"'{name}'" in script} == {"incarnation", "pid_space", "pid", "beat_at"}
