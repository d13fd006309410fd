"""What an error of the client library means for us: the one place that knows its exceptions.

An error answer is recognised by its code, never by its text: the library cuts the code off where it knows the error by
a class of its own. No answer ends a service: whoever asked waits and asks again, on a new connection, to an address
that is resolved anew, because the server that answered may have been demoted.
"""

import re
from collections.abc import Sequence
from typing import Any

import redis

from shared.errors import AnswerTooLargeError, LedgerError, RedisFullError, RedisRefusedError, RedisUnavailableError
from shared.redis.bounded_answers import TooLargeError
from shared.texts import cut

#: What says that Redis has no room, by itself or because its disk fails.
_FULL = frozenset({"OOM", "MISCONF"})

#: What our own scripts answer when what they are to count does not agree with what is there.
_LEDGER = "LEDGER"

#: Codes that end by themselves or by an administrator's hand, and what a person should know of each.
_WORDS = {
    "READONLY": "this server is a replica; if REDIS_URL leads to the right one, it was demoted just now",
    "NOREPLICAS": "this server may only write while its replicas are there (min-replicas-to-write)",
    "MASTERDOWN": "this server is a replica that has lost its master",
    "LOADING": "it reads its files",
    "BUSY": "a script runs for too long; an administrator ends it: redis-cli SCRIPT KILL",
    "UNBLOCKED": "it was demoted, or an administrator unblocked us",
    "CLUSTERDOWN": "the cluster lacks a part of its slots",
    "TRYAGAIN": "the cluster moves our keys just now",
    "MOVED": "another node of the cluster holds our keys; redis+cluster:// finds it",
    "ASK": "another node of the cluster takes our keys over just now",
    "CROSSSLOT": "a cluster needs a namespace without braces of its own",
    "NOPERM": "the user of REDIS_URL may not do that: docs/redis.md says what it needs",
    "NOAUTH": "REDIS_URL lacks the password",
}

#: What answers without a code of their own tell a person: how they begin, and what it means.
_WORDS_OF_ERR = (
    (
        "unknown command",
        "this server, or a proxy in front of it, has not this command: docs/redis.md says which are needed",
    ),
    (
        "protocol error: invalid bulk",
        "its proto-max-bulk-len is too small for this message; it holds up what comes after it",
    ),
    ("max request size", "its limit of a request is too small for this message; it holds up what comes after it"),
)
_UNKNOWN = "should not occur: has something else written to this namespace?"

#: In a pipeline the library puts words of its own in front of an answer.
_CODE = re.compile(r"(?:^|caused error: )([A-Z]+)(?: |$)")


def translated(error: redis.exceptions.RedisError | OSError | ValueError) -> Exception:
    """Return our error for one of the client library's."""
    if isinstance(error, redis.exceptions.AuthenticationError):
        return RedisUnavailableError(f"REDIS_URL: user or password refused ({error})")
    if isinstance(error, redis.exceptions.ResponseError):
        return _of_an_answer(error)
    if isinstance(error, ValueError):
        # A redirection in a form that the library does not know, or no Redis at all.
        return RedisRefusedError(f"Redis answered what the client library can't read: {error}")
    return RedisUnavailableError(_in_plain_words(str(error) or type(error).__name__))


def too_large(error: TooLargeError, asked: Sequence[Sequence[Any]]) -> AnswerTooLargeError:
    """Return our error for an answer that was too large, with the commands of which one is meant."""
    commands = "; ".join(_shown(command) for command in asked if command)
    text = f"{cut(commands)}: {error}, and was not read (redis-cli --memkeys finds what is so large)"
    return AnswerTooLargeError(text, "TOOLARGE")


def _shown(command: Sequence[Any]) -> str:
    """Return a command or script with its key, or keys."""
    words = [command[0], *(command[1] if isinstance(command[1], list) else command[1:2])] if command[1:] else command
    return " ".join(str(word) for word in words)


#: What the client library says of a connection that did not come about, and what it means.
_PLAIN = (
    (r"Name or service not known|nodename nor servname|name resolution|No address associated",
     "nobody knows a host of this name: REDIS_URL; a container that was stopped has no name any more"),
    (r"Connection refused", "nothing listens there: does Redis run, is it the right port?"),
    (r"No route to host|Network is unreachable|Host is down", "no way leads there: the network, a firewall?"),
    (r"Timeout connecting|timed out", "no answer in time: the host, a firewall, or a Redis that hangs"),
    (r"WRONG_VERSION_NUMBER|RECORD_LAYER", "no TLS is spoken there: rediss:// is for TLS, redis:// without"),
    (r"CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted: ssl_ca_certs in REDIS_URL, docs/redis.md"),
    (r"CERTIFICATE_REQUIRED|certificate required|EOF occurred in violation of protocol",
     "it was cut while TLS was agreed upon: does it want a certificate of ours (ssl_certfile, docs/redis.md)?"),
    (r"Connection reset by peer|Connection closed by server",
     "the connection was cut: it restarts, speaks TLS alone (rediss://) or has a client-output-buffer-limit"),
)  # fmt: skip


def _in_plain_words(text: str) -> str:
    for pattern, words in _PLAIN:
        if re.search(pattern, text):
            return f"{words} ({text})"
    return text


def _of_an_answer(error: redis.exceptions.ResponseError) -> Exception:
    code = code_of(error)
    text = str(error).removeprefix(f"{code} ")
    if code in _FULL:
        return RedisFullError(f"Redis refuses writes: {code} {text}", code)
    if code == _LEDGER:
        return LedgerError(text)
    words = _WORDS.get(code) or next((words for begin, words in _WORDS_OF_ERR if begin in text.lower()), _UNKNOWN)
    return RedisRefusedError(f"{code} ({words}): {text}" if code else f"{text} ({words})", code)


def code_of(error: redis.exceptions.ResponseError) -> str:
    """Return the code that an error answer began with; an empty text when it had none."""
    if error.status_code:
        return str(error.status_code)
    found = _CODE.search(str(error))
    return found.group(1) if found else ""


def without_errors(answers: list[Any]) -> list[Any]:
    """Return answers, none of which is an error. Raises: redis.exceptions.ResponseError: the first one that is."""
    for answer in answers:
        if isinstance(answer, redis.exceptions.ResponseError):
            raise answer
    return answers


def connected_replicas(role: Any, wanted: int) -> int:
    """Return how many replicas ROLE tells of; as many as wanted where it may not be asked."""
    if isinstance(role, redis.exceptions.ResponseError):
        return wanted
    if role[0] not in {b"master", "master"}:
        # What was put on this connection went with the history that it has left.
        raise redis.exceptions.ReadOnlyError("it was demoted just now", status_code="READONLY")
    return len(role[2])
