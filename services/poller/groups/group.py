"""One polling group: waits for its time, reads its source, hands messages to the outbox."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import KW_ONLY, InitVar, dataclass
from datetime import datetime
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from services.poller.faults import TELL_S
from services.poller.groups.config import GroupConfig
from services.poller.groups.packing import Packer, is_in_calendar
from services.poller.groups.triggers import FixedInterval, Trigger
from services.poller.news import Tell, nobody
from services.poller.outbox.message import ReadBy
from services.poller.outbox.outbox import Outbox
from services.poller.source import Reading, SourceError, TagSource
from services.poller.sources.stamps import Stamper
from shared.backoff import doubled_s
from shared.clock import Clock
from shared.logs import get_logger
from shared.records.events import Event
from shared.records.polling import PollerGroup, PollOutcome
from shared.texts import cut

#: Seconds after which a source that can't be opened, for a reason that nobody foresaw, is tried again: the first time,
#: doubled each time up to the last.
_FIRST_RETRY_S, _LAST_RETRY_S = 1.0, 60.0

_log = get_logger()


@dataclass
class PollingGroup:
    """One group at work; its troubles are its own."""

    config: GroupConfig
    source: TagSource
    trigger: Trigger
    outbox: Outbox
    _: KW_ONLY
    stamper: Stamper
    clock: Clock
    read_by: InitVar[Callable[[], ReadBy]]  #: tells who reads, and when it is
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    tell: Tell = nobody

    def __post_init__(self, read_by: Callable[[], ReadBy]) -> None:
        is_fixed = self.config.mode == "FIXED" and not self.source.self_paced
        #: What became of it so far, as the monitor is told.
        self.status = PollerGroup(
            name=self.config.name,
            group_id=self.config.group_id,
            plc_code=self.config.plc,
            mode=self.config.mode,
            interval_ms=round(self.config.interval_s * 1000) if is_fixed else None,
        )
        self._told_s = -math.inf
        self._started_s = 0.0
        self._packer = Packer(self.config, self.source.lossless, read_by)

    async def run(self) -> None:
        """Poll until the source has nothing more, or can't go on.

        The unforeseen costs the poll that met it: it is logged with its traceback and counted, and the next is made.
        """
        try:
            await self._open()
            self._note(state="running")
            self._started_s = self.clock.monotonic()
            while await self._poll_whatever_happens():
                pass
            self._note(state="finished")
            totals = f"{self.status.polls} polls, {self.status.values} values, {self.status.errors} of them BAD"
            _log.info(f"Group '{self.config.name}' is at the end of its source: {totals}")
        except SourceError as error:
            self._note(state="failed", trouble=str(error))
            _log.error(f"Group '{self.config.name}' ends, the others go on: {error}")
        except asyncio.CancelledError:
            self._note(state="stopped")
            raise
        finally:
            self.trigger.close(f"group '{self.config.name}' is {self.status.state}")
            with suppress(Exception):
                await self.source.close()

    async def _open(self) -> None:
        failures = 0
        while True:
            try:
                return await self.source.open()
            except SourceError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a source may raise
                self._say_unforeseen(error)
                with suppress(Exception):
                    await self.source.close()
            failures += 1
            await self.sleep(doubled_s(_FIRST_RETRY_S, failures, _LAST_RETRY_S))

    async def _poll_whatever_happens(self) -> bool:
        try:
            return await self.poll_once()
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a source may raise
            self._say_unforeseen(error)
            self.trigger.polled(PollOutcome("failed", message=self.status.trouble or ""))
        if self.source.self_paced:
            # It would fail again at once.
            await self.sleep(_FIRST_RETRY_S)
        return True

    def _say_unforeseen(self, error: Exception) -> None:
        trouble = cut(f"unforeseen: {type(error).__name__}: {error}")
        self._note(unforeseen=self.status.unforeseen + 1, trouble=trouble)
        message = f"Group '{self.config.name}': {trouble}"
        _log.exception(message, kind=self.config.name)
        now_s = self.clock.monotonic()
        if now_s - self._told_s >= TELL_S:
            self._told_s = now_s
            self.tell(Event.FAULT, message)

    async def poll_once(self) -> bool:
        """Wait for the next poll's time, poll, hand on what was read; return False when there is nothing more.

        Raises: SourceError.
        """
        skipped = await self.trigger.wait()
        self._note(skipped=self.status.skipped + skipped)
        began_s = self.clock.monotonic()
        reading = await self.source.read()
        took_ms = round((self.clock.monotonic() - began_s) * 1000, 3)
        if reading is None:
            return False
        if reading.due_s is not None:
            await self.sleep(max(0.0, self._started_s + reading.due_s - self.clock.monotonic()))
        values = errors = 0
        for message in self._packer.pack(reading, self._timestamp(reading), took_ms):
            await self.outbox.add(message)
            self._note(messages=self.status.messages + 1)
            values += message.values
            errors += message.bad
            # A large group takes a while: the other groups' polls are due meanwhile.
            await asyncio.sleep(0)
        self._count(reading, values, errors, took_ms)
        return True

    def _timestamp(self, reading: Reading) -> datetime:
        if reading.timestamp is not None and is_in_calendar(reading.timestamp):
            return reading.timestamp
        # A reading that holds nothing is not emitted and must not use up a time.
        now = self.clock.now()
        return self.stamper.stamp(now) if reading.values or reading.errors else now

    def _count(self, reading: Reading, values: int, errors: int, took_ms: float) -> None:
        status, now = self.status, self.clock.now()
        timestamp, trouble = now.isoformat(), cut(reading.trouble) if reading.trouble else None
        self._note(
            polls=status.polls + 1,
            values=status.values + values,
            errors=status.errors + errors,
            last_poll=timestamp,
            last_duration_ms=took_ms,
            trouble=trouble,
            lost=status.lost + reading.lost,
            lost_at=now.timestamp() if reading.lost else status.lost_at,
        )
        self.trigger.polled(
            PollOutcome(
                "failed" if trouble else "read",
                timestamp=timestamp,
                values=values,
                errors=errors,
                duration_ms=took_ms,
                message=trouble or "",
            )
        )

    def _note(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)

    def describe(self) -> dict[str, Any]:
        """Return the group's status for the monitor."""
        told = self.status
        if isinstance(self.trigger, FixedInterval):
            late_ms, skipped = self.trigger.lateness_p99_ms(), self.trigger.skipped_lately()
            told = replace(told, late_p99_ms=late_ms, skipped_lately=skipped)
        return {**to_builtins(told), **self.source.status()}
