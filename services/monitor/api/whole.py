"""The newest state of the whole pipeline: of its only partition, or of all of them together."""

import asyncio
from collections.abc import Sequence
from itertools import zip_longest

from services.monitor.api.state import Newest, State
from services.monitor.assess.assessment import Alert, Assessment
from services.monitor.assess.together import in_order, of_partition, together


class Whole:
    """What requests are answered from. A partition that is away is said to be; the others are answered."""

    def __init__(self, partitions: Sequence[Newest]) -> None:
        """Watch partitions, in the order of their numbers."""
        self.partitions = tuple(partitions)
        self._made_of: tuple[State, ...] = ()
        self._made = State()

    def only(self, number: int) -> "Whole":
        """Return one partition as if there were no other."""
        return Whole(self.partitions[number : number + 1])

    @property
    def state(self) -> State:
        """The newest state; the same object until a partition has a newer one."""
        if len(self.partitions) == 1:
            return self.partitions[0].state
        states = tuple(newest.state for newest in self.partitions)
        if any(state is not before for state, before in zip_longest(states, self._made_of)):
            self._made_of, self._made = states, _together(states)
        return self._made

    @property
    def age_s(self) -> float:
        """Seconds since the newest assessment; of several partitions, that of the oldest that is fresh."""
        fresh = [newest.age_s for newest in self.partitions if newest.state.failure is None]
        return max(fresh or [newest.age_s for newest in self.partitions])

    async def settled(self) -> State:
        """Return the newest state; right after the start wait for the first word of every loop, not for long."""
        await asyncio.gather(*(newest.settled() for newest in self.partitions))
        return self.state


def _together(states: tuple[State, ...]) -> State:
    fresh: dict[int, Assessment] = {}
    last: dict[int, Assessment] = {}
    alerts: list[Alert] = []
    for number, state in enumerate(states):
        alerts += of_partition(state.alerts, number)
        if state.assessment is not None:
            last[number] = state.assessment
            if state.failure is None:
                fresh[number] = state.assessment
    known = fresh or last
    away = {number: state.failure.finding() for number, state in enumerate(states) if state.failure is not None}
    return State(
        assessment=together(known, away) if known else None,
        # Only when nothing is fresh is there no answer.
        failure=None if fresh else states[0].failure,
        alerts=in_order(alerts),
        partitions=states,
    )
