"""The role of those who take notices to people, and why one was not taken."""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Protocol

from services.monitor.notify.limit import shut_after
from services.monitor.notify.notice import Notice
from shared.texts import cut

#: Seconds that one step of a try (a connect, an answer) may take, and a whole try with all its steps.
STEP_S, TRY_S = 10.0, 20.0

#: What a try may meet.
TROUBLE = (OSError, HTTPException, smtplib.SMTPException, ValueError)


class NotTakenError(Exception):
    """The notice was not taken, or nobody knows; the text says why, without a secret."""


class Receiver(Protocol):
    """Takes notices to people. Its calls end within TRY_S and what the resolver takes for a name."""

    #: `webhook` or `mail`.
    kind: str

    @property
    def identity(self) -> str:
        """The same for all monitors that send to the same place, and nothing of a secret: a part of keys in Redis."""

    def send(self, notice: Notice) -> str:
        """Hand over one notice; return what is wrong although it was taken, an empty text when nothing is.

        Raises: NotTakenError.
        """


@contextmanager
def one_try(connection: HTTPConnection | smtplib.SMTP, place: str, why: Callable[[Exception], str]) -> Iterator[None]:
    """Let a try end within TRY_S, with its connection closed; `why` says in plain words what went wrong.

    Raises: NotTakenError.
    """
    with shut_after(TRY_S, lambda: connection.sock) as passed:
        try:
            yield
        except TROUBLE as error:
            late = f"{place} gives no whole answer within {TRY_S:g} s"
            raise NotTakenError(late if passed.is_set() else why(error)) from None
        finally:
            connection.close()


#: What is wrong in plain words, the narrower kinds first.
_WORDS: dict[type[BaseException], str] = {
    socket.gaierror: "no such host: {place} (by this machine's name server)",
    ConnectionRefusedError: "nothing listens at {place}",
    ssl.SSLCertVerificationError: "the certificate of {place} is not trusted ({reason}); SSL_CERT_FILE may name the "
    "file of the authority that signed it",
    ssl.SSLError: "no TLS is spoken at {place}: is it the right port?",
    TimeoutError: f"{{place}} gives no answer within {STEP_S:g} s",
}


def why(error: BaseException, place: str) -> str:
    """Return in plain words why a server was not reached or not understood; `place` is `host:port`."""
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words.format(place=place, reason=getattr(error, "verify_message", ""))
    if isinstance(error, OSError) and error.strerror:
        return f"{place}: {error.strerror}"
    return f"{place} does not speak as it should ({type(error).__name__})"


def without(secrets: Iterable[str], text: str) -> str:
    """Return a server's words without secrets that it may repeat."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return cut(re.sub(r"\s+", " ", text).strip())
