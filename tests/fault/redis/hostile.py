"""What all attacks by way of Redis need: each key that there is, services with something to do, somebody who looks."""

import inspect
import threading
import time

import httpx

from shared.keys import Key, Keys

GROUPS = """
[[group]]
name = "line 1"
plc_code = "PLC01"
mode = "FIXED"
interval_ms = 200
[group.source]
type = "simulator"
tags = 10

[[group]]
name = "line 2"
plc_code = "PLC02"
mode = "HANDSHAKE"
[group.source]
type = "simulator"
tags = 10
"""


def names(namespace: str) -> list[str]:
    """Return a key of every kind that there is; of those with parts, one that a service looks at."""
    keys, found = Keys(namespace), []
    for name, member in vars(Keys).items():
        if name.startswith("_") or name in {"namespace", "window_prefix"}:
            continue
        if isinstance(member, Key):
            found.append(str(getattr(keys, name)))
        elif callable(member):
            now, asked = int(time.time() // 10), [*inspect.signature(member).parameters][1:]
            found.append(str(member(keys, *({"role": "writer", "bucket": now}.get(part, "w") for part in asked))))
    return found


def look(address: str, stop: threading.Event) -> None:
    """Keep the monitor reading and drawing."""
    with httpx.Client(timeout=10) as client:
        while not stop.wait(0.1):
            for path in ("/api/services", "/api/events", "/metrics", "/monitoring/buffer"):
                try:
                    client.get(f"{address}{path}")
                except httpx.HTTPError:
                    continue
