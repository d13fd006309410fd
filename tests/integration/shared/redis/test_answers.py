"""Error answers of real servers. Kind: what the client library strips (its code) must not decide who lives.

No answer ends a service, none but OOM and MISCONF counts as full, and nobody stays with a server that was demoted.
"""

import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from sandbox.harness.redis import EmbeddedRedis, free_port
from sandbox.harness.waiting import wait_until
from shared.errors import LedgerError, RedisFullError, RedisRefusedError, RedisUnavailableError
from shared.keys import Keys
from shared.lifecycle import StopFlag
from shared.redis.connections import SOCKET_TIMEOUT_S
from shared.redis.link import RedisLink
from tests.relay import Relay


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    """A server of the test's own: its role and its settings change."""
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
def other() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
def admin(server: EmbeddedRedis) -> Iterator[RedisLink]:
    link = RedisLink(server.url)
    yield link
    link.close()


def push(link: RedisLink, keys: Keys) -> object:
    """Do what services do all the time: a script that writes."""
    return link.run("put", [keys.data_queue], [1_000_000, b"{}"])


def set_(link: RedisLink, name: str, value: object) -> None:
    link.command("CONFIG", "SET", name, str(value))


def make_full(link: RedisLink, _other: EmbeddedRedis) -> None:
    set_(link, "maxmemory", 1)


def make_replica(link: RedisLink, other: EmbeddedRedis) -> None:
    link.command("REPLICAOF", "127.0.0.1", other.port)
    wait_until(lambda: b"master_link_status:up" in raw_info(link), what="the replica")


def make_orphan(link: RedisLink, _other: EmbeddedRedis) -> None:
    set_(link, "replica-serve-stale-data", "no")
    link.command("REPLICAOF", "127.0.0.1", 1)


def want_replicas(link: RedisLink, _other: EmbeddedRedis) -> None:
    set_(link, "min-replicas-to-write", 1)


def forbid(link: RedisLink, _other: EmbeddedRedis) -> None:
    link.command("ACL", "SETUSER", "default", "-@scripting", "-@blocking")


def raw_info(link: RedisLink) -> bytes:
    return str(link.command("INFO", "replication")).replace("'", "").replace(": ", ":").encode()


@pytest.mark.parametrize(
    ("fault", "code", "is_full"),
    [
        (make_full, "OOM", True),
        (make_replica, "READONLY", False),
        (make_orphan, "MASTERDOWN", False),
        (want_replicas, "NOREPLICAS", False),
        (forbid, "NOPERM", False),
    ],
    ids=["OOM", "READONLY", "MASTERDOWN", "NOREPLICAS", "NOPERM"],
)
@pytest.mark.parametrize("protocol", [2, 3])
def test_an_answer_is_known_by_its_code(
    server: EmbeddedRedis, other: EmbeddedRedis, admin: RedisLink, keys: Keys,
    fault: Callable[[RedisLink, EmbeddedRedis], None], code: str, is_full: bool, protocol: int,
) -> None:  # fmt: skip
    link = RedisLink(f"{server.url}?protocol={protocol}")
    push(link, keys)
    fault(admin, other)
    with pytest.raises(RedisRefusedError) as refused:
        # A replica without a master refuses those who read with another answer than those who write.
        link.command("LLEN", keys.data_queue) if code == "MASTERDOWN" else push(link, keys)
    assert isinstance(refused.value, RedisFullError) == is_full
    assert code in str(refused.value)
    if code not in {"NOPERM", "OOM", "MASTERDOWN"}:
        # In a transaction the library puts words in front of the answer.
        with pytest.raises(RedisRefusedError, match=code) as refused:
            link.commands(("LPUSH", keys.buffer, "1"), ("LPUSH", keys.buffer, "2"))
        assert not isinstance(refused.value, RedisFullError)
    link.close()


def test_who_waits_in_a_server_that_is_demoted_is_told_and_asks_again(
    admin: RedisLink, server: EmbeddedRedis, other: EmbeddedRedis, keys: Keys
) -> None:
    link = RedisLink(server.url)
    errors: list[Exception] = []

    def wait() -> None:
        try:
            link.blocking_pop([keys.ready_token], 5)
        except RedisUnavailableError as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until(lambda: b"cmd=blpop" in admin.command("CLIENT", "LIST", "TYPE", "NORMAL"), what="who waits")
    make_replica(admin, other)
    waiting.join(5)
    assert len(errors) == 1
    assert isinstance(errors[0], RedisRefusedError)
    assert not isinstance(errors[0], RedisFullError)
    link.close()


