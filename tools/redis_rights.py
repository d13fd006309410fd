"""What the user of REDIS_URL must be allowed, by service, worked out from the source: `make rights`.

From a service's own code on, every function of `shared` whose name is called is followed; what these ask of Redis, the
scripts that they run, and the keys that they name are what the service needs. Written into deploy/redis/*.acl and into
what `check` tries.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sandbox.harness.redis import EmbeddedRedis
from shared.keys import Keys
from shared.redis.link import RedisLink
from shared.redis.scripts import is_read_only

ROOT = Path(__file__).parent.parent
FILES = ROOT / "deploy" / "redis"
CHECKED = ROOT / "services" / "writer" / "check" / "redis_rights.py"

SERVICES = ("poller", "consumer", "writer", "monitor")

#: A polling engine of somebody else: what it calls of `DataQueue`, or does by itself in another language.
PRODUCER = "producer"
_PRODUCER_CALLS = "DataQueue.connect.put.put_many.put_encoded.depth"

#: What it does not call, though others of these names are: it takes nothing, and what it tells is only logged.
_NOT_ITS_CALLS = ("wait", "add")

#: Who has a user of its own.
USERS = (*SERVICES, PRODUCER)

#: What the client library sends by itself: the log-on, its name, the database.
_HANDSHAKE = {"HELLO", "AUTH", "CLIENT|SETNAME", "CLIENT|SETINFO", "SELECT", "PING"}

#: Commands whose second word counts.
_CONTAINERS = {"CLIENT", "CLUSTER", "CONFIG"}

#: Asked of others than Redis, or only in a cluster.
_ELSEWHERE = {"SENTINEL", "CLUSTER|SLOTS"}

#: What a service does without, where it must: managed services often forbid it.
OPTIONAL = ("config|get", "info", "persist", "role", "xrange", "zremrangebyrank")

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

#: Methods that read a key which they are given: a link's, and those that `verify` reads lists by.
_READERS = ("hash", "_listed", "_elements")

#: What is done when one of a class is made.
_BEGINNINGS = ("__init__", "__post_init__")


class _Reached(NamedTuple):
    """A function that a service comes to, and whose it is: keys are written by who writes anything."""

    unit: str
    tree: ast.AST


def rights(user: str) -> list[str]:
    """Return what a user needs, as ACL names: `lrange`, `client|setname`."""
    asked = set(_HANDSHAKE)
    for _, tree in _reached(user):
        asked |= _commands(tree)
    return sorted(command.lower() for command in asked - _ELSEWHERE)


def written_keys(user: str, namespace: str = "tagpipe") -> list[str]:
    """Return patterns of the keys that a user changes: those named by a class or function that changes any."""
    units: dict[str, list[ast.AST]] = {}
    for unit, tree in _reached(user):
        units.setdefault(unit, []).append(tree)
    patterns = set()
    for unit, trees in units.items():
        # A service names keys of its own for others to change; the monitor does not.
        if (user != "monitor" and unit.startswith(user)) or any(
            _writing_commands() & _commands(tree) for tree in trees
        ):
            patterns |= {_pattern(name, user, namespace) for tree in trees for name in _keys(tree)}
    return sorted(pattern for pattern in patterns if not any(_covers(other, pattern) for other in patterns))


def _pattern(key: str, user: str, namespace: str) -> str:
    """Return the pattern of a key of `Keys`; a process changes the heartbeats of its own service alone."""
    keys = Keys(namespace)
    found = getattr(keys, key)
    if callable(found):
        found = found(*(user if name == "role" else "*" for name in inspect.signature(found).parameters))
    return f"{found}*" if key.endswith("_prefix") else str(found)


def _covers(wider: str, pattern: str) -> bool:
    return wider != pattern and wider.endswith("*") and pattern.startswith(wider[:-1])


@cache
def _keys(tree: ast.AST) -> frozenset[str]:
    return frozenset(_keys_named(tree))


def _keys_named(tree: ast.AST) -> Iterator[str]:
    """Return the keys of `Keys` that are named, but for those that are only read by who names them."""
    if isinstance(tree, ast.Call) and _only_reads(tree):
        return
    for part in ast.iter_child_nodes(tree):
        yield from _keys_named(part)
    if isinstance(tree, ast.Attribute) and tree.attr in vars(Keys):
        owner = tree.value.func if isinstance(tree.value, ast.Call) else tree.value
        named = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        if named.lower().endswith("keys"):  # `self._keys.buffer`, `Keys(namespace).buffer`
            yield tree.attr


class _Shared:
    """The functions of `shared`: those of a class count once somebody makes one of it."""

    def __init__(self, never: Collection[str]) -> None:
        self.never = never
        self.functions: dict[str, list[_Reached]] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        for path in sorted((ROOT / "shared").rglob("*.py")):
            for node in _parsed(path).body:
                if isinstance(node, _FUNCTIONS):
                    self.functions.setdefault(node.name, []).append(_Reached(node.name, node))
                elif isinstance(node, ast.ClassDef):
                    self.classes[node.name] = node

    def called(self, name: str) -> list[_Reached]:
        """Return what is reached by a name that has just been met, and can't be met again."""
        if name in self.never:
            return []
        found = self.functions.pop(name, [])
        made = self.classes.pop(name, None)
        for node in made.body if made else []:
            if isinstance(node, _FUNCTIONS):
                self.functions.setdefault(node.name, []).append(_Reached(name, node))
        if made is None:
            return found
        bases = [each for base in made.bases if isinstance(base, ast.Name) for each in self.called(base.id)]
        return [*found, *bases, *(each for name in _BEGINNINGS for each in self.functions.pop(name, []))]


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def _reached(user: str) -> list[_Reached]:
    """Return what a service's modules hold, and the functions of `shared` that are called from there on."""
    reached = list(_own(user))
    shared = _Shared(never=_NOT_ITS_CALLS if user == PRODUCER else ())
    size = -1
    while size != len(reached):
        size = len(reached)
        for name in {name for _, tree in reached for name in _names(tree)}:
            reached += shared.called(name)
    return reached


