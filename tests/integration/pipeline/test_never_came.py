"""What never came to the DataQueue, or lost what it held on the way: no counter of the ledger knows it, people do."""

import json

import httpx
import pytest

from sandbox.harness.waiting import wait_until
from tests.pipeline import Pipeline

#: One that plays a file which is not there, one whose server is away, one that is well.
GROUPS = """
[[group]]
name = "played"
plc_code = "R"
[group.source]
type = "replay"
file = "nowhere.csv"
[[group]]
name = "away"
plc_code = "O"
[group.source]
type = "opcua"
url = "opc.tcp://127.0.0.1:1"
tags = ["ns=2;s=Line.Int"]
[[group]]
name = "well"
plc_code = "S"
[group.source]
type = "simulator"
tags = 3
"""


@pytest.mark.req("OPS-1")
def test_what_no_counter_knows_is_told(pipeline: Pipeline) -> None:
    """Kind: a loss that is counted where nobody looks. The ledger balances, health says healthy, no alert is raised."""
    groups = pipeline.directory / "groups.toml"
    groups.write_text(GROUPS)
    pipeline.start_and_wait("poller", POLLER_CONFIG=str(groups))
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("monitor", MONITOR_PORT="0")
    wait_until(lambda: "Monitor at " in pipeline.log("monitor"), what="its address")
    monitor = pipeline.log("monitor").split("Monitor at ", 1)[1].split()[0]
    poll = {"plc_code": "P", "timestamp": "2026-01-02T03:04:05", "tag_values": {"list": [1, 2], "object": {"value": 3}}}
    pipeline.link.command("RPUSH", pipeline.keys.data_queue, json.dumps(poll))

    def alerts() -> dict[str, str]:
        return {alert["code"]: alert["message"] for alert in httpx.get(f"{monitor}/api/alerts").json()["alerts"]}

    wait_until(lambda: {"source_failing", "readings_unsupported"} <= alerts().keys(), 30, "both alerts")
    told = alerts()
    assert told["readings_unsupported"].startswith("2 values of the last 5 minutes were lists or objects")
    assert "O away: " in told["source_failing"]
    assert "R played: " in told["source_failing"]
    assert "nowhere.csv" in told["source_failing"]
    assert "S well" not in told["source_failing"]
    # As the remedy says.
    (pipeline.directory / "nowhere.csv").write_text("timestamp,D1\n2026-01-02T03:04:05,1\n")
    groups.touch()
    wait_until(lambda: "R played" not in alerts()["source_failing"], 30, "the group that begins anew")