def test_who_waits_for_an_element_in_a_server_that_is_demoted_hears_of_it(
    admin: RedisLink, server: EmbeddedRedis, other: EmbeddedRedis, keys: Keys
) -> None:
    """Kind: an answer that is left out hides what it says: the consumer waited until its connection timed out."""
    link = RedisLink(server.url)
    errors: list[Exception] = []

    def wait() -> None:
        try:
            link.wait_for_element(keys.data_queue, 2)
        except RedisUnavailableError as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until(lambda: b"blmove" in admin.command("CLIENT", "LIST", "TYPE", "NORMAL"), what="who waits")
    # Not waited for: a replica takes its time until it is one.
    admin.command("REPLICAOF", "127.0.0.1", other.port)
    waiting.join(SOCKET_TIMEOUT_S - 2)
    assert len(errors) == 1
    link.close()


def test_nobody_stays_with_a_server_that_was_demoted(
    server: EmbeddedRedis, other: EmbeddedRedis, admin: RedisLink, keys: Keys
) -> None:
    """Kind: clinging. The address leads to the new master; connections that stand still lead to the old one."""
    stop = StopFlag()
    written = [0, 0, 0]
    with Relay(server.port) as relay:
        link = RedisLink(relay.url)

        def write(number: int) -> None:
            while not stop.is_set():
                try:
                    if number == 0:
                        link.commands(("LPUSH", f"{keys.buffer}:{number}", "1"), ("LTRIM", f"{keys.buffer}:0", 0, 5))
                    else:
                        link.run("put", [f"{keys.data_queue}:{number}"], [1_000_000, b"{}"])
                    written[number] += 1
                except RedisUnavailableError as error:
                    link.wait_until_there(stop, error)

        threads = [threading.Thread(target=write, args=[number]) for number in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: all(written), what="writes to the first master")
        relay.leads_to(other.port)
        make_replica(admin, other)
        before = list(written)
        wait_until(lambda: all(now > then for now, then in zip(written, before, strict=True)), what="writes to the new")
        assert relay.connections_to(other.port) >= 3
        stop.set()
        for thread in threads:
            thread.join(5)
        link.close()


