"""A clock that goes only when told, or when slept on."""

import asyncio
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2025, 11, 2, 14, 30, 52, 123456, tzinfo=UTC)


class FakeTime:
    """A Clock and a sleep. `sleep_factor`: how much of a sleep really passes."""

    def __init__(self, start_s: float = 0.0, sleep_factor: float = 1.0) -> None:
        self._now_s = start_s
        self._sleep_factor = sleep_factor
        self.slept: list[float] = []

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._now_s)

    def monotonic(self) -> float:
        return self._now_s

    def pass_(self, seconds: float) -> None:
        self._now_s += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        # Rounded up to a nanosecond: remainders of floats must not make it stand still.
        self._now_s += max(seconds * self._sleep_factor, 1e-9)
        await asyncio.sleep(0)
