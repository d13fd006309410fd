"""What the user of REDIS_URL must be allowed, by service, worked out from the source: `make rights`.

From a service's own code on, every function of `shared` whose name is called is followed; what these ask of Redis, and
the scripts that they run, is what the service needs. Written into docs/redis.md and into what `check` tries.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import fill

from sandbox.harness.redis import EmbeddedRedis
from shared.redis.link import RedisLink

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "redis.md"
CHECKED = ROOT / "services" / "writer" / "check" / "redis_rights.py"

BEGIN, END = "<!-- make rights: begin -->", "<!-- make rights: end -->"

SERVICES = ("poller", "consumer", "writer", "monitor")

#: What the client library sends by itself: the log-on, its name, the database.
_HANDSHAKE = {"HELLO", "AUTH", "CLIENT|SETNAME", "CLIENT|SETINFO", "SELECT", "PING"}

#: Commands whose second word counts.
_CONTAINERS = {"CLIENT", "CLUSTER", "CONFIG"}

#: Asked of others than Redis, or only in a cluster.
_ELSEWHERE = {"SENTINEL", "CLUSTER|SLOTS"}

#: What a service does without, where it must: managed services often forbid it.
OPTIONAL = ("config|get", "info", "role")

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def rights(service: str) -> list[str]:
    """Return what a service needs, as ACL names: `lrange`, `client|setname`."""
    asked = set(_HANDSHAKE)
    for function in _reached(service):
        asked |= set(_commands(function))
    return sorted(command.lower() for command in asked - _ELSEWHERE)


class _Shared:
    """The functions of `shared`: those of a class count once somebody makes one of it."""

    def __init__(self) -> None:
        self.functions: dict[str, list[ast.AST]] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        for path in sorted((ROOT / "shared").rglob("*.py")):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, _FUNCTIONS):
                    self.functions.setdefault(node.name, []).append(node)
                elif isinstance(node, ast.ClassDef):
                    self.classes[node.name] = node

    def called(self, name: str) -> list[ast.AST]:
        """Return what is reached by a name that has just been met, and can't be met again."""
        found = self.functions.pop(name, [])
        made = self.classes.pop(name, None)
        for node in made.body if made else []:
            if isinstance(node, _FUNCTIONS):
                self.functions.setdefault(node.name, []).append(node)
        return found + (self.functions.pop("__init__", []) if made else [])


def _reached(service: str) -> list[ast.AST]:
    """Return a service's modules, and the functions of `shared` that are called from there on."""
    reached: list[ast.AST] = [
        ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "services" / service).rglob("*.py"))
    ]
    shared = _Shared()
    size = -1
    while size != len(reached):
        size = len(reached)
        for name in {name for tree in reached for name in _names(tree)}:
            reached += shared.called(name)
    return reached


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def _commands(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        words: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"run", "Call", "Put"}:
                yield from _of_script(_word(node.args[0]) if node.args else "")
            if name == "pipeline":
                yield from ("MULTI", "EXEC")
            words = node.args if name in {"command", "send_command", "_ask"} else []
        elif isinstance(node, ast.Tuple | ast.List):
            words = node.elts
        command = _word(words[0]) if words else ""
        if command in _known_commands():
            yield f"{command}|{_word(words[1])}" if command in _CONTAINERS else command


@cache
def _known_commands() -> frozenset[str]:
    """Return every command of a server of today."""
    with EmbeddedRedis() as server:
        link = RedisLink(server.url)
        names = link.command("COMMAND LIST")
        link.close()
    return frozenset(name.decode().partition("|")[0].upper() for name in names)


def _word(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _of_script(name: str) -> Iterator[str]:
    path = ROOT / "shared" / "lua" / f"{name}.lua"
    if name and path.is_file():
        code = re.sub(r"--.*", "", path.read_text("utf-8"))
        yield from re.findall(r"call\('([A-Z]+)'", code)
        # scan.lua is told which one to call.
        yield from (word for pair in re.findall(r"([A-Z]+) = '([A-Z]+)'", code) for word in pair)
        yield from ("EVAL", "EVALSHA")


def table() -> str:
    """Return the part of docs/redis.md."""
    rows = []
    for service in SERVICES:
        needed = " ".join(f"+{right}" for right in rights(service) if right not in OPTIONAL)
        rule = f"ACL SETUSER tagpipe-{service} on >password ~{{tagpipe}}:* resetchannels -@all {needed}"
        rows.append(f"**{service}**\n\n```\n{fill(rule, 110, break_on_hyphens=False)}\n```")
    return "\n\n".join(rows)


def checked() -> str:
    """Return the module of what `check` tries."""
    needed = "".join(f'    "{right}",\n' for right in rights("writer") if right not in OPTIONAL)
    optional = "".join(f'    "{right}",\n' for right in OPTIONAL)
    return (
        '"""What the writer asks of Redis, as ACL names. Written by `make rights`: do not edit."""\n\n'
        f"#: Without one of these it can't work.\nNEEDED = (\n{needed})\n\n"
        f"#: Without these it can't tell how Redis is.\nOPTIONAL = (\n{optional})\n"
    )


def main() -> None:
    """Write both."""
    page = PAGE.read_text("utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}")
    CHECKED.write_text(checked())


if __name__ == "__main__":
    main()
