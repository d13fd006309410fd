"""The receiver that calls a URL. No redirect is followed: what leads elsewhere may lead inside."""

import hashlib
import http.client
import ssl
from base64 import b64encode
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from services.monitor.notify.notice import Notice
from services.monitor.notify.payloads import FORMS, encoded
from services.monitor.notify.receiver import STEP_S, NotTakenError, one_try, why

#: Bytes of an answer that are read: Teams hides a refusal behind its 200.
_READ_BYTES = 2_048

_PORTS = {"http": 80, "https": 443}


class Webhook:
    """Posts notices to the URL as it is now; by the proxy of HTTPS_PROXY or HTTP_PROXY, where there is one."""

    kind = "webhook"

    def __init__(self, current_url: Callable[[], str], form: str) -> None:
        """Take what reads the URL, and `json`, `slack` or `teams`."""
        self._current_url = current_url
        self._form = form

    @property
    def identity(self) -> str:
        """A digest of the URL."""
        return f"webhook-{hashlib.sha256(self._current_url().encode()).hexdigest()[:12]}"

    def send(self, notice: Notice) -> str:
        """Post one notice; there is nothing to say once it was taken. Raises: NotTakenError."""
        url = urlsplit(self._current_url())
        place = f"{url.hostname}:{url.port or _PORTS[url.scheme]}"
        connection, target, headers = _way_to(url)
        with one_try(connection, place, lambda error: why(error, place)):
            connection.request("POST", target, encoded(FORMS[self._form](notice)), headers)
            answer = connection.getresponse()
            _check(answer.status, answer.read(_READ_BYTES), self._form)
        return ""


def _way_to(url: SplitResult) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """Return a connection, not opened yet, with what to ask for and the headers."""
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    headers = {"Content-Type": "application/json", "User-Agent": "tagpipe", "Connection": "close"}
    proxy = urlsplit("" if proxy_bypass(host) else getproxies().get(url.scheme, ""))
    where = (proxy.hostname, proxy.port or _PORTS["http"]) if proxy.hostname else (host, port)
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}" if proxy.username else ""
    by_proxy = {"Proxy-Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
    if url.scheme == "http":
        plain = http.client.HTTPConnection(*where, timeout=STEP_S)
        if proxy.hostname:
            return plain, f"http://{url.netloc}{path}", {**headers, **by_proxy}
        return plain, path, headers
    secure = http.client.HTTPSConnection(*where, timeout=STEP_S, context=ssl.create_default_context())
    if proxy.hostname:
        secure.set_tunnel(host, port, by_proxy)
    return secure, path, headers


def _check(status: int, body: bytes, form: str) -> None:
    if status in range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST):
        raise NotTakenError(f"it leads to another address ({status}): set that one, no redirect is followed")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise NotTakenError(f"it refuses the call ({status}): is the URL whole and not revoked?")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise NotTakenError(f"it takes no more for now ({status})")
    if status in range(HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR):
        raise NotTakenError(f"it does not understand the call ({status}): does ALERT_WEBHOOK_FORMAT fit?")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NotTakenError(f"it has trouble of its own ({status})")
    if form == "teams" and b"failed with error" in body:
        raise NotTakenError("Teams answers 200 and says in its text that it failed")
