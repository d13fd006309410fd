"""What is worked out of something that seldom changes, worked out once: there may be thousands of it."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Memo(Generic[P, T]):
    """A function that answers with the same object until it is asked of something else. For one thread."""

    def __init__(self, make: Callable[P, T]) -> None:
        self._make = make
        self._made_of: Any = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what is made of these."""
        if (args, kwargs) != self._made_of:
            self._made, self._made_of = self._make(*args, **kwargs), (args, kwargs)
        return self._made
