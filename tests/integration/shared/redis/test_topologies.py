"""The primary, wherever it is: sentinels, a cluster, TLS, and secrets that change. The slow stories: tests/fault."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.crc import key_slot

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.errors import RedisRefusedError, RedisUnavailableError
from shared.keys import Keys
from shared.lifecycle import StopFlag
from shared.redis.link import RedisLink
from shared.settings.models import ServiceSettings
from tests.redis_topologies import RedisCluster, SentinelTrio, ask, cluster, is_reached, trio
from tests.tls import Identity, TlsProxy

KEYS = Keys("tagpipe")


def put(link: RedisLink) -> int:
    """Do what services do all the time: a script that writes. Returns the length of the list."""
    return int(link.run("put", [KEYS.data_queue], [1_000_000, b"{}"]))


class Writers:
    """Threads that write without a pause, each in its own way, and repeat what failed."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._stop = StopFlag()
        ways: list[Callable[[], object]] = [
            lambda: put(link),
            lambda: link.command("LPUSH", KEYS.buffer, 1),
            lambda: link.commands(("LPUSH", KEYS.buffer, 1), ("LTRIM", KEYS.buffer, 0, 9)),
            lambda: link.blocking_pop([KEYS.ready_token], 0.05),
        ]
        self.done = [0] * len(ways)
        self._threads = [threading.Thread(target=self._run, args=[*place]) for place in enumerate(ways)]

    def _run(self, number: int, way: Callable[[], object]) -> None:
        while not self._stop.is_set():
            try:
                way()
                self.done[number] += 1
            except RedisUnavailableError as error:
                self._link.wait_until_there(self._stop, error)

    def wait_until_all_go_on(self) -> None:
        before = list(self.done)
        wait_until(lambda: all(now > then for now, then in zip(self.done, before, strict=True)), what="all to go on")

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            self.wait_until_all_go_on()
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(15)


@pytest.fixture(scope="module")
def sentinels() -> Iterator[SentinelTrio]:
    with trio() as started:
        yield started


@pytest.fixture(scope="module")
def nodes() -> Iterator[RedisCluster]:
    with cluster(owners=2) as started:
        yield started


def test_a_sentinel_that_is_silent_or_knows_nothing_holds_up_nobody(sentinels: SentinelTrio) -> None:
    """Kind: the first address is the only one. A frozen sentinel, and one that watches something else, come first."""
    with EmbeddedRedis() as stranger, EmbeddedRedis() as frozen:
        frozen.pause()
        places = f"127.0.0.1:{frozen.port},127.0.0.1:{stranger.port},127.0.0.1:1,{sentinels.url.split('//')[1]}"
        link = RedisLink(f"redis+sentinel://{places}")
        assert put(link) > 0
        link.close()


def test_who_is_named_is_asked_for_its_role_before_it_is_trusted(sentinels: SentinelTrio) -> None:
    """Kind: an old word. A replica that someone takes for the primary gives old values and refuses new ones."""
    sentinels.wait_for_replicas()
    replica = next(server for server in sentinels.servers if server.port != sentinels.primary_port())
    link = RedisLink(replica.url)
    with pytest.raises(RedisRefusedError, match=r"READONLY .*is a slave") as refused:
        link.command("LLEN", KEYS.data_queue)
    assert refused.value.code == "READONLY"
    link.close()


def test_what_sentinels_do_not_watch_is_said_with_its_name(sentinels: SentinelTrio) -> None:
    link = RedisLink(sentinels.url.replace("/plant", "/plnat"))
    with pytest.raises(RedisUnavailableError, match="watches nothing that is called plnat"):
        link.ping()
    link.close()


def test_everybody_follows_a_failover_of_the_sentinels(sentinels: SentinelTrio) -> None:
    """Kind: clinging. Nobody asked for an address again: after a failover the services lived on and never wrote."""
    link = RedisLink(sentinels.url)
    writers = Writers(link)
    with writers.at_work():
        sentinels.kill_primary()
        writers.wait_until_all_go_on()
    link.close()


def test_sentinels_may_have_a_password_of_their_own(tmp_path: Path) -> None:
    with trio(password="s3ntinel") as started:
        secret = tmp_path / "sentinel"
        secret.write_text("wrong")
        settings = ServiceSettings.model_validate(
            {"redis_url": started.url, "redis_sentinel_password": "wrong", "redis_sentinel_password_file": secret}
        )
        link = RedisLink.of(settings, "test")
        with pytest.raises(RedisUnavailableError, match="REDIS_SENTINEL_PASSWORD") as refused:
            link.ping()
        assert "wrong" not in str(refused.value)
        # And when the file holds the right one, nobody needs to start anything again.
        secret.write_text("s3ntinel\n")
        link.ping()
        link.close()


def test_everybody_follows_a_slot_that_moves_under_load(nodes: RedisCluster) -> None:
    link = RedisLink(nodes.url)
    writers = Writers(link)
    slot = key_slot(KEYS.data_queue.encode())
    with writers.at_work():
        for _ in range(2):
            source = nodes.owner(KEYS.data_queue)
            target = next(node for node in nodes.nodes if node is not source)
            nodes.move_slot(slot, target, source, batch=1)
            writers.wait_until_all_go_on()
            assert nodes.owner(KEYS.data_queue) is target
    link.close()


