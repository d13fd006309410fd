"""REDIS_URL, looked at before anything is opened: a mistake in it is one line that repeats no secret."""

from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

_SCHEMES = ("redis", "rediss", "unix")

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


def problem_with(redis_url: str) -> str:
    """Return what is wrong with a URL, without a word of it that may be secret; an empty text when nothing is."""
    scheme, separator, rest = redis_url.partition("://")
    if not separator or scheme not in _SCHEMES:
        return "begin it with redis://, rediss:// (TLS) or unix://"
    if any(letter.isspace() or not letter.isprintable() for letter in redis_url):
        return "it holds a space, a line break or another letter that can't be in a URL: write it as %20 and the like"
    authority_ends = min((place for letter in "/?#" if (place := rest.find(letter)) >= 0), default=len(rest))
    if scheme != "unix" and "@" in rest[authority_ends:]:
        return "its password holds one of / ? #, which end a URL's first part: write %2F, %3F, %23 for them"
    try:
        url = urlsplit(redis_url)
        port = url.port
    except ValueError:
        return "its port is no number from 1 to 65535, or its host stands in brackets that do not close"
    if "#" in redis_url:
        return "it holds a #, which begins a part that nobody reads: write %23 for it"
    return _problem_with_place(url, port) or _problem_with_options(url)


def _problem_with_place(url: SplitResult, port: int | None) -> str:
    if url.scheme == "unix":
        return "" if url.path.strip("/") else "it names no socket: unix:///path/of/the/socket"
    if not url.hostname:
        return "it names no host: redis://:password@host:6379/0"
    if port is not None and not 0 < port <= _MAX_PORT:
        return "its port is no number from 1 to 65535"
    database = url.path.strip("/")
    if database and not _is_number(database):
        return "its path is the number of a database, such as /0"
    return ""


def _problem_with_options(url: SplitResult) -> str:
    options = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    for name, value in options.items():
        if name not in _KNOWN:
            # The name may be a part of a secret, too.
            return f"a parameter behind the ? is none of {', '.join(_KNOWN)}"
        if name.startswith("ssl_") and url.scheme != "rediss":
            return f"{name} is for TLS: begin it with rediss://"
        if name in _CHOICES and value not in _CHOICES[name]:
            return f"{name} is one of {', '.join(_CHOICES[name][:3])}"
        if name == "db" and not _is_number(value):
            return "db is the number of a database, such as 0"
        if name in _FILES and not Path(value).is_file():
            return f"{name} names a file that is not there"
    return ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
