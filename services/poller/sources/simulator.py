"""A plant that never was: drifting, noisy, stepping, boolean and text tags, now and then one that can't be read.

The same seed gives the same values, poll by poll, whatever the time. Numbers are kept as whole thousandths, so that
every value is short as text and a poll of 100,000 tags takes some tens of milliseconds.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal, TypeAlias

from pydantic import Field

from services.poller.news import Tell, nobody
from services.poller.source import Reading, SourceModel, TagSource
from shared.models import Scalar

#: What the tags are, by turns: every kind among the first five, most of them drifting.
KINDS = ("drift", "noise", "step", "bool", "text", *("drift", "drift", "noise", "drift", "drift") * 2, *("drift",) * 5)

#: States of a text tag; one is not ASCII, as in many plants.
TEXTS = ("RUN", "STOP", "IDLE", "ALARM", "점검중")

#: Chance of a stepping, boolean or text tag to change at a poll.
CHANGE_RATIO = 0.02

#: How strongly a drifting tag is pulled back to its middle: one part in so many a poll.
_PULL = 128

#: Tags of one kind that are made, and read, in one go: the other groups have their turn in between.
_BLOCK_TAGS = 10_000

#: Random steps made once and used again from a random place at every poll: far quicker than new ones for every tag.
_MIN_STEPS = 4096


class SimulatorModel(SourceModel):
    """`type = "simulator"`."""

    type: Literal["simulator"]
    tags: int = Field(100, ge=1, le=1_000_000)
    seed: int = 0
    bad_ratio: float = Field(0.001, ge=0, le=1, allow_inf_nan=False)
    prefix: str = Field("D", min_length=1, max_length=50)
    polls: int | None = Field(None, ge=1)

    def build(self, group: str, interval_s: float | None, directory: Path, tell: Tell = nobody) -> "Simulator":
        """Return the plant."""
        del group, interval_s, directory, tell
        return Simulator(self)

    def describe(self, interval_s: float | None, pace: str) -> str:
        """Return how many tags, how often."""
        del interval_s
        return f"simulator of {self.tags} tags {pace}"


#: All tags of one kind: returns the next value of each.
_Block: TypeAlias = Callable[[], Sequence[Scalar]]


def _drift(count: int, random: Random) -> _Block:
    """Walk at random around a middle, as temperatures and levels do."""
    middles = [random.randrange(10_000, 5_000_000) for _ in range(count)]
    levels = list(middles)
    steps = [round(random.gauss(0, 400)) for _ in range(count + _MIN_STEPS)]

    def read() -> list[Scalar]:
        first = random.randrange(_MIN_STEPS)
        levels[:] = [
            level + step - (level - middle) // _PULL
            for level, step, middle in zip(levels, steps[first:], middles, strict=False)
        ]
        return [level / 1000 for level in levels]

    return read


def _noise(count: int, random: Random) -> _Block:
    """Scatter around a fixed point, as a controlled pressure does."""
    middles = [random.randrange(1_000, 500_000) for _ in range(count)]
    steps = [round(random.gauss(0, 250)) for _ in range(count + _MIN_STEPS)]

    def read() -> list[Scalar]:
        first = random.randrange(_MIN_STEPS)
        return [(middle + step) / 1000 for middle, step in zip(middles, steps[first:], strict=False)]

    return read


def _choice(choices: Sequence[Scalar], count: int, random: Random) -> _Block:
    """Stay at one of a few values and change now and then, as setpoints, contacts and states do."""
    levels = [random.choice(choices) for _ in range(count)]

    def read() -> list[Scalar]:
        for index in _some(count, CHANGE_RATIO, random):
            levels[index] = random.choice(choices)
        return levels

    return read


#: By the kind of tags, what makes them.
_BLOCKS: dict[str, Callable[[int, Random], _Block]] = {
    "drift": _drift,
    "noise": _noise,
    "step": partial(_choice, [step * 25 for step in range(9)]),
    "bool": partial(_choice, [False, True]),
    "text": partial(_choice, TEXTS),
}


class Simulator(TagSource):
    """The plant of one polling group."""

    def __init__(self, model: SimulatorModel) -> None:
        self._model = model
        self._random = Random(model.seed)
        self._addresses: list[str] = []
        self._blocks: list[tuple[Sequence[str], _Block]] = []
        self._polls = 0

    async def open(self) -> None:
        """Build the plant: a large one takes seconds."""
        if not self._blocks:
            await asyncio.to_thread(self._build)

    async def read(self) -> Reading | None:
        """Return the next value of every tag; None after the number of polls that was asked for."""
        if self._polls == self._model.polls:
            return None
        await self.open()
        self._polls += 1
        reading = Reading({})
        for addresses, block in self._blocks:
            reading.values.update(zip(addresses, block(), strict=True))
            # A large plant takes a while: the other groups' polls are due meanwhile.
            await asyncio.sleep(0)
        self._spoil(reading)
        return reading

    def _build(self) -> None:
        """Make the addresses, ordered by kind, and the blocks in the same order."""
        by_kind: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for number in range(self._model.tags):
            by_kind[KINDS[number % len(KINDS)]].append(f"{self._model.prefix}{100 + number}")
        for kind, addresses in by_kind.items():
            for first in range(0, len(addresses), _BLOCK_TAGS):
                some = addresses[first : first + _BLOCK_TAGS]
                self._blocks.append((some, _BLOCKS[kind](len(some), self._random)))
        self._addresses = [address for addresses in by_kind.values() for address in addresses]

    def _spoil(self, reading: Reading) -> None:
        """Make some tags BAD: by turns without a value and with an error."""
        for turn, index in enumerate(_some(len(self._addresses), self._model.bad_ratio, self._random)):
            address = self._addresses[index]
            if turn % 2:
                reading.values[address] = None
            else:
                del reading.values[address]
                reading.errors[address] = "simulated: no answer"


def _some(count: int, ratio: float, random: Random) -> list[int]:
    """Return each of 0..count-1 with the chance `ratio`, rising; takes time only for those that it returns."""
    if ratio >= 1:
        return list(range(count))
    chosen: list[int] = []
    if ratio <= 0:
        return chosen
    scale = 1 / math.log1p(-ratio)
    index = -1
    while True:
        # The gap between two hits has a geometric distribution. 1 - random() is never 0.
        index += 1 + int(math.log(1.0 - random.random()) * scale)
        if index >= count:
            return chosen
        chosen.append(index)
