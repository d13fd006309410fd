"""Sources that are stuck in a thread: a name service that does not answer, a mount that hangs."""

from pathlib import Path

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.keys import Keys
from shared.redis.link import RedisLink
from tests.integration.poller.groups import group
from tests.integration.poller.pollers import PollerProcess, queued, start

#: More than the threads that an event loop has by itself, on whatever machine.
STUCK = 33

#: Stands in for the machine's resolver, whose name servers say nothing.
SILENT_RESOLVER = """
import socket, time
known = socket.getaddrinfo
def getaddrinfo(host, *args, **options):
    if str(host).endswith(".plant"):
        time.sleep(3600)
    return known(host, *args, **options)
socket.getaddrinfo = getaddrinfo
"""


def opcua(name: str) -> str:
    return (
        f'[[group]]\nname = "{name}"\nplc_code = "P{name}"\n[group.source]\ntype = "opcua"\n'
        f'url = "opc.tcp://{name}.plant:4840"\ntags = ["ns=2;i=1"]\ntimeout_ms = 500\nreconnect_max_ms = 1000\n'
    )


def test_names_that_nobody_looks_up_hold_up_no_reading_of_others(
    pollers: list[PollerProcess], redis_server: EmbeddedRedis, link: RedisLink, keys: Keys, tmp_path: Path
) -> None:
    """Kind: threads that main path and side path share. The plant's name service was silent: look-ups of a few servers'
    names took all threads of the event loop, so nothing was sent, no lease renewed, no heartbeat made; at the end 74
    messages were not sent to a Redis on the same machine.
    """
    (tmp_path / "sitecustomize.py").write_text(SILENT_RESOLVER, "utf-8")
    config = "".join(opcua(f"away-{number}") for number in range(STUCK)) + group("there")
    poller = start(pollers, config, redis_server.url, keys.namespace, tmp_path, PYTHONPATH=str(tmp_path))
    poller.wait_for_log("can't be read, trying again until it can: no answer in time")

    def of_the_one_there() -> int:
        return sum(message.group_name == "there" for message in queued(link, keys))

    before = of_the_one_there()
    wait_until(lambda: of_the_one_there() > before + 30, what="readings of the group that is there")
    assert "no more heartbeats" not in poller.log
    poller.process.terminate()
    poller.wait_for_log("; 0 messages not sent")
    # Its end waits for no name either.
    poller.process.wait(10)
    assert "Stopping took longer" not in poller.log
    assert poller.process.returncode == 0
