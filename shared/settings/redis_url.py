"""REDIS_URL, taken apart before anything is opened: a mistake in it is one line that repeats no secret."""

from enum import Enum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit


class Topology(Enum):
    """How many servers there are, and who knows which of them is the primary."""

    SINGLE = ""  #: the address leads to it
    SENTINEL = "+sentinel"  #: the addresses are the sentinels'
    CLUSTER = "+cluster"  #: the addresses are some of the cluster's nodes


#: What each form looks like: a mistake in one is answered with it.
_FORMS = {
    Topology.SINGLE: "redis://:password@host:6379/0",
    Topology.SENTINEL: "redis+sentinel://user:password@host1:26379,host2:26379/service/0",
    Topology.CLUSTER: "redis+cluster://user:password@host1:6379,host2:6379",
}
_DEFAULT_PORTS = {Topology.SINGLE: 6379, Topology.SENTINEL: 26379, Topology.CLUSTER: 6379}

_SCHEMES = {
    f"{base}{topology.value}": (base, topology) for base in ("redis", "rediss") for topology in Topology
} | {"unix": ("unix", Topology.SINGLE)}  # fmt: skip

#: What may stand behind the question mark. The client library knows more, but the links to Redis rest on our own choice
#: of the rest (timeouts, decoding, retries).
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_CHOICES = {
    "protocol": ("2", "3"),
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": ("true", "false", "True", "False"),
}
_KNOWN = ("db", *_CHOICES, *_FILES)

_MAX_PORT = 65_535


class UrlFormError(ValueError):
    """A URL has none of the forms; the text names them and repeats nothing of it."""


class Node(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class RedisUrl(NamedTuple):
    """A URL taken apart."""

    topology: Topology
    nodes: tuple[Node, ...]  #: the server, sentinels, or some nodes of the cluster; none for a socket
    service: str  #: what sentinels call the primary; else empty
    plain: str  #: the same as the URL of one server, for the client library: login, database and options

    @classmethod
    def of(cls, redis_url: str) -> "RedisUrl":
        """Take a URL apart.

        Raises: ValueError: it has none of the forms, or a port is no number. What else may be wrong: `problem_with`.
        """
        scheme, separator, rest = redis_url.partition("://")
        if not separator or scheme not in _SCHEMES:
            raise UrlFormError(
                "begin it with redis://, rediss:// (TLS) or unix://; redis+sentinel://, rediss+sentinel://, "
                "redis+cluster:// or rediss+cluster:// where several servers share the work"
            )
        base, topology = _SCHEMES[scheme]
        if topology is Topology.SINGLE:
            return cls(topology, () if base == "unix" else (_node(rest, topology),), "", redis_url)
        authority, tail = rest[: _end_of_authority(rest)], rest[_end_of_authority(rest) :]
        login, at, hosts = authority.rpartition("@")
        nodes = tuple(_node(host, topology) for host in hosts.split(",") if host)
        path, mark, options = tail.partition("?")
        service, database = "", path.strip("/")
        if topology is Topology.SENTINEL:
            service, _, database = database.partition("/")
        where = nodes[0] if nodes else Node("localhost", _DEFAULT_PORTS[topology])
        host = f"[{where.host}]" if ":" in where.host else where.host
        return cls(topology, nodes, service, f"{base}://{login}{at}{host}:{where.port}/{database}{mark}{options}")

    @property
    def is_encrypted(self) -> bool:
        """Whether it is TLS."""
        return self.plain.startswith("rediss:")

    def __str__(self) -> str:
        """Return where it leads, without credentials: for logs."""
        places = ",".join(map(str, self.nodes)) or urlsplit(self.plain).path
        if self.topology is Topology.SENTINEL:
            return f"{self.service} of the sentinels {places}"
        return f"the cluster of {places}" if self.topology is Topology.CLUSTER else places


def _end_of_authority(rest: str) -> int:
    return min((place for letter in "/?#" if (place := rest.find(letter)) >= 0), default=len(rest))


def _node(authority: str, topology: Topology) -> Node:
    url = urlsplit(f"//{authority}")
    if url.port is not None and not 0 < url.port <= _MAX_PORT:
        raise ValueError("a port from 1 to 65535")
    return Node(url.hostname or "localhost", url.port or _DEFAULT_PORTS[topology])


def problem_with(redis_url: str) -> str:
    """Return what is wrong with a URL, without a word of it that may be secret; an empty text when nothing is."""
    scheme, separator, rest = redis_url.partition("://")
    if separator and scheme in _SCHEMES:
        if any(letter.isspace() or not letter.isprintable() for letter in redis_url):
            return "it holds a space, a line break or another letter that can't be in a URL: write it as %20 and such"
        if scheme != "unix" and "@" in rest[_end_of_authority(rest) :]:
            return "its password holds one of / ? #, which end a URL's first part: write %2F, %3F, %23 for them"
    try:
        url = RedisUrl.of(redis_url)
        plain = urlsplit(url.plain)
    except UrlFormError as error:
        return str(error)
    except ValueError:
        # Python's own words hold a piece of what may be a password.
        return "its port is no number from 1 to 65535, or its host stands in brackets that do not close"
    if "#" in redis_url:
        return "it holds a #, which begins a part that nobody reads: write %23 for it"
    return _problem_with_place(url, plain, rest) or _problem_with_options(plain)


def _problem_with_place(url: RedisUrl, plain: SplitResult, rest: str) -> str:
    form = f"the form is {_FORMS[url.topology]}"
    if plain.scheme == "unix":
        return "" if plain.path.strip("/") else "it names no socket: unix:///path/of/the/socket"
    hosts = rest[: _end_of_authority(rest)].rpartition("@")[2]
    if not hosts or any(host == "" or host.startswith(":") for host in hosts.split(",")):
        return f"it names no host: {form}"
    if url.topology is Topology.SINGLE and "," in hosts:
        return "several hosts are for redis+sentinel:// and redis+cluster://"
    if url.topology is Topology.SENTINEL and not url.service:
        return f"it does not name the service that the sentinels watch: {form}"
    return _problem_with_database(url.topology, plain.path.strip("/"), form)


def _problem_with_database(topology: Topology, database: str, form: str) -> str:
    if database and not _is_number(database):
        return f"its path is the number of a database, such as /0: {form}"
    if topology is Topology.CLUSTER and database not in {"", "0"}:
        return f"a cluster has database 0 alone: {form}"
    return ""


def _problem_with_options(url: SplitResult) -> str:
    options = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    for name, value in options.items():
        if name not in _KNOWN:
            # The name may be a part of a secret, too.
            return f"a parameter behind the ? is none of {', '.join(_KNOWN)}"
        if name.startswith("ssl_") and url.scheme != "rediss":
            return f"{name} is for TLS: begin it with rediss:// (rediss+sentinel://, rediss+cluster://)"
        if name in _CHOICES and value not in _CHOICES[name]:
            return f"{name} is one of {', '.join(_CHOICES[name][:3])}"
        if name == "db" and not _is_number(value):
            return "db is the number of a database, such as 0"
        if name in _FILES and not Path(value).is_file():
            return f"{name} names a file that is not there"
    return ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
