"""By which names the monitor may be called. No I/O but the machine's own name.

Without a token whoever reaches the monitor may read it, and a browser on the operator's desk reaches it for any page
that is open there: a page's own name may lead to 127.0.0.1 tomorrow (DNS rebinding). Such a request names that host.
"""

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

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


def is_same_origin(origin: str | None, host: str) -> bool:
    """Tell whether what a browser says it comes from is the host that it asks; who says nothing is no browser."""
    try:
        return origin is None or urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


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
