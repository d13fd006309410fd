"""The flow of deploy/feeds/node-red in a real Node-RED without its editor: rows by HTTP and MQTT arrive."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.harness.oracle import Cells
from sandbox.harness.redis import free_port
from sandbox.harness.supervisor import Child
from sandbox.harness.waiting import wait_until
from tests.integration.feeds.feeds import BEYOND, FEEDS, NOON, in_table, messages_of, rows, stored
from tests.integration.feeds.npm import installed
from tests.integration.feeds.producer import Producer
from tests.pipeline import Pipeline

pytestmark = pytest.mark.e2e

_SETTINGS = """module.exports = {uiPort: %d, uiHost: "127.0.0.1", httpAdminRoot: false, flowFile: %s,
  userDir: %s, logging: {console: {level: "info"}}, telemetry: {enabled: false}};"""

#: What comes by MQTT: topic, payload, and the cells that it must become.
MQTT = {
    "D1": ("21.5", ("21.5", "GOOD")), "D2": ('{"time":"2026-01-02T12:00:00Z","value":7}', ("7", "GOOD")),
    "D3": ("nan", ("NULL", "BAD")), "D4": ("open", ("open", "GOOD")),
    "D5": ('{"value":1,"quality":"UNCERTAIN"}', ("1", "UNCERTAIN")),
    "D6": ("9007199254740993", ("9007199254740993", "GOOD")),
    "D7": ('{"value": -9223372036854775807, "note": "\\"12345678901234567"}', ("-9223372036854775807", "GOOD")),
}  # fmt: skip


#: Values of one tag that a broker kept, and that come in one millisecond.
BURST = 30


class NodeRed:
    """A Node-RED that runs the flow."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self._port = port

    def post(self, body: object) -> tuple[int, Any]:
        """Return the status and the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("POST", "/tagpipe/rows", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.load(answer)
        finally:
            connection.close()


@pytest.fixture(scope="module")
def node_red(pipeline: Pipeline, producer: Producer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeRed]:
    modules = installed() / "node_modules"
    # The README says so: the client asks for INFO before it does anything.
    pipeline.link.command("ACL", "SETUSER", producer.name, "+info")
    directory, port, mqtt_port = tmp_path_factory.mktemp("node-red"), free_port(), free_port()
    flow = directory / "flow.json"
    flow.write_bytes((FEEDS / "node-red" / "flow.json").read_bytes())
    settings = directory / "settings.js"
    settings.write_text(_SETTINGS % (port, json.dumps(str(flow)), json.dumps(str(directory))))
    published: list[dict[str, object]] = [
        {"topic": f"plant/MQTT-1/{tag}", "payload": payload} for tag, (payload, _) in MQTT.items()
    ]
    published += [{"topic": "plant/MQTT-2/D1", "payload": str(number)} for number in range(BURST)]
    published += [
        {"topic": "plant/MQTT-3/D1", "payload": "1", "retain": True},
        {"topic": "plant/MQTT-3/D2", "payload": '{"time":"2026-01-02T12:00:00Z","value":2}', "retain": True},
    ]
    broker = pipeline.spawn(
        "broker", "node", str(Path(__file__).with_name("broker.js")), str(mqtt_port), json.dumps(published),
        NODE_PATH=modules,
    )  # fmt: skip
    wait_until(lambda: "ready" in broker.log_tail(), 30, "the MQTT broker")
    child = pipeline.spawn(
        "node-red", "node", str(modules / "node-red" / "red.js"), "--settings", str(settings),
        TAGPIPE_KEY=pipeline.keys.data_queue, MQTT_HOST="127.0.0.1", MQTT_PORT=mqtt_port,
        REDIS_URL=f"{producer.url}?allowUsernameInURI=true",
    )  # fmt: skip
    wait_until(lambda: "Started flows" in child.log_tail() or child.status is not None, 60, "Node-RED")
    assert child.status is None, child.log_tail()
    yield NodeRed(child, port)
    pipeline.supervisor.stop(["node-red", "broker"], 5)


def test_rows_of_a_request_are_one_message_a_plc_and_arrive(pipeline: Pipeline, node_red: NodeRed) -> None:
    before = messages_of(pipeline)
    sent = rows(["NR-1", "NR-2"])
    sent[::2] = [{**row, "tag": f"{row['plc']}.{row['tag']}", "plc": None} for row in sent[::2]]
    assert node_red.post(sent) == (202, {"rows": len(sent)})
    wanted = stored(["NR-1", "NR-2"])
    assert in_table(pipeline, wanted) == wanted
    assert messages_of(pipeline) - before <= 2 + 1, "one a PLC, and one that MQTT brought meanwhile"


def test_what_mqtt_brings_arrives(pipeline: Pipeline, node_red: NodeRed) -> None:
    assert node_red.child.status is None
    wanted = {(f"MQTT-1.{tag}", None): cells for tag, (_, cells) in MQTT.items()}
    found = in_table(pipeline, wanted)  # type: ignore[arg-type]
    assert {name: cells for (name, _), cells in found.items()} == {name: cells for (name, _), cells in wanted.items()}
    assert {str(moment) for (name, moment) in found if name == "MQTT-1.D2"} == {"2026-01-02 12:00:00"}


def test_values_without_a_time_that_come_at_once_are_all_stored(pipeline: Pipeline, node_red: NodeRed) -> None:
    """Kind: a key that is too coarse for what it tells apart. What a broker had kept for a client that was away, or an
    array by HTTP, came within one millisecond: one value a tag was stored, and the others were conflicts.
    """
    rows = [{"plc": "HTTP-2", "tag": "D1", "value": number} for number in range(BURST)]
    assert node_red.post(rows)[0] == 202

    def stored_of(plc: str) -> set[str]:
        return {str(text) for (name, _), (text, _) in pipeline.table_rows().items() if name == f"{plc}.D1"}

    wait_until(lambda: len(stored_of("HTTP-2")) == BURST, what="all values of the array")
    wait_until(lambda: len(stored_of("MQTT-2")) == BURST, what="all values that the broker kept")


def test_a_value_that_a_broker_retained_is_not_taken_for_a_new_one(pipeline: Pipeline, node_red: NodeRed) -> None:
    """Kind: old taken for new. At each connect the broker gives what was published last, be it years ago, by a
    controller that is gone: it was stored with the time of the connect, GOOD.
    """
    assert node_red.child.status is None
    wanted: Cells = {("MQTT-3.D1", NOON): ("1", "UNCERTAIN"), ("MQTT-3.D2", NOON): ("2", "GOOD")}
    found = in_table(pipeline, wanted)
    assert {name: cells for (name, _), cells in found.items()} == {name: cells for (name, _), cells in wanted.items()}


def test_what_is_discarded_is_none_of_what_is_on_its_way() -> None:
    """Kind: a place taken for a name. With 200,000 rows held the oldest went, though they were just being put: as many
    that had not been were taken off in their place, and counted nowhere.
    """
    program = """
      const nodes = JSON.parse(require("fs").readFileSync(process.argv[1]));
      const kept = new Map(), store = {get: name => kept.get(name), set: (name, what) => kept.set(name, what)};
      const code = name => nodes.find(found => found.name === name).func;
      const run = (name, msg) => new Function("msg", "flow", "context", "node", "env", "Buffer", code(name))(
        msg, store, store, {status: () => {}}, {get: () => "key"}, Buffer);
      const hold = number => run("hold a row", {topic: "plant/P/T", payload: `${number}`});
      for (let number = 0; number < 200000; number++) hold(number);
      const sent = run("rows that are held", {}).rows.map(row => row.value);
      for (let number = 200000; number < 250100; number++) hold(number);
      run("done", {rows: sent});
      const left = kept.get("held").map(row => row.value);
      console.log(JSON.stringify([sent.length, left.length, left[0], left.at(-1), kept.get("discarded")]));
    """
    flow = FEEDS / "node-red" / "flow.json"
    done = subprocess.run(["node", "-e", program, str(flow)], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [50_000, 200_000, 50_100, 250_099, 100]


def test_it_needs_no_more_rights_than_a_producer_has(pipeline: Pipeline, producer: Producer, node_red: NodeRed) -> None:
    """Kind: a client that leaves the user's name out of its URL, and works as the default user, who may do all."""
    assert node_red.post([]) == (202, {"rows": 0})
    clients = pipeline.link.command("CLIENT", "LIST")
    ours = [line for line in clients.decode().splitlines() if f"user={producer.name} " in line]
    assert ours


