"""Large things that live as long as their group: made without the garbage collector, and then out of its sight.

It looks at every object again and again while they are made, a second or two at a time for half a million tags, and
stops all threads meanwhile: no group polls and no heartbeat goes. What is made here holds no cycles, so nothing is
lost by not looking.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Things from which it is worth while.
_MANY = 10_000

_lock = threading.Lock()
_making = 0


@contextmanager
def long_lived(count: int) -> Iterator[None]:
    """Make about so many things that live long; safe in several threads at once."""
    global _making  # noqa: PLW0603 - the collector is the process's, too
    if count < _MANY:
        yield
        return
    with _lock:
        _making += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _making -= 1
            if not _making:
                gc.freeze()
                gc.enable()
