"""Where the primary is: the one module that knows topologies.

A failover moves it, so each connection asks anew: the sentinels for who is primary, or a node of the cluster for who
owns our slot (a namespace is one slot, so one node holds all of it, and a plain connection to it is enough). Whoever
was found is asked for its role before it is trusted: sentinels, proxies and name servers may be behind. REDIS_URL_FILE
is read for each connection, so a rotated password needs no restart.

redis-py's own sentinel client is not used: its `send_packed_command` connects to the old address again.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.crc import key_slot
from redis.retry import Retry

from shared.logs import get_logger
from shared.redis.bounded_answers import Bounded
from shared.settings.redis_url import Node, RedisUrl, Topology, problem_with

#: Seconds for one sentinel's or one node's word on who is primary: one that is silent must not hold up the others.
ASK_TIMEOUT_S = 1.0

#: Nodes of a cluster that are remembered beside those of the URL.
_MAX_NODES = 100

_log = get_logger()


class Primary:
    """The server that holds one namespace and takes writes; safe to use from several threads."""

    def __init__(self, read_url: Callable[[], str], namespace: str, read_sentinel_password: Callable[[], str]) -> None:
        """Take where to read what may change; `read_url` may raise OSError or ValueError: then the last one holds.

        Raises: OSError, ValueError: the first URL.
        """
        self._read_url = read_url
        self._read_sentinel_password = read_sentinel_password
        self._slot = key_slot(f"{{{namespace}}}".encode())
        self._text = read_url()
        self._url = RedisUrl.of(self._text)
        self._refused_text = ""
        self._lock = threading.Lock()
        self._found: Node | None = None
        #: Whom to ask, the best first.
        self._witnesses = list(self._url.nodes)

    def __str__(self) -> str:
        """Return where it leads, without credentials: for logs."""
        return str(self._url)

    def pool(self, **options: Any) -> redis.ConnectionPool:
        """Return a pool each of whose connections leads to the primary, whenever it is opened.

        options: of redis-py's connections; those in the URL go before them.
        """
        given = {**options, **self._options()}
        kind = given.pop("connection_class", redis.Connection)
        return redis.ConnectionPool(
            connection_class=_LEADING[kind], primary=self, redis_connect_func=self._shake_hands, **given
        )

    def direct(self, connection: Any) -> None:
        """Let a connection that is about to be opened lead to where the primary is now, with today's password.

        Raises: redis.exceptions.RedisError: nobody knows where that is.
        """
        self._look_again()
        options = self._options()
        connection.username, connection.password = options.get("username"), options.get("password")
        if self._url.topology is Topology.SINGLE:
            if self._url.nodes:
                connection.host, connection.port = self._url.nodes[0]
            return
        connection.host, connection.port = self._found = self._locate()

    def has_moved(self) -> bool:
        """Tell whether sentinels know of another primary than the one that was found last.

        Raises: redis.exceptions.RedisError: none of them answers.
        """
        if self._url.topology is not Topology.SENTINEL or self._found is None:
            return False
        return self._locate() != self._found

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = parse_url(self._url.plain)  # type: ignore[no-untyped-call]
        return options

    def _look_again(self) -> None:
        """Read the URL again: its file may hold another one by now."""
        try:
            text = self._read_url()
        except (OSError, ValueError) as error:
            self._say_once(str(error), "can't be read just now")
            return
        if text == self._text:
            return
        problem = problem_with(text)
        new = None if problem else RedisUrl.of(text)
        if new is None or (new.topology, new.is_encrypted) != (self._url.topology, self._url.is_encrypted):
            self._say_once(text, problem or "holds a URL of another kind, which needs a restart")
            return
        with self._lock:
            self._text, self._url, self._witnesses = text, new, list(new.nodes)
        _log.info(f"REDIS_URL_FILE was changed: new connections go to {new}")

    def _say_once(self, text: str, problem: str) -> None:
        if text != self._refused_text:
            self._refused_text = text
            _log.warning(f"REDIS_URL_FILE: {problem}; the last one holds")

    def _locate(self) -> Node:
        """Ask one witness after the other; raise the last one's error."""
        ask = self._ask_sentinel if self._url.topology is Topology.SENTINEL else self._ask_node
        last: Exception = redis.exceptions.ConnectionError(f"{self._url}: nobody to ask")
        for witness in list(self._witnesses):
            try:
                return ask(witness)
            except (redis.exceptions.RedisError, OSError, ValueError) as error:
                last = error
                self._doubt(witness)
        if isinstance(last, redis.exceptions.RedisError):
            raise last
        raise redis.exceptions.ConnectionError(f"{self._url}: {last}")

    def _doubt(self, witness: Node) -> None:
        """Let a witness that knew nothing, or knew it wrong, be the last to be asked."""
        with self._lock:
            if witness in self._witnesses:
                self._witnesses.remove(witness)
                self._witnesses.append(witness)

    def _ask_sentinel(self, sentinel: Node) -> Node:
        service = self._url.service
        login = {"username": None, "password": self._read_sentinel_password() or None}
        try:
            address = self._ask(sentinel, login, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
        except redis.exceptions.AuthenticationError as error:
            raise redis.exceptions.ConnectionError(
                f"REDIS_SENTINEL_PASSWORD: the sentinel {sentinel} refuses it, or wants one ({error})"
            ) from error
        if not address:
            raise redis.exceptions.MasterDownError(f"the sentinel {sentinel} watches nothing that is called {service}")
        return Node(address[0].decode(), int(address[1]))

    def _ask_node(self, node: Node) -> Node:
        """Ask a node of the cluster who owns our slot, and remember whom else one could ask."""
        nodes = []
        owner = None
        for first, last, *servers in self._ask(node, {}, "CLUSTER", "SLOTS"):
            found = [_named(server, node) for server in servers]
            nodes += found
            if first <= self._slot <= last:
                owner = found[0]
        if owner is None:
            text = f"{node} knows nobody that holds our slot, {self._slot}"
            raise redis.exceptions.ClusterDownError(text, status_code="CLUSTERDOWN")
        with self._lock:
            known = dict.fromkeys([*self._witnesses, *self._url.nodes, *nodes])
            self._witnesses = list(known)[: _MAX_NODES + len(self._url.nodes)]
        return owner

    def _ask(self, witness: Node, login: dict[str, Any], *command: str) -> Any:
        options = {**self._options(), "db": 0, "host": witness.host, "port": witness.port, **login}
        kind = options.pop("connection_class", redis.Connection)
        connection = kind(
            **options, retry=Retry(NoBackoff(), 0), socket_timeout=ASK_TIMEOUT_S, socket_connect_timeout=ASK_TIMEOUT_S
        )
        try:
            connection.connect()
            connection.send_command(*command)
            return connection.read_response()
        finally:
            connection.disconnect()

    def _shake_hands(self, connection: Any) -> None:
        """Log on, and see whether this is a primary."""
        connection.on_connect()
        connection.send_command("ROLE", check_health=False)
        try:
            role = connection.read_response()
        except redis.exceptions.ResponseError:
            # Managed services and narrow users know no ROLE: the first write tells.
            return
        if role[0] not in {b"master", "master"}:
            if self._witnesses:
                self._doubt(self._witnesses[0])
            text = f"{connection.host}:{connection.port} is a {role[0].decode()}"
            raise redis.exceptions.ReadOnlyError(text, status_code="READONLY")


def _named(server: Sequence[Any], asked: Node) -> Node:
    """Return where a server of CLUSTER SLOTS listens: a node that does not know its own name means the one asked."""
    host = (server[0] or b"").decode()
    return Node(asked.host if host in {"", "?"} else host, int(server[1]))


class _Leading(Bounded):
    """A connection that asks where the primary is whenever it is opened."""

    def __init__(self, *args: Any, primary: Primary, **options: Any) -> None:
        self._primary = primary
        #: How often it was opened: what was sent before is on another one.
        self.times_opened = 0
        super().__init__(*args, **options)

    def _connect(self) -> Any:
        # All ways to open a connection end here; redis-py's own kinds of connections replace the same method.
        self._primary.direct(self)
        self.times_opened += 1
        return super()._connect()  # type: ignore[misc]


_LEADING: dict[type, type] = {
    kind: type(f"Leading{kind.__name__}", (_Leading, kind), {})
    for kind in (redis.Connection, redis.SSLConnection, redis.UnixDomainSocketConnection)
}