def test_what_redis_refuses_is_the_senders_again(pipeline: Pipeline, producer: Producer, node_red: NodeRed) -> None:
    """Kind: an answer that says yes before it is true: messages that a client's queue held, and lost."""
    pipeline.link.command("ACL", "SETUSER", producer.name, "-rpush")
    assert node_red.post(rows(["NR-5"])) == (503, {"error": "Redis does not take it: send it again"})
    pipeline.link.command("ACL", "SETUSER", producer.name, "+rpush")
    assert node_red.post(rows(["NR-5"]))[0] == 202
    assert in_table(pipeline, stored(["NR-5"])) == stored(["NR-5"])


def test_a_row_without_a_plc_is_refused_and_nothing_is_put(node_red: NodeRed) -> None:
    status, answer = node_red.post([*rows(["NR-3"], 1), {"tag": "D1", "value": 1}])
    assert (status, answer["error"]) == (400, "row 8 says no PLC: write tag as PLC01.D100, or plc and tag")


def test_a_number_that_is_rounded_already_is_refused(pipeline: Pipeline, node_red: NodeRed) -> None:
    """Kind: a number that a language has no room for. 9007199254740993 was stored as 9007199254740992, GOOD."""
    status, answer = node_red.post(rows(["NR-6"], 1, BEYOND))
    assert (status, answer["error"].partition(":")[0]) == (400, "row 1 has an integer above 2^53")
    assert node_red.post([{**row, "value": str(row["value"])} for row in rows(["NR-6"], 1, BEYOND)])[0] == 202
    assert in_table(pipeline, stored(["NR-6"], 1, BEYOND)) == stored(["NR-6"], 1, BEYOND)


def test_while_the_queue_is_full_rows_are_refused_or_held(pipeline: Pipeline, node_red: NodeRed) -> None:
    """Kind: a list that grows without a bound because a foreign engine does not look at it."""
    pipeline.supervisor.stop(["consumer"], 5)
    filler = json.dumps({"plc_code": "FULL", "timestamp": "2026-01-02"})
    pipeline.link.command("RPUSH", pipeline.keys.data_queue, *[filler] * 10_000)
    assert node_red.post(rows(["NR-4"])) == (503, {"error": "the DataQueue is full: send it again later"})
    assert pipeline.link.command("LLEN", pipeline.keys.data_queue) == 10_000
    pipeline.start("consumer")
    wait_until(lambda: node_red.post(rows(["NR-4"]))[0] == 202, 30, "room in the queue")
    assert in_table(pipeline, stored(["NR-4"])) == stored(["NR-4"])
