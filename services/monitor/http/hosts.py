"""By which names the monitor may be called. No I/O but the machine's own name.

Without a token whoever reaches the monitor may read it, and a browser on the operator's desk reaches it for any page
that is open there: a page's own name may lead to 127.0.0.1 tomorrow (DNS rebinding). Such a request names that host.
"""

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

#: Ports that go without saying.
_PORTS = {"http": 80, "https": 443}

#: Names that can't lead elsewhere.
_LOCAL = {"localhost", ""}


class AllowedHosts:
    """The names that are ours: addresses, localhost, the machine's name, and those of MONITOR_ALLOWED_HOSTS."""

    def __init__(self, names: Collection[str], *, is_open: bool) -> None:
        """Allow these names, too; all of them where a token is asked for (`is_open` false) and none is named."""
        self._any = "*" in names or (not names and not is_open)
        self._names = {name.lower() for name in names} | _LOCAL | {socket.gethostname().lower()}

    def allow(self, host: str) -> bool:
        """Tell whether a request for this host (`Host:`, with or without port) is meant for us."""
        if self._any:
            return True
        name = _name_of(host)
        return name in self._names or name.endswith(".localhost") or _is_address(name)


def is_same_origin(headers: Headers) -> bool:
    """Tell whether what a browser says it comes from is the place that it asks; who says nothing is no browser.

    A proxy may ask us by another name than the browser asked it. So the browser's own verdict goes before, where there
    is one (by https, and on its own machine): no page can write it.
    """
    verdict, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if verdict is not None:
        return verdict in {"same-origin", "none"}
    return origin is None or _is_at(origin, headers.get("host", ""))


def _is_at(origin: str, host: str) -> bool:
    """Tell whether an origin is that of a host; some name a port that goes without saying, and some do not."""
    try:
        from_there, asked = urlsplit(origin), urlsplit(f"//{host}")
        usual = _PORTS.get(from_there.scheme)
        places = {(each.hostname, each.port or usual) for each in (from_there, asked)}
    except ValueError:
        return False
    return usual is not None and len(places) == 1


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
