"""Waiting for a condition, never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class StuckError(RuntimeError):
    """What was waited for did not come; the text says what it was."""


def wait_until(
    condition: Callable[[], T | None],
    timeout_s: float = 20.0,
    what: str = "the condition",
    *,
    pause: Callable[[float], object] = time.sleep,
    every_s: float = 0.02,
) -> T:
    """Return the condition's first true answer.

    Args: pause: lets so many seconds pass between two looks; it may raise to say that waiting has become useless.

    Raises: StuckError: there was no such answer within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise StuckError(f"waited {timeout_s:g} s in vain for {what}; the last answer was {answer!r}")
        pause(every_s)
