"""A proxy as nginx is with `location /path/ { proxy_pass http://127.0.0.1:8000/; }` and nothing else."""

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

#: Headers that are each connection's own.
_OWN = {"host", "connection", "transfer-encoding", "content-length", "keep-alive"}


class Proxy:
    """Passes on what is asked below a path; it asks by its own name for whom it asks, not by the browser's."""

    def __init__(self, target: str, path: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not self.path.startswith(f"{path}/"):
                    self.send_error(404)
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
                asked = target + self.path.removeprefix(path)
                # A stream has no end but that somebody goes.
                with (
                    suppress(OSError, httpx.HTTPError),
                    httpx.stream(self.command, asked, headers=headers, content=body, timeout=30) as answer,
                ):
                    self.send_response(answer.status_code)
                    for name, value in answer.headers.multi_items():
                        if name.lower() not in _OWN:
                            self.send_header(name, value)
                    self.end_headers()
                    for part in answer.iter_raw():
                        self.wfile.write(part)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
