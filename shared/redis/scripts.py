"""The scripts of `lua/`, each asked for in the shortest way that the server and our rights allow."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import redis

from shared.redis.answers import without_errors
from shared.redis.connections import Argument, Connections

_SCRIPTS = Path(__file__).parents[1] / "lua"


def is_read_only(script: str) -> bool:
    """Tell whether a script changes nothing, by its first line: then who asks for it need only be allowed to read."""
    return "no-writes" in script.partition("\n")[0]


class Call(NamedTuple):
    """A script of `lua/` with what it takes."""

    script: str
    keys: Sequence[str]
    args: Iterable[Argument] = ()


@cache
def _ways(script: str) -> list[tuple[str, str]]:
    """Return how to ask for a script of `lua/`, the first way that works first.

    Rights that were given for an older version know no ..._RO.
    """
    text = (_SCRIPTS / f"{script}.lua").read_text("utf-8")
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    writing = [("EVALSHA", sha), ("EVAL", text)]
    return [("EVALSHA_RO", sha), ("EVAL_RO", text), *writing] if is_read_only(text) else writing


def run_scripts(connections: Connections, calls: Sequence[Call], then: Sequence[Argument] = ()) -> list[Any]:
    """Run scripts one after the other in one round trip, and a command after them; return their answers in order.

    Raises: what the client library raises; of an answer that is an error, that error.
    """
    arguments = [(len(call.keys), *call.keys, *call.args) for call in calls]
    commands: list[Sequence[Argument]] = [
        (*_ways(call.script)[0], *rest) for call, rest in zip(calls, arguments, strict=True)
    ]
    answers = connections.exchange([*commands, then] if then else commands)
    for place, call in enumerate(calls):
        for way in _ways(call.script)[1:]:
            if not isinstance(answers[place], redis.exceptions.NoScriptError | redis.exceptions.NoPermissionError):
                break
            (answers[place],) = connections.exchange([(*way, *arguments[place])])
    return without_errors(answers)
