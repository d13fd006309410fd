"""Threads for what the poller can't do without: Redis, its outbox.

Those of the event loop are everybody's: names are looked up there, and files of people are read. A name service or a
mount that does not answer keeps such a thread for as long as it likes, and of a processor there are five. So what moves
readings has threads of its own, and sources have so many that a few which are stuck hold up no other.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from shared.partitions import MAX_PARTITIONS

P = ParamSpec("P")
T = TypeVar("T")

#: Calls that one lane makes at a time, at most; and threads of sources. None is made before it is needed.
_OF_A_LANE, _OF_SOURCES = 16, 256

_own = ThreadPoolExecutor(_OF_A_LANE * MAX_PARTITIONS, thread_name_prefix="poller")


async def in_own_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a call returns that waits for Redis or for the disk of the outbox; as `asyncio.to_thread`."""
    return await asyncio.get_running_loop().run_in_executor(_own, partial(call, *args, **kwargs))


def give_sources_threads() -> None:
    """Give the running event loop the threads that sources use: `asyncio.to_thread`, names to be looked up."""
    threads = ThreadPoolExecutor(_OF_SOURCES, thread_name_prefix="source")
    asyncio.get_running_loop().set_default_executor(threads)