def test_a_refusal_is_said_once_and_its_end_once(
    server: EmbeddedRedis, admin: RedisLink, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    """A replica answers PING: that must not count as the end of it, twenty times a second."""
    link, stop = RedisLink(server.url), StopFlag()
    back: list[float] = []
    link.when_back(back.append)
    want_replicas(admin, server)
    for _ in range(4):
        with pytest.raises(RedisRefusedError) as refused:
            push(link, keys)
        assert link.wait_until_there(stop, refused.value)
        link.ping()
    set_(admin, "min-replicas-to-write", 0)
    wait_until(lambda: push(link, keys) and "refuses nothing any more" in capsys_text(capsys), what="the end of it")
    said = SAID.pop(capsys)
    assert said.count("answers with an error, trying again") == 1
    assert said.count("refuses nothing any more") == 1
    assert "is back" not in said
    link.close()


SAID: dict[pytest.CaptureFixture[str], str] = {}


def capsys_text(capsys: pytest.CaptureFixture[str]) -> str:
    """Return all that was printed so far."""
    out, err = capsys.readouterr()
    SAID[capsys] = SAID.get(capsys, "") + out + err
    return SAID[capsys]


@pytest.fixture
def cluster() -> Iterator[tuple[RedisLink, RedisLink, EmbeddedRedis]]:
    """Two nodes of a cluster that know each other and hold no slots."""
    # A port for their talk as well: else it is 10,000 above the other, which may be beyond the last.
    one, two = (
        ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no", "--cluster-port", str(free_port())]
        for _ in range(2)
    )
    with EmbeddedRedis(options=one) as first, EmbeddedRedis(options=two) as second:
        links = RedisLink(first.url), RedisLink(second.url)
        links[0].command("CLUSTER", "MEET", "127.0.0.1", second.port, two[-1])
        for link in links:
            wait_until(lambda link=link: len(node_ids(link)) == 2, what="the cluster")  # type: ignore[misc]
        yield (*links, first)
        for link in links:
            link.close()


def node_ids(link: RedisLink) -> list[str]:
    """Return the ids of a cluster's nodes, this one first; those in handshake are left out."""
    known = [line for line in link.command("CLUSTER", "NODES").decode().splitlines() if "handshake" not in line]
    return [line.split(" ")[0] for line in sorted(known, key=lambda line: "myself" not in line)]


def test_answers_of_a_cluster_end_nobody(cluster: tuple[RedisLink, RedisLink, EmbeddedRedis], keys: Keys) -> None:
    first, second, _ = cluster
    link = first

    def is_refused(code: str, call: Callable[[], object] = lambda: push(link, keys)) -> None:
        with pytest.raises(RedisRefusedError, match=code) as refused:
            call()
        assert not isinstance(refused.value, RedisFullError)

    # Given: slots that nobody holds
    is_refused("CLUSTERDOWN")
    slot = int(link.command("CLUSTER", "KEYSLOT", keys.data_queue))
    second_id = node_ids(second)[0]
    second.command("CLUSTER", "ADDSLOTS", slot)
    wait_until(lambda: all(is_well(link) for link in (first, second)), what="a cluster that is well")
    # If: the other node holds our keys
    is_refused("MOVED")
    is_refused("MOVED", lambda: link.commands(("LLEN", keys.buffer), ("LLEN", keys.data_queue)))
    # And: a slot on its way
    link = second
    push(link, keys)
    second.command("CLUSTER", "SETSLOT", slot, "MIGRATING", node_ids(first)[0])
    is_refused("ASK", lambda: link.command("LLEN", keys.buffer))
    is_refused("TRYAGAIN", lambda: link.command("EXISTS", keys.buffer, keys.data_queue))
    # And when it is there: all goes on
    second.command("CLUSTER", "SETSLOT", slot, "NODE", second_id)
    assert push(link, keys) == 2


def is_well(link: RedisLink) -> bool:
    info = str(link.command("CLUSTER", "INFO"))
    return "cluster_slots_assigned:1" in info and "cluster_state:ok" in info


def test_what_should_not_occur_is_one_clear_line_and_ends_nobody(link: RedisLink, keys: Keys) -> None:
    link.command("SET", keys.data_queue, "a string")
    with pytest.raises(RedisRefusedError, match=r"WRONGTYPE .*has something else written to this namespace"):
        push(link, keys)
    link.command("DEL", keys.data_queue)
    assert push(link, keys) == 1


def test_a_limit_of_the_server_is_not_taken_for_a_stranger_in_the_namespace(
    server: EmbeddedRedis, admin: RedisLink, keys: Keys
) -> None:
    """Kind: one cause told for all that nobody knows."""
    admin.command("CONFIG", "SET", "proto-max-bulk-len", 1024 * 1024)
    link = RedisLink(server.url)

    def is_told() -> bool:
        try:
            link.command("RPUSH", keys.data_queue, b"x" * (1024 * 1024 + 1))
        except RedisRefusedError as error:
            return "proto-max-bulk-len is too small" in str(error)
        except RedisUnavailableError:
            # It hangs up behind its answer, which is lost where we still send.
            return False
        return False

    wait_until(is_told, what="the limit to be named")
    link.close()


def test_a_ledger_that_does_not_agree_asks_to_begin_anew(link: RedisLink, keys: Keys) -> None:
    list_key = keys.inflight_list("w", "1")
    link.command("RPUSH", list_key, "a", "b")
    with pytest.raises(LedgerError, match="holds 2 values"):
        link.run("settle", [list_key, keys.inflight, keys.counters, keys.buffer, "a", "b", "c"], [1, 60, 9, 9, 0])


def test_a_user_without_rights_is_told_which(server: EmbeddedRedis, admin: RedisLink, keys: Keys) -> None:
    admin.command("ACL", "SETUSER", "reader", "on", ">p", "~*", "+@read", "+@connection", "+client")
    link = RedisLink(f"redis://reader:p@127.0.0.1:{urlsplit(server.url).port}/0")
    with pytest.raises(RedisRefusedError, match=r"NOPERM .*docs/redis.md"):
        push(link, keys)
    link.close()
