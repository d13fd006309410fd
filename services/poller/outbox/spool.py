"""The disk behind the outbox, and what is done when it fails: say so, go on in memory, try again.

A full disk, or one that can't be written, keeps what is on it: that is still sent first. A file that can't be read is
let go of, and opened anew later; one that is damaged is set aside under another name, for a person, and a new one
begun. Another process that has the file is waited for. None of this ends the poller.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from services.poller.news import Tell
from services.poller.outbox.disk import Disk, is_damage, set_aside
from services.poller.outbox.message import Message, Overflow, Place
from services.poller.threads import in_own_thread
from shared.clock import Clock
from shared.disks import why_passing
from shared.logs import get_logger
from shared.records.events import Event
from shared.texts import cut

#: Seconds between two tries to open or to write a file that can't be.
RETRY_S = 2.0

#: Seconds between two looks at what else is in the directory.
CHECK_S = 10.0

T = TypeVar("T")
_log = get_logger()


def file_name(partition: int = 0) -> str:
    """Return the name of a partition's file in POLLER_OUTBOX_DIR.

    >>> file_name(), file_name(3)
    ('outbox.sqlite3', 'outbox-3.sqlite3')
    """
    return f"outbox-{partition}.sqlite3" if partition else "outbox.sqlite3"


class Spool:
    """Messages on the disk, oldest first; every step is made in a thread, one at a time."""

    def __init__(self, path: Path, max_bytes: int, clock: Clock, tell: Tell) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._tell = tell
        self._disk: Disk | None = None
        self._file = 0
        self._turn = asyncio.Lock()
        self._due_s = self._check_due_s = 0.0
        #: Names of files that were set aside and are still there.
        self.damaged: list[str] = []
        #: What was sent and is not struck off yet; whatever stands before `_sent_through` is not read again.
        self._sent: list[int] = []
        self._sent_through = 0
        #: What is wrong now, and since when (seconds since 1970); None when all is well.
        self.trouble: str | None = None
        self.trouble_since: float | None = None

    @property
    def id(self) -> str:
        """What names the file, which nobody else has, on this machine; empty while it is not open."""
        return self._disk.id if self._disk else ""

    @property
    def count(self) -> int:
        """Messages that wait on the disk."""
        return self._disk.count - len(self._sent) if self._disk else 0

    @property
    def size_bytes(self) -> int:
        """Room that they take."""
        return self._disk.size_bytes if self._disk else 0

    async def open(self) -> bool:
        """Open the file, unless it is; return whether it is open now."""
        async with self._turn:
            now_s = self._clock.monotonic()
            if now_s >= (self._check_due_s if self._disk else self._due_s):
                self._check_due_s = now_s + CHECK_S
                try:
                    await in_own_thread(self._check)
                except (sqlite3.Error, OSError, ValueError) as error:
                    await self._failed(error, "can't be opened" if self._disk is None else "can't be written")
                else:
                    self._works_again()
            return self._disk is not None

    def _check(self) -> None:
        """Open the file, or see whether it can be written if it could not; and see what was set aside."""
        directory = self._path.parent
        directory.mkdir(parents=True, exist_ok=True)
        self.damaged = sorted(path.name for path in directory.glob(f"{self._path.name}.damaged-*[0-9]"))
        if self._disk is None:
            self._disk = Disk(self._path, self._max_bytes)
            self._file += 1
            if passing := _why_passing(directory):
                _log.warning(f"{self._path} does not last: {passing}: set POLLER_OUTBOX_DIR to a disk", kind="passing")
            if self._disk.count:
                _log.info(f"{self._path}: {self._disk.count} messages wait since before")
        elif self.trouble:
            self._disk.probe()

    async def append(
        self, messages: Sequence[Message], in_hand: Callable[[], Sequence[Place]]
    ) -> tuple[list[Place], Overflow] | None:
        """Store messages as the newest; return their places and what had to go for them; None when it failed.

        Args: in_hand: tells what must not go.
        """
        stored = await self._on_disk(
            lambda disk: disk.append(messages, max(self._seqs(in_hand()), default=0)), "can't be written"
        )
        if stored is None:
            return None
        self._works_again()
        seqs, overflow = stored
        return [Place(self._file, seq) for seq in seqs], overflow

    async def oldest(self, max_messages: int, max_bytes: int) -> list[tuple[Place, Message]]:
        """Return the oldest messages; none when they can't be read: the file is then let go of."""
        found = await self._on_disk(
            lambda disk: disk.oldest(self._sent_through, max_messages, max_bytes), "can't be read", lets_go=True
        )
        return [(Place(self._file, seq), message) for seq, message in found or ()]

    async def strike_off(self, places: Sequence[Place]) -> None:
        """Let go of messages that were sent. On a disk that refuses it, it is done with the next ones."""
        seqs = self._seqs(places)
        if not seqs:
            return
        self._sent += seqs
        self._sent_through = max(self._sent_through, *seqs)
        sent = [*self._sent]
        if await self._on_disk(lambda disk: disk.delete(sent), "can't be written") is not None:
            self._sent = self._sent[len(sent) :]

    def _seqs(self, places: Sequence[Place]) -> list[int]:
        """Return places in the file that is open now: another one has other messages there."""
        return [place.seq for place in places if place.file == self._file]

    async def close(self) -> None:
        """Let go of the file."""
        async with self._turn:
            await self._let_go()

    async def _on_disk(self, call: Callable[[Disk], T], what: str, *, lets_go: bool = False) -> T | None:
        async with self._turn:
            disk = self._disk
            if disk is None:
                return None
            try:
                return await in_own_thread(call, disk)
            except (sqlite3.Error, OSError, ValueError) as error:
                gone = isinstance(error, FileNotFoundError)
                await self._failed(error, what, lets_go=lets_go or gone)
                return None

    async def _failed(self, error: Exception, what: str, *, lets_go: bool = False) -> None:
        self._due_s = self._clock.monotonic() + RETRY_S
        if is_damage(error):
            await self._set_aside(error)
            return
        if lets_go:
            await self._let_go()
        reason = "another process has it" if "locked" in str(error) else str(error)
        self._say(Event.OUTBOX_FAILED, f"{self._path} {what}: {cut(reason)}; readings that wait are in memory alone")

    async def _set_aside(self, error: Exception) -> None:
        lost = f"with {self.count} messages " if self._disk else ""
        await self._let_go()
        try:
            aside = await in_own_thread(set_aside, self._path, self._clock.now())
        except OSError as problem:
            self._say(Event.OUTBOX_FAILED, f"{self._path} is damaged ({cut(error)}) and can't be renamed: {problem}")
            return
        self._due_s = self._check_due_s = 0.0
        message = f"{self._path} is damaged ({cut(error)}): it is set aside {lost}as {aside.name}, and a new one begun"
        _log.critical(message)
        self._tell(Event.OUTBOX_SET_ASIDE, message)

    async def _let_go(self) -> None:
        disk, self._disk = self._disk, None
        self._sent, self._sent_through = [], 0
        if disk is not None:
            try:
                await in_own_thread(disk.close)
            except sqlite3.Error as error:
                _log.debug(f"{self._path}: {error}")

    def _say(self, kind: Event, message: str) -> None:
        if self.trouble is None:
            self.trouble_since = self._clock.now().timestamp()
            _log.error(message)
            self._tell(kind, message)
        self.trouble = message

    def _works_again(self) -> None:
        if self.trouble is not None:
            message = f"{self._path} is written again"
            _log.info(message)
            self._tell(Event.OUTBOX_WORKS, message)
        self.trouble, self.trouble_since = None, None


def _why_passing(directory: Path) -> str:
    # Not of the file: to close it a second time lets go of SQLite's lock on it.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return why_passing(descriptor)
    finally:
        os.close(descriptor)
