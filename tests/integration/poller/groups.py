"""Polling groups of simulated tags, and what became of a request to poll one."""

import json
from typing import Any

from services.poller.handshake.requests import PollRequests
from shared.records.reading import to_json


def outcome(requests: PollRequests, request_id: str) -> dict[str, Any]:
    found = requests.outcome(request_id, 10)
    assert found is not None
    return json.loads(to_json(found))  # type: ignore[no-any-return]


def group(name: str, tags: int = 3, interval_ms: int = 100) -> str:
    return (
        f'[[group]]\nname = "{name}"\nplc_code = "P{name}"\ninterval_ms = {interval_ms}\n'
        f'[group.source]\ntype = "simulator"\ntags = {tags}\n'
    )


def group_on_request(name: str, mode: str = "HANDSHAKE") -> str:
    return (
        f'[[group]]\nname = "{name}"\nplc_code = "P-{name.replace(" ", "-")}"\nmode = "{mode}"\n'
        '[group.source]\ntype = "simulator"\ntags = 20\nbad_ratio = 0.0\n'
    )
