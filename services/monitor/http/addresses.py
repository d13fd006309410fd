"""Who is at the other end, in one form: what is counted by address must not be counted by form. No I/O."""

import ipaddress
import re

_WITH_PORT = re.compile(r"^(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[0-9.]+))(?::\d*)?$")


def bare(address: str) -> str:
    """Return an address without the port that some proxies write beside it, and IPv4 that came by IPv6 as IPv4.

    >>> bare("192.0.2.7:51234"), bare("[2001:db8::7]:443"), bare("::ffff:192.0.2.7"), bare("")
    ('192.0.2.7', '2001:db8::7', '192.0.2.7', '')
    """
    found = _WITH_PORT.match(address)
    text = (found["v6"] or found["v4"] or "") if found else address
    try:
        known = ipaddress.ip_address(text)
    except ValueError:
        return address
    mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
    return str(mapped or known)
