"""How somebody wants to see the dashboard: language, theme, range and size, by the address, a cookie or the browser.

Only what is known is kept of an address, so that nothing of a stranger's goes on into another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers

from services.monitor.api.cookies import OURS, cookies_named
from services.monitor.dashboard.charts import RANGES
from services.monitor.dashboard.language import preferred

#: Holds the language that was chosen by hand.
COOKIE = f"{OURS}language"

#: Seconds that it is kept: a year.
COOKIE_AGE_S = 31_536_000

#: Names that an address may hold, with their values; a language's are those that there are.
_KNOWN = {"theme": {"auto", "dark", "light"}, "range": {each.key for each in RANGES}, "wall": {"1"}}

#: Parts of an address that are looked at.
_MAX_PARTS = 20

#: What leads from a page to where we are served from, which a proxy may have below a path of its own: all are as deep.
UP = ".."

#: Steps up at most: a stranger's path may have thousands.
_MAX_UP = 10


@dataclass(frozen=True)
class Wishes:
    """What is wanted; `said` are the parts of the address that are known."""

    language: str
    said: Mapping[str, str]
    may_act: bool = False  #: whether who wants it is an operator
    has_session: bool = False  #: whether who wants it has logged in
    up: str = UP  #: what leads from the address that was asked for to where we are served from

    @classmethod
    def of(cls, query: str, headers: Headers, languages: set[str]) -> "Wishes":
        """Return what the parts of an address and a browser's headers say."""
        known = {**_KNOWN, "lang": languages}
        try:
            parts = parse_qsl(query, max_num_fields=_MAX_PARTS)
        except ValueError:
            parts = []
        # Older addresses wrote a range as `5 min`.
        said = {name: plain for name, value in parts if (plain := value.replace(" ", "")) in known.get(name, ())}
        chosen = said.get("lang") or next(cookies_named(COOKIE, headers), "")
        language = chosen if chosen in languages else preferred(headers.get("accept-language", ""), languages)
        return cls(language, said)

    def address(self, path: str, **others: str) -> str:
        """Return a path as the page reaches it, with what was said, and with others in its place."""
        query = urlencode({**self.said, **others})
        return (self.up + path if path else "") + (f"?{query}" if query else "")


def way_up(path: str) -> str:
    """Return what leads from the page of a path to where we are served from.

    >>> [way_up(path) for path in ("/", "/monitoring", "/monitoring/buffer", "/monitoring/a/b")]
    ['.', '.', '..', '../..']
    """
    return "/".join([".."] * min(path.count("/") - 1, _MAX_UP)) or "."
