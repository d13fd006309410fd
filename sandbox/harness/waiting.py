"""Waiting for a condition, never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], timeout_s: float = 20.0, what: str = "the condition") -> T:
    """Return the condition's first true answer.

    Raises: AssertionError: there was none within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout_s} s; last: {answer!r}")
        time.sleep(0.02)