def test_a_namespace_is_sought_by_its_own_slot(nodes: RedisCluster) -> None:
    found = set()
    for name in ("a", "b", "c", "d", "e", "f"):
        keys = Keys(name)
        link = RedisLink(nodes.url, namespace=name)
        assert link.run("put", [keys.data_queue], [10, b"{}"]) == 1
        found.add(nodes.owner(keys.data_queue).port)
        link.close()
    assert len(found) == 2, "namespaces on both nodes, or the test shows nothing"


def test_a_slot_that_nobody_holds_is_waited_for(nodes: RedisCluster) -> None:
    owner = nodes.owner(KEYS.data_queue)
    slot = key_slot(KEYS.data_queue.encode())
    link = RedisLink(nodes.url)
    put(link)
    keys_there = put(link)
    for node in nodes.nodes:
        ask(node.port, "CLUSTER", "DELSLOTS", slot)
    with pytest.raises(RedisRefusedError, match="CLUSTERDOWN"):
        put(link)
    fresh = RedisLink(nodes.url)
    with pytest.raises(RedisRefusedError, match="CLUSTERDOWN"):
        fresh.ping()
    ask(owner.port, "CLUSTER", "ADDSLOTS", slot)
    wait_until(lambda: is_reached(fresh), what="the slot")
    assert put(fresh) > keys_there
    link.close()
    fresh.close()


def test_a_password_that_was_changed_needs_no_restart(tmp_path: Path) -> None:
    """Kind: secrets read once. The user's password was rotated; the services came back only after a restart."""
    secret = tmp_path / "redis_url"
    with EmbeddedRedis() as server:
        admin = RedisLink(server.url)
        admin.command("ACL", "SETUSER", "plant", "on", ">old", "~*", "+@all")
        secret.write_text(f"redis://plant:old@127.0.0.1:{server.port}/0\n")
        settings = ServiceSettings.model_validate({"redis_url": secret.read_text().strip(), "redis_url_file": secret})
        link, stop = RedisLink.of(settings, "test"), StopFlag()
        put(link)
        link.ping()
        # If: user and password are others from now on, and the old ones are thrown out
        admin.command("ACL", "SETUSER", "plant", "<old", ">new")
        admin.command("CLIENT", "KILL", "USER", "plant")
        for _ in range(2):
            with pytest.raises(RedisUnavailableError):
                put(link)
        # And: what the file holds is no URL just now
        secret.write_text("redis://half a fi")
        with pytest.raises(RedisUnavailableError, match="user or password refused"):
            put(link)
        # Expect: with the new file all goes on
        secret.write_text(f"redis://plant:new@127.0.0.1:{server.port}/0\n")
        assert link.wait_until_there(stop)
        assert put(link) == 2
        link.close()
        admin.close()


@pytest.fixture(scope="module")
def identity() -> Identity:
    return Identity("localhost")


@pytest.mark.parametrize(
    ("wants_ours", "host", "options", "said"),
    [
        (False, "localhost", "ssl_ca_certs={ca}", ""),
        (True, "localhost", "ssl_ca_certs={ca}&ssl_certfile={both}&ssl_keyfile={both}", ""),
        (False, "127.0.0.1", "ssl_ca_certs={ca}&ssl_check_hostname=false", ""),
        (False, "127.0.0.1", "ssl_cert_reqs=none", ""),
        (False, "localhost", "protocol=2&ssl_ca_certs={ca}", ""),
        (False, "127.0.0.1", "ssl_ca_certs={ca}", "IP address mismatch"),
        (False, "localhost", "", "self-signed certificate"),
        (True, "localhost", "ssl_ca_certs={ca}", "a certificate of ours|closed|reset|Broken pipe"),
    ],
    ids=["TLS", "mTLS", "no host name", "no check", "RESP2", "wrong host", "unknown authority", "no certificate"],
)
def test_tls(
    redis_server: EmbeddedRedis, identity: Identity, tmp_path: Path,
    wants_ours: bool, host: str, options: str, said: str,
) -> None:  # fmt: skip
    (tmp_path / "ca.pem").write_bytes(identity.certificate)
    (tmp_path / "both.pem").write_bytes(identity.both())
    proxy = TlsProxy(tmp_path, identity, ("127.0.0.1", redis_server.port), wants_ours=wants_ours)
    filled = options.format(ca=tmp_path / "ca.pem", both=tmp_path / "both.pem")
    link = RedisLink(f"rediss://{host}:{proxy.port}/0?{filled}")
    try:
        if said:
            with pytest.raises(RedisUnavailableError, match=said):
                link.ping()
        else:
            link.ping()
            assert put(link) > 0
            until = link.certificate_until
            # Of what nobody checks nothing is known.
            assert (until is None) == ("none" in options)
            assert until is None or 0 < until - time.time() < 2 * 86_400
    finally:
        link.close()
        proxy.close()
