"""The control API: HTTP and JSON on a port of its own, meant for tests and for curl. It never leaves this machine.

curl localhost:PORT/                                     what there is
curl localhost:PORT/status
curl -X POST localhost:PORT/cut_sessions
curl -X POST localhost:PORT/fail_next -d '{"count": 3, "ora_code": 1653}'
"""

import asyncio
import inspect
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from oracle_stand_in.server.commands import Commands

#: a command that takes longer has met a stuck event loop
TIMEOUT_S = 10


def command_help(commands: Commands) -> str:
    """Return one line for each command: its arguments and what it does."""
    lines = ["GET  /status", *(f"POST /{name}{_signature(commands, name)}" for name in command_names(commands))]
    return "\n".join(lines) + "\n"


def command_names(commands: Commands) -> list[str]:
    """Return the names of all commands."""
    return [name for name, _ in inspect.getmembers(commands, inspect.ismethod) if not name.startswith("_")]


def _signature(commands: Commands, name: str) -> str:
    method = getattr(commands, name)
    arguments = ", ".join(str(p).split(":")[0] + _default(p) for p in inspect.signature(method).parameters.values())
    return f" {{{arguments}}}  {inspect.getdoc(method)}"


def _default(parameter: inspect.Parameter) -> str:
    return "" if parameter.default is inspect.Parameter.empty else f"={json.dumps(parameter.default)}"


class ControlServer:
    """Serves the commands over HTTP in a thread; the commands themselves run in the event loop."""

    def __init__(self, commands: Commands, loop: asyncio.AbstractEventLoop, host: str, port: int) -> None:
        self._commands = commands
        self._loop = loop
        self._names = frozenset(command_names(commands))
        control = self

        class Handler(BaseHTTPRequestHandler):
            """One HTTP request."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """Answer /status, and / with the list of commands."""
                if self.path.strip("/") == "status":
                    self._answer(*control.run("status", {}))
                elif self.path == "/":
                    self._answer(200, command_help(control._commands))
                else:
                    self._answer(404, {"error": f"no such page: {self.path}"})

            def do_POST(self) -> None:
                """Run a command."""
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    arguments = json.loads(body) if body.strip() else {}
                except ValueError:
                    self._answer(400, {"error": "the body is not JSON"})
                    return
                self._answer(*control.run(self.path.strip("/"), arguments))

            def _answer(self, status: int, content: object) -> None:
                is_text = isinstance(content, str)
                body = content.encode() if isinstance(content, str) else json.dumps(content).encode() + b"\n"
                self.send_response(status)
                self.send_header("Content-Type", "text/plain" if is_text else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                """Say nothing."""

        self._http = ThreadingHTTPServer((host, port), Handler)
        self._http.daemon_threads = True
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()

    def run(self, name: str, arguments: object) -> tuple[int, object]:
        """Run a command in the event loop and return an HTTP status and the answer."""
        if name not in self._names:
            return 404, {"error": f"no such command: {name}", "commands": sorted(self._names)}
        if not isinstance(arguments, dict):
            return 400, {"error": "the arguments must be a JSON object"}

        async def call() -> object:
            return getattr(self._commands, name)(**arguments)

        try:
            result = asyncio.run_coroutine_threadsafe(call(), self._loop).result(TIMEOUT_S)
        except (TypeError, ValueError, OSError) as error:
            return 400, {"error": str(error)}
        return 200, {"ok": True} if result is None else result
