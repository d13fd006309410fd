"""What a benchmark finds: figures with their goals, in sections."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.measure import Series


@dataclass(frozen=True)
class Goal:
    """Where a figure should be; one of the two is given."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met_by(self, value: float) -> bool:
        """Tell whether a figure is there."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True)
class Figure:
    """One line of a section's table. A goal is held against the median."""

    name: str
    series: Series
    unit: str = ""
    digits: int = 2
    goal: Goal | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.goal is None else self.goal.is_met_by(self.series.median)


@dataclass
class Section:
    """What one benchmark found. `how`: what was done, in a sentence or two; `notes`: what explains the figures."""

    name: str
    title: str
    how: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, name: str, values: Iterable[float], unit: str = "", digits: int = 2, goal: Goal | None = None
    ) -> None:
        """Add a figure that was measured one or more times."""
        self.figures.append(Figure(name, Series.of(values), unit, digits, goal))
