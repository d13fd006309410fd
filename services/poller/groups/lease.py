"""A polling group's lease: whether it is this poller that polls the group. Pure."""

import asyncio


class Lease:
    """The lease of one group, as far as this poller knows; for one who waits at a time."""

    def __init__(self, *, is_held: bool = False) -> None:
        self.is_held = is_held
        #: The poller that has it, if not this one; empty where nobody knows.
        self.holder = ""
        #: Since when it is held, in milliseconds since 1970 by Redis' clock; 0 where Redis never said so.
        self.since_ms = 0
        #: Whether the group's source has nothing more: there is nothing to poll, here or elsewhere.
        self.is_finished = False
        self._changed = asyncio.Event()

    def set(self, *, is_held: bool, holder: str = "") -> bool:
        """Take note of who has it; return whether that is news to who waits."""
        is_news = is_held != self.is_held
        self.is_held, self.holder = is_held, holder
        if is_news:
            self._changed.set()
        return is_news

    async def until(self, *, is_held: bool) -> None:
        """Wait until it is held, or is not."""
        while self.is_held != is_held:
            self._changed.clear()
            await self._changed.wait()
