"""Who may write to Redis can put anything of any size there; he can't have a service ended for want of memory."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.harness.oracle import ROOT
from sandbox.harness.process import Process
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.errors import RedisRefusedError
from shared.redis.link import RedisLink
from tests.fault.redis.hostile import GROUPS, look, names
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

SERVICES = ("consumer", "writer", "monitor", "poller")

#: Bytes of one value; elements of one collection: of small ones they just make an answer that is read whole, which
#: takes the most memory.
LARGE, MANY = 80_000_000, 300_000

#: Seconds for which it stays: every loop of every service turns in that time.
EXPOSED_S = 0.5

#: Puts what is too large somewhere: made in Redis, as who may run scripts does.
SPOIL = """
local key, kind, large, many = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('DEL', key)
local function fill(command, element)
  for first = 1, many, 3000 do
    local some = {}
    for place = first, math.min(first + 2999, many) do element(some, place) end
    redis.call(command, key, unpack(some))
  end
end
local one = function(some, place) some[#some + 1] = key .. ':w:' .. place end
local two = function(some, place) some[#some + 1] = place; some[#some + 1] = many + place end
if kind == 'string' then redis.call('SET', key, string.rep('9', large))
elseif kind == 'element' then redis.call('RPUSH', key, 'a', string.rep('[', large), 'b')
elseif kind == 'field' then
  redis.call('HSET', key, 'incarnation', string.rep('9', large), 'written', string.rep('9', large), 'a', '{}')
elseif kind == 'list' then fill('RPUSH', two)
elseif kind == 'set' then fill('SADD', one)
elseif kind == 'hash' then fill('HSET', two)
elseif kind == 'sorted set' then fill('ZADD', two)
elseif kind == 'stream' then redis.call('XADD', key, '*', 'kind', string.rep('9', large)) end
return 1
"""
KINDS = ("string", "element", "field", "list", "set", "hash", "sorted set", "stream")


def bounds() -> Mapping[str, int]:
    """Return the bytes that each service's container may have."""
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    found = {name: re.search(rf"^  {name}:\n.*?mem_limit: (\d+)m", text, re.MULTILINE | re.DOTALL) for name in SERVICES}
    return {name: int(match[1]) * 1024**2 for name, match in found.items() if match}


def peak(pid: int) -> int:
    """Return the most bytes that a process ever had in memory."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


class Attacked(Pipeline):
    """All four services, under the eyes of somebody who looks at the monitor."""

    def begin(self) -> None:
        (self.directory / "groups.toml").write_text(GROUPS)
        settings = {"POLLER_CONFIG": str(self.directory / "groups.toml"), "MONITOR_PORT": "0"}
        self.attacker = RedisLink(f"{self.environment['REDIS_URL']}?socket_timeout=60")
        self.started = {name: self.start_and_wait(name, **settings) for name in SERVICES}
        wait_until(lambda: "Monitor at http" in self.log("monitor"), what="the monitor")
        address = self.log("monitor").split("Monitor at ", 1)[1].split()[0]
        self.is_over = threading.Event()
        threading.Thread(target=look, args=(address, self.is_over), daemon=True).start()

    def spoil(self, key: str, kind: str, many: int = MANY) -> None:
        """Put what is too large there, and give everybody the time to meet it."""
        wait_until(lambda: self._is_spoiled(key, kind, many), 60, f"{key} to be spoiled")
        # Nothing tells that everybody has looked; who does not come through is found at the end as well.
        time.sleep(EXPOSED_S)
        ended = [name for name, process in self.started.items() if process.poll() is not None]
        assert ended == [], (key, kind)
        peaks = {name: peak(process.pid) for name, process in self.started.items()}
        assert {name: size for name, size in peaks.items() if size > bounds()[name]} == {}, (key, kind)

    def _is_spoiled(self, key: str, kind: str, many: int) -> bool:
        try:
            self.attacker.command("EVAL", SPOIL, 1, key, kind, LARGE, many)
        except RedisRefusedError:
            return False  # a script of ours takes away what is too much: BUSY
        return True

    def assert_goes_on(self) -> None:
        """See that all that is put now arrives."""
        expected = self.put(polls=3, tags=50, plc_code=f"AFTER{time.time_ns()}")
        wait_until(lambda: expected.items() <= self.table_rows().items(), 60, "rows all the same")
        assert [name for name, process in self.started.items() if process.poll() is not None] == []


@pytest.fixture
def pipeline(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Attacked]:
    # Each a process of its own from the start: what it has in memory is its own.
    monkeypatch.setattr(Process, "templates", None)
    with (
        EmbeddedRedis(options=["--appendonly", "no"]) as redis,
        Attacked(redis.url, oracle, table, namespace, tmp_path) as pipeline,
    ):
        pipeline.begin()
        yield pipeline
        pipeline.is_over.set()
        pipeline.attacker.close()
        for name, process in pipeline.started.items():
            print(f"{name}: at most {peak(process.pid) / 1e6:.0f} MB")


def test_what_is_too_large_where_values_wait_is_set_aside_and_the_pipeline_goes_on(pipeline: Attacked) -> None:
    """Kind: what others wrote is read whole, however large it is. Nobody takes any of it away here."""
    keys = pipeline.keys
    for key in (keys.data_queue, keys.buffer):
        pipeline.spoil(key, "element")
        pipeline.assert_goes_on()
    lost = {keys.inflight: keys.inflight_list("gone", "1"), keys.claimed: keys.claimed_list("gone", "1")}
    for index, key in lost.items():
        for kind in ("element", "list"):
            pipeline.spoil(key, kind, many=30_000)
            pipeline.link.command("SADD", index, key)
            pipeline.assert_goes_on()
    # Each is known by its size, and counted.
    codes = ["rejected:NOT_A_VALUE", "messages_rejected:TOO_LARGE"]
    wait_until(lambda: all(pipeline.link.command("HMGET", keys.counters, *codes)), what="both to be counted")
    assert f"{LARGE:,} bytes, of which the beginning is kept" in str(pipeline.csv_rows("rejected"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_of_any_size_in_a_key_ends_a_service(pipeline: Attacked) -> None:
    """Kind: what others wrote is read whole, however large it is."""
    for key in names(pipeline.keys.namespace):
        for kind in KINDS:
            pipeline.spoil(key, kind)
        pipeline.attacker.command("DEL", key)
    pipeline.attacker.command("FLUSHALL")
    pipeline.assert_goes_on()
