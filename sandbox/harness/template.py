"""A process that has imported a module and waits; each process of the module that is asked for is a fork of it.

Run as `python -m sandbox.harness.template MODULE DESCRIPTOR`: requests come over the socket DESCRIPTOR, JSON texts that
are answered in their order, and its end is the template's end. Who is born becomes all that a start from nothing would
have made of it: session, directory, environment, arguments, streams; then it waits for the word, like every process of
the harness, and runs the module as `python -m` does.
"""

import gc
import importlib
import json
import os
import runpy
import socket
import sys
from collections.abc import Sequence
from typing import Any

#: Bytes of a request: arguments and environment.
MAX_REQUEST = 128 * 1024


def main() -> None:
    """Import the module; then answer until the socket's other end is closed."""
    module, descriptor = sys.argv[1], int(sys.argv[2])
    main_module = f"{module}.__main__" if hasattr(importlib.import_module(module), "__path__") else module
    importlib.import_module(main_module)
    # It is run by each process, not imported.
    del sys.modules[main_module]
    gc.freeze()
    with socket.socket(fileno=descriptor) as requests:
        _serve(module, requests)


def _serve(module: str, requests: socket.socket) -> None:
    while True:
        text, streams, _, _ = socket.recv_fds(requests, MAX_REQUEST, 3)
        if not text:
            return
        answer: object
        match json.loads(text):
            case {"has_ended": pid}:
                answer = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            case {"reap": pid}:
                answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            case start:
                answer = _fork(module, start, streams, requests)
        requests.send(json.dumps(answer).encode())


def _fork(module: str, start: dict[str, Any], streams: Sequence[int], requests: socket.socket) -> int:
    """Return the number of a new process once it leads a session of its own."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(reader)
        os.close(writer)
        requests.close()
        _become(module, start, streams)
    os.close(writer)
    os.read(reader, 1)
    for descriptor in (reader, *streams):
        os.close(descriptor)
    return pid


def _become(module: str, start: dict[str, Any], streams: Sequence[int]) -> None:
    """Run the module as a process of its own. Raises: SystemExit, and whatever the module raises: the process's end."""
    for descriptor, place in zip(streams, range(3), strict=True):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(start["cwd"])
    os.environ.clear()
    os.environ.update(start["environ"])
    if not os.read(0, 1):
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.argv = ["", *start["arguments"]]
    sys.path[0] = start["cwd"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    raise SystemExit


if __name__ == "__main__":
    main()
