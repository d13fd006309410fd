"""The scripts of `lua/`, each asked for in the shortest way that the server and our rights allow."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import redis

from shared.redis.answers import without_errors
from shared.redis.connections import Argument, Connections

_SCRIPTS = Path(__file__).parents[1] / "lua"


class _Script:
    """A script of `lua/`."""

    def __init__(self, name: str) -> None:
        self.text = (_SCRIPTS / f"{name}.lua").read_text("utf-8")
        sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        writing = [("EVALSHA", sha), ("EVAL", self.text)]
        #: How to ask for it, the first way that works. Rights that were given for an older version know no ..._RO.
        self.ways = [("EVALSHA_RO", sha), ("EVAL_RO", self.text), *writing] if is_read_only(self.text) else writing


def is_read_only(script: str) -> bool:
    """Tell whether a script changes nothing, by its first line: then who asks for it need only be allowed to read."""
    return "no-writes" in script.partition("\n")[0]


class Call(NamedTuple):
    """A script of `lua/` with what it takes."""

    script: str
    keys: Sequence[str]
    args: Iterable[Argument] = ()


class Scripts:
    """The scripts that one link has run, and how they are run."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._read: dict[str, _Script] = {}

    def run(self, calls: Sequence[Call], then: Sequence[Argument] = ()) -> list[Any]:
        """Run scripts one after the other in one round trip, and a command after them; return their answers in order.

        Raises: what the client library raises; of an answer that is an error, that error.
        """
        scripts = [self._read.get(call.script) or self._load(call.script) for call in calls]
        arguments = [(len(call.keys), *call.keys, *call.args) for call in calls]
        commands: list[Sequence[Argument]] = [
            (*script.ways[0], *rest) for script, rest in zip(scripts, arguments, strict=True)
        ]
        answers = self._connections.exchange([*commands, then] if then else commands)
        for place, script in enumerate(scripts):
            for way in script.ways[1:]:
                if not isinstance(answers[place], redis.exceptions.NoScriptError | redis.exceptions.NoPermissionError):
                    break
                (answers[place],) = self._connections.exchange([(*way, *arguments[place])])
        return without_errors(answers)

    def _load(self, name: str) -> _Script:
        return self._read.setdefault(name, _Script(name))
