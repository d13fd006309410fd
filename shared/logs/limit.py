"""A rate limit for every log line of a repeated kind, with a count of what it left out.

A kind is the place in the program that logs, so no caller need do anything: 50,000 junk requests are LINES lines and
one that says how many more there were. Where one place says things of different kinds, or is to say everything:

    _log.warning(f"{tag} can't be read", kind=group)   # a limit of its own for each group
    _log.error(problem, kind=None)                     # without a limit: for what has a bound of its own
"""

import sys
import threading
from collections.abc import Callable, Hashable, MutableMapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import structlog

#: Lines of one kind that are said within WINDOW_S seconds; further ones are counted, and said in one when it is over.
LINES, WINDOW_S = 20, 10.0

#: Kinds that are told apart; beyond, those of one place share its limit: names may come from outside.
MAX_KINDS = 1_000

#: Characters of the last line that stand beside the count.
_SHOWN = 200

#: Modules between a caller and us.
_OURS = ("structlog", "shared.log", "logging")


@dataclass
class _Window:
    began: float
    lines: int = 0
    left_out: int = 0
    level: str = "info"
    last: str = ""


class LineLimit:
    """A structlog processor that drops the lines above the limit; `say` is called with level and text of the counts."""

    def __init__(self, say: Callable[[str, str], None], clock: Callable[[], float] = monotonic) -> None:
        self._say = say
        self._clock = clock
        self._lock = threading.RLock()
        self._windows: dict[Hashable, _Window] = {}
        self._timer: threading.Timer | None = None

    def __call__(self, _logger: Any, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Let a line pass, or drop it. Raises: structlog.DropEvent."""
        place = _place()
        kind = event.pop("kind", place)
        if kind is None:
            return event
        with self._lock:
            window = self._window((place, kind))
            window.lines += 1
            if window.lines > LINES:
                window.left_out += 1
                window.level, window.last = level, str(event.get("event", ""))[:_SHOWN]
                self._say_later()
                raise structlog.DropEvent
        return event

    def say_left_out(self, *, at_once: bool = False) -> None:
        """Say how many lines were left out in windows that are over; `at_once`: in all."""
        now = self._clock()
        with self._lock:
            over = [window for window in self._windows.values() if at_once or now >= window.began + WINDOW_S]
            left_out = [(window.level, window.left_out, window.last) for window in over if window.left_out]
            for window in over:
                window.left_out = 0
        for level, count, last in left_out:
            self._say(level, f"{count} more lines like this were left out: {last}")

    def _say_later(self) -> None:
        """Have the counts said when the window is over, by one thread for all kinds."""
        if self._timer is not None:
            return
        self._timer = threading.Timer(WINDOW_S, self._say_what_is_due)
        self._timer.daemon = True
        try:
            self._timer.start()
        except RuntimeError:
            # Without a thread it is said at the end of the process; a log line must not fail for it.
            self._timer = None

    def _say_what_is_due(self) -> None:
        with self._lock:
            self._timer = None
        self.say_left_out()
        with self._lock:
            if any(window.left_out for window in self._windows.values()):
                self._say_later()

    def _window(self, kind: tuple[Hashable, Hashable]) -> _Window:
        now = self._clock()
        if kind not in self._windows and len(self._windows) >= MAX_KINDS:
            self._windows = {
                known: window
                for known, window in self._windows.items()
                if window.left_out or now < window.began + WINDOW_S
            }
            if len(self._windows) >= MAX_KINDS:
                kind = (kind[0], None)
        window = self._windows.get(kind)
        if window is None or now >= window.began + WINDOW_S:
            # What was left out and not said yet is carried on.
            window = self._windows[kind] = _Window(began=now, left_out=window.left_out if window else 0)
        return window


def _place() -> Hashable:
    """Return the file and line of whoever logs."""
    frame = sys._getframe(2)  # noqa: SLF001 - what the standard library's logging does
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
