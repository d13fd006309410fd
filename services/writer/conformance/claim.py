"""What is claimed of Oracle, and what became of the claim. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from shared.errors import PipelineError

P = TypeVar("P")


class State(Enum):
    """How a claim fared."""

    HOLDS = "holds"
    DIFFERS = "differs"
    NOT_TRIED = "not tried"


class DiffersError(PipelineError):
    """Oracle did something else; the text says what was seen."""


class NotTriedError(PipelineError):
    """The claim could not be tried; the text says why."""


@dataclass(frozen=True)
class Claim(Generic[P]):
    """One thing that is taken for granted.

    relied_on_by: the function or class that would go wrong, by its full name. probe: returns what was seen. early: what
    is done for it before any claim is tried, since it takes minutes to come true.
    """

    name: str
    text: str
    relied_on_by: str
    probe: Callable[[P], str]
    early: Callable[[P], None] | None = None


class Claims(list[Claim[P]]):
    """The claims of a module, in the order in which they are tried. Each is its probe, and the docstring its text."""

    def relied_on_by(
        self, whom: str, early: Callable[[P], None] | None = None
    ) -> Callable[[Callable[[P], str]], Callable[[P], str]]:
        """Return what makes a claim of a probe, called as the function is."""

        def add(probe: Callable[[P], str]) -> Callable[[P], str]:
            self.append(Claim(probe.__name__.replace("_", "-"), probe.__doc__ or "", whom, probe, early))
            return probe

        return add


@dataclass(frozen=True)
class Result:
    """What became of a claim; `seen` is what was seen, or why it was not tried."""

    name: str
    text: str
    relied_on_by: str
    state: State
    seen: str
    took_s: float


def expect(condition: object, seen: str) -> None:
    """Go on where a condition is met. Raises: DiffersError: it is not; `seen` says what was there instead."""
    if not condition:
        raise DiffersError(seen)
