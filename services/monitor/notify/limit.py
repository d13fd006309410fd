"""An end for what drips: a server that sends a byte now and then keeps every time limit of a single step."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

#: Seconds between two looks for the socket, once the time is up: there may be none yet.
_AGAIN_S = 0.2


@contextmanager
def shut_after(seconds: float, current: Callable[[], socket.socket | None]) -> Iterator[threading.Event]:
    """Shut the socket that `current` returns once the time is up; the event that is given is set then."""
    done, passed = threading.Event(), threading.Event()

    def watch() -> None:
        if done.wait(seconds):
            return
        passed.set()
        # Again and again: TLS may just put another one in its place.
        while not done.wait(_AGAIN_S):
            with suppress(OSError, AttributeError):
                _shut(current())

    watching = threading.Thread(target=watch, name="try-limit", daemon=True)
    watching.start()
    try:
        yield passed
    finally:
        done.set()
        watching.join()


def _shut(there: socket.socket | None) -> None:
    if there is None or there.fileno() < 0:
        return
    # A copy: what the other thread reads of it must meet an end, and not a socket that was closed under it.
    with socket.socket(fileno=os.dup(there.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)