def _own(user: str) -> Iterator[_Reached]:
    if user == PRODUCER:
        yield _Reached(user, ast.parse(_PRODUCER_CALLS))
        return
    for path in sorted((ROOT / "services" / user).rglob("*.py")):
        for node in _parsed(path).body:
            yield _Reached(f"{user}:{path}:{getattr(node, 'name', '')}", node)


@cache
def _names(tree: ast.AST) -> frozenset[str]:
    return frozenset(
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
    )


@cache
def _commands(tree: ast.AST) -> frozenset[str]:
    return frozenset(_commands_in(tree))


def _commands_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        words: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"run", "Call", "Put", "_plain"}:
                yield from _of_script(_word(node.args[0]) if node.args else "")
            if name == "pipeline":
                yield from ("MULTI", "EXEC")
            words = node.args if name in {"command", "send_command", "_ask"} else []
        elif isinstance(node, ast.Tuple | ast.List):
            words = node.elts
        command = _word(words[0]) if words else ""
        if command in _known_commands():
            yield f"{command}|{_word(words[1])}" if command in _CONTAINERS else command


def _known_commands() -> frozenset[str]:
    return _server_commands()[0]


def _writing_commands() -> frozenset[str]:
    return _server_commands()[1]


@cache
def _server_commands() -> tuple[frozenset[str], frozenset[str]]:
    """Return every command of a server of today, and those that change something."""
    with EmbeddedRedis() as server:
        link = RedisLink(server.url)
        known, writing = link.command("COMMAND LIST"), link.command("COMMAND LIST", "FILTERBY", "ACLCAT", "write")
        link.close()
    return (
        frozenset(name.decode().partition("|")[0].upper() for name in known),
        frozenset(name.decode().upper() for name in writing) | {"EVAL", "EVALSHA"},
    )


def _only_reads(call: ast.Call) -> bool:
    name, word = getattr(call.func, "attr", getattr(call.func, "id", "")), _word(call.args[0]) if call.args else ""
    script = ROOT / "shared" / "lua" / f"{word}.lua"
    if script.is_file():
        return is_read_only(script.read_text("utf-8"))
    return name in _READERS or (word in _known_commands() and word not in _writing_commands())


def _word(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _of_script(name: str) -> Iterator[str]:
    path = ROOT / "shared" / "lua" / f"{name}.lua"
    if name and path.is_file():
        code = re.sub(r"--.*", "", path.read_text("utf-8"))
        yield from re.findall(r"call\('([A-Z]+)'", code)
        # scan.lua is told which one to call.
        yield from (word for pair in re.findall(r"([A-Z]+) = '([A-Z]+)'", code) for word in pair)
        yield from ("EVAL_RO", "EVALSHA_RO") if is_read_only(code) else ("EVAL", "EVALSHA")


def rules(user: str, namespace: str = "tagpipe") -> list[str]:
    """Return the rules of a user: reads the namespace (a producer does not), changes its keys, asks what it needs."""
    reads = [] if user == PRODUCER else [f"%R~{{{namespace}}}:*"]
    changes = [f"~{pattern}" for pattern in written_keys(user, namespace)]
    return ["resetchannels", *reads, *changes, "-@all", *(f"+{right}" for right in rights(user))]


def acl(user: str) -> str:
    """Return the line of an ACL file; who uses it adds a password: `>password`, or `#` and its SHA-256."""
    return f"user tagpipe-{user} on {' '.join(rules(user))}\n"


def checked() -> str:
    """Return the module of what `check` tries."""
    needed, optional = (
        _in_lines(right for right in rights("writer") if (right in OPTIONAL) is is_optional)
        for is_optional in (False, True)
    )
    return (
        '"""What the writer asks of Redis, as ACL names. Written by `make rights`: do not edit."""\n\n'
        f"#: Without one of these it can't work.\nNEEDED = (\n{needed}\n)  # fmt: skip\n\n"
        f"#: Without these it can't tell how Redis is.\nOPTIONAL = (\n{optional}\n)  # fmt: skip\n"
    )


def _in_lines(names: Iterable[str]) -> str:
    return textwrap.fill(
        " ".join(f'"{name}",' for name in names), 110, initial_indent=" " * 4, subsequent_indent=" " * 4
    )


def main() -> None:
    """Write all of it."""
    FILES.mkdir(exist_ok=True)
    for user in USERS:
        (FILES / f"{user}.acl").write_text(acl(user))
    CHECKED.write_text(checked())


if __name__ == "__main__":
    main()
