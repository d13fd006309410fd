"""Cookies as browsers send them, of ours alone.

A neighbour on another port of this host has cookies that come along, and anybody may send any. Python's `http.cookies`,
which the frameworks ask for every request, takes a second and a half for 15 kB of backslashes (CVE-2024-7592, in 3.11
and 3.12 as many have them), and takes nothing of what comes with a cookie that it can't read.
"""

from collections.abc import Iterator

from starlette.datastructures import Headers
from starlette.types import Scope

#: How all of ours begin; none has a quoted value.
OURS = "tagpipe_"


def keep_ours(scope: Scope) -> None:
    """Take every other cookie out of a request, before anything reads them."""
    given = Headers(scope=scope)
    if "cookie" in given:
        ours = [part for part in _parts(given) if part.startswith(OURS) and '"' not in part]
        others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
        scope["headers"] = [*others, (b"cookie", "; ".join(ours).encode("latin-1"))] if ours else others


def cookies_named(name: str, headers: Headers) -> Iterator[str]:
    """Yield the values of our cookie of a name: more than one where a neighbour of this host sets one, too."""
    for part in _parts(headers):
        known, _, value = part.partition("=")
        if known == name:
            yield value


def _parts(headers: Headers) -> Iterator[str]:
    return (part.strip() for part in headers.get("cookie", "").split(";"))
