"""Threads for what the poller can't do without: Redis, its outbox.

Those of the event loop are everybody's: names are looked up there, and files of people are read. A name service or a
mount that does not answer keeps such a thread for as long as it likes, and of a processor there are five. So what moves
readings has threads of its own, and sources have so many that a few which are stuck hold up no other.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import ParamSpec, TypeVar

from shared.partitions import MAX_PARTITIONS

P = ParamSpec("P")
T = TypeVar("T")

#: Calls that one lane makes at a time, at most; and threads of sources. None is made before it is needed.
_OF_A_LANE, _OF_SOURCES = 16, 256

#: What the threads' names begin with.
_OWN, _SOURCE = "poller_thread", "source_thread"

#: Seconds that the threads get at the end to notice that they have nothing more to do.
_END_S = 0.2


class _Threads(ThreadPoolExecutor):
    """Threads that nobody waits for at the end: one may be held by a name service that says nothing."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begin nothing more. The event loop calls it, and would wait for as long as a call takes."""
        del wait, cancel_futures
        super().shutdown(wait=False, cancel_futures=True)


_own = _Threads(_OF_A_LANE * MAX_PARTITIONS, thread_name_prefix=_OWN)


async def in_own_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a call returns that waits for Redis or for the disk of the outbox; as `asyncio.to_thread`."""
    return await asyncio.get_running_loop().run_in_executor(_own, partial(call, *args, **kwargs))


def give_sources_threads() -> None:
    """Give the running event loop the threads that sources use: `asyncio.to_thread`, names to be looked up."""
    asyncio.get_running_loop().set_default_executor(_Threads(_OF_SOURCES, thread_name_prefix=_SOURCE))


def are_stuck() -> bool:
    """Tell, at the end, whether a thread is held by a call that does not return: Python would wait for it."""
    _own.shutdown()
    deadline_s = monotonic() + _END_S
    threads = [thread for thread in threading.enumerate() if thread.name.startswith((_OWN, _SOURCE))]
    for thread in threads:
        thread.join(max(0.0, deadline_s - monotonic()))
    return any(thread.is_alive() for thread in threads)
