"""One polling group: waits for its time, reads its source, hands messages to the ring."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeVar

from services.poller.config import GroupConfig
from services.poller.ring import Message, Ring
from services.poller.source import Reading, SourceError, TagSource
from services.poller.stamps import Stamper
from services.poller.triggers import FixedInterval, PollOutcome, Trigger
from shared.clock import Clock
from shared.logs import get_logger
from shared.models import PollingData

#: Tags in one message: a larger poll goes in several, with the same timestamp.
MAX_TAGS_PER_MESSAGE = 5_000

T = TypeVar("T")
_log = get_logger()


@dataclass
class GroupStatus:
    """What became of a group so far.

    `polls`, `skipped`, `values`, `errors` are totals since the start; errors are the values that are BAD. `trouble`:
    why the source could not be read the last time.
    """

    polls: int = 0
    skipped: int = 0
    values: int = 0
    errors: int = 0
    messages: int = 0
    last_poll: str | None = None
    last_duration_ms: float = 0.0
    state: Literal["starting", "running", "finished", "failed", "stopped"] = "starting"
    trouble: str | None = None


class PollingGroup:
    """One group at work; its troubles are its own."""

    def __init__(
        self,
        config: GroupConfig,
        source: TagSource,
        trigger: Trigger,
        ring: Ring,
        stamper: Stamper,
        clock: Clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.config = config
        self.trigger = trigger
        self.status = GroupStatus()
        self._source = source
        self._ring = ring
        self._stamper = stamper
        self._clock = clock
        self._sleep = sleep
        self._started_s = 0.0

    async def run(self) -> None:
        """Poll until the source has nothing more, or can't go on."""
        try:
            await self._source.open()
            self.status.state = "running"
            self._started_s = self._clock.monotonic()
            while await self.poll_once():
                pass
            self.status.state = "finished"
            _log.info(f"Group '{self.config.name}' is at the end of its source: {self._totals()}")
        except SourceError as error:
            self.status.state, self.status.trouble = "failed", str(error)
            _log.error(f"Group '{self.config.name}' ends, the others go on: {error}")
        except asyncio.CancelledError:
            self.status.state = "stopped"
            raise
        finally:
            self.trigger.close(f"group '{self.config.name}' is {self.status.state}")
            await self._source.close()

    async def poll_once(self) -> bool:
        """Wait for the next poll's time, poll, hand on what was read; return False when there is nothing more.

        Raises: SourceError.
        """
        self.status.skipped += await self.trigger.wait()
        began_s = self._clock.monotonic()
        reading = await self._source.read()
        took_ms = round((self._clock.monotonic() - began_s) * 1000, 3)
        if reading is None:
            return False
        await self._wait_until_due(reading)
        values = 0
        for message in self._messages(reading, took_ms):
            await self._ring.add(message)
            self.status.messages += 1
            values += message.values
        errors = len(reading.errors) + [*reading.values.values()].count(None)
        self._count(reading, values, errors, took_ms)
        return True

    def _count(self, reading: Reading, values: int, errors: int, took_ms: float) -> None:
        status = self.status
        status.polls += 1
        status.values += values
        status.errors += errors
        status.last_poll = self._clock.now().isoformat()
        status.last_duration_ms = took_ms
        status.trouble = reading.trouble
        state: Literal["read", "failed"] = "failed" if reading.trouble else "read"
        self.trigger.polled(PollOutcome(state, status.last_poll, values, errors, took_ms, reading.trouble or ""))

    def describe(self) -> dict[str, Any]:
        """Return the group's status for the monitor."""
        return {
            "name": self.config.name,
            "group_id": self.config.group_id,
            "plc_code": self.config.plc,
            "mode": self.config.mode,
            "interval_ms": self._interval_ms(),
            **vars(self.status),
            **self._lateness(),
            **self._source.status(),
        }

    def _interval_ms(self) -> int | None:
        is_fixed = self.config.mode == "FIXED" and not self._source.self_paced
        return round(self.config.interval_s * 1000) if is_fixed else None

    def _lateness(self) -> dict[str, float]:
        return {"late_p99_ms": self.trigger.lateness_p99_ms()} if isinstance(self.trigger, FixedInterval) else {}

    async def _wait_until_due(self, reading: Reading) -> None:
        if reading.due_s is not None:
            await self._sleep(max(0.0, self._started_s + reading.due_s - self._clock.monotonic()))

    def _messages(self, reading: Reading, took_ms: float) -> Iterator[Message]:
        """Return the reading as messages of MAX_TAGS_PER_MESSAGE tags at most, all of one timestamp."""
        if not reading.values and not reading.errors:
            return
        timestamp = reading.timestamp or self._stamper.stamp(self._clock.now())
        for values, errors in _parts(reading):
            data = PollingData(
                timestamp=timestamp,
                group_id=self.config.group_id or 0,
                group_name=self.config.name,
                plc_code=self.config.plc,
                mode=self.config.mode,
                tag_values=values,
                poll_time_ms=took_ms,
                error_tags=errors,
                tag_qualities=_of(reading.qualities, values),
                tag_timestamps=_of(reading.tag_timestamps, values) | _of(reading.tag_timestamps, errors),
            )
            yield Message(data, len(values) + len(errors), lossless=self._source.lossless)

    def _totals(self) -> str:
        return f"{self.status.polls} polls, {self.status.values} values, {self.status.errors} of them BAD"


def _parts(reading: Reading) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Return the values and errors of a reading in parts that fit a message; most readings are one part."""
    if len(reading.values) + len(reading.errors) <= MAX_TAGS_PER_MESSAGE:
        yield reading.values, reading.errors
        return
    values, errors = iter(reading.values.items()), iter(reading.errors.items())
    while True:
        some_values = dict(islice(values, MAX_TAGS_PER_MESSAGE))
        some_errors = dict(islice(errors, MAX_TAGS_PER_MESSAGE - len(some_values)))
        if not some_values and not some_errors:
            return
        yield some_values, some_errors


def _of(all_tags: dict[str, T], values: dict[str, Any]) -> dict[str, T]:
    return {address: all_tags[address] for address in values if address in all_tags} if all_tags else {}
