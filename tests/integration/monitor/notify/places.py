"""Places that notices go to: a real HTTP server and a real SMTP server, well or ill, on this machine."""

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.tls import Identity

#: What the SMTP server lets in.
USER, PASSWORD = "plant", "pass-word-of-the-tests"


class _Handler(BaseHTTPRequestHandler):
    """Treats all calls alike, and says nothing."""

    def handle_post(self) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.handle_post
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        return


class HookServer:
    """Takes posts; `answer` decides what each gets."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        #: What was posted, as (path, headers, body).
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        #: Writes the answer; the default takes all.
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda request: status(request, 200)
        place = self

        class Handler(_Handler):
            def handle_post(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                place.posts.append((self.path, dict(self.headers), body))
                with suppress(OSError):
                    place.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/hook/secret-token-of-the-tests"

    @property
    def payloads(self) -> list[dict[str, Any]]:
        """What was posted, as JSON."""
        return [json.loads(body) for _, _, body in self.posts]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def status(request: BaseHTTPRequestHandler, code: int, body: bytes = b"", **headers: str) -> None:
    request.send_response(code)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def drip(request: BaseHTTPRequestHandler) -> None:
    """Say again and again that an answer is to come: each time within the limit of a single step."""
    while True:
        request.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.wfile.flush()
        time.sleep(0.05)


def flood(request: BaseHTTPRequestHandler) -> None:
    """Send a body that never ends, as fast as it goes."""
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x" * 65_536)


class MailServer:
    """Speaks SMTP: STARTTLS, AUTH PLAIN and LOGIN, one mail or many; or as its settings say."""

    def __init__(self, directory: Path, *, name: str = "127.0.0.1", tls: str = "starttls") -> None:
        self.identity = Identity(name)
        pem = directory / "mail.pem"
        pem.write_bytes(self.identity.both())
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._tls = tls
        #: What lets USER in.
        self.password = PASSWORD
        #: Mails that were taken.
        self.mails: list[Message] = []
        #: Who each was said to come from.
        self.senders: list[str] = []
        #: Recipients that are refused.
        self.refused: set[str] = set()
        #: What the greeting is; an endless one drips.
        self.greeting: Iterable[bytes] = [b"220 mail.plant ready\r\n"]
        #: Whether anything was logged on, or mailed, before TLS.
        self.was_open = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._talk, args=[client], daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError), ExitStack() as opened:
            opened.callback(client.close)
            if self._tls == "tls":
                client = self._context.wrap_socket(client, server_side=True)
                opened.callback(client.close)
            for part in self.greeting:
                client.sendall(part)
            _Talk(self, client, self._context, self._tls, opened).run()


class _Talk:
    def __init__(
        self, server: MailServer, client: socket.socket, context: ssl.SSLContext, tls: str, opened: ExitStack
    ) -> None:
        self._server, self._client, self._context, self._tls, self._opened = server, client, context, tls, opened
        self._lines = opened.enter_context(client.makefile("rb"))
        self._is_in = False

    def run(self) -> None:
        while line := self._lines.readline():
            word, _, rest = line.decode().strip().partition(" ")
            getattr(self, f"_{word.lower()}", self._unknown)(rest)

    def _say(self, *lines: str) -> None:
        code, texts = lines[0][:3], [line[4:] for line in lines]
        said = [f"{code}-{text}" for text in texts[:-1]] + [f"{code} {texts[-1]}"]
        self._client.sendall("".join(f"{line}\r\n" for line in said).encode())

    def _unknown(self, _rest: str) -> None:
        self._say("500 what?")

    @property
    def _is_encrypted(self) -> bool:
        return isinstance(self._client, ssl.SSLSocket)

    def _ehlo(self, _rest: str) -> None:
        if self._is_encrypted or self._tls == "none":
            self._say("250 mail.plant", "250 AUTH PLAIN LOGIN")
        else:
            self._say("250 mail.plant", "250 STARTTLS")

    def _starttls(self, _rest: str) -> None:
        self._say("220 go on")
        self._client = self._opened.enter_context(self._context.wrap_socket(self._client, server_side=True))
        self._lines = self._opened.enter_context(self._client.makefile("rb"))

    def _auth(self, rest: str) -> None:
        self._server.was_open |= not self._is_encrypted
        _, _, given = rest.partition(" ")
        known = base64.b64encode(f"\0{USER}\0{self._server.password}".encode()).decode()
        self._is_in = given == known
        # Some repeat what they were given.
        self._say("235 in" if self._is_in else f"535 5.7.8 no: {base64.b64decode(given)!r}")

    def _mail(self, rest: str) -> None:
        self._server.senders.append(rest.partition("<")[2].partition(">")[0])
        self._server.was_open |= not self._is_encrypted
        self._say("250 ok" if self._is_in or self._tls == "none" else "530 log on first")

    def _rcpt(self, rest: str) -> None:
        whom = rest.partition("<")[2].partition(">")[0]
        self._say(f"550 no {whom} here" if whom in self._server.refused else "250 ok")

    def _data(self, _rest: str) -> None:
        self._say("354 go on")
        raw = b""
        while (line := self._lines.readline()) != b".\r\n":
            raw += line
        self._server.mails.append(message_from_bytes(raw, policy=default))
        self._say("250 taken")

    def _rset(self, _rest: str) -> None:
        self._say("250 ok")

    def _quit(self, _rest: str) -> None:
        self._say("221 bye")


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
