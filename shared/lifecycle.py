"""Start and stop: signals become a flag, mistakes become an exit status."""

import gc
import math
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, TypeVar

from shared.errors import FatalError, SettingsError
from shared.logs import configure_logs, flush_logs, get_logger
from shared.logs.stream import secure_standard_streams
from shared.settings.loading import load_settings
from shared.settings.models import ServiceSettings
from shared.texts import tamed

#: Exit status for wrong settings or arguments, and for everything else that a person must look at.
EXIT_SETTINGS, EXIT_FATAL = 2, 1

_STDIN = 0

#: What Python says where the system lets nobody have another thread.
_NO_THREAD = "start new thread"

#: Objects that may be in cycles which are made, less those that go, until the collector looks at them; Python's is 700.
_COLLECT_AFTER = 20_000

#: Seconds from the signal to the end at most; 5 are promised.
STOP_LIMIT_S = 4.7

S = TypeVar("S", bound=ServiceSettings)


class StopFlag:
    """A flag that is set once and on which any number of threads can wait.

    Made of a pipe instead of threading.Event, whose lock a signal handler may find taken by the very thread that it
    interrupted. One that is `within` another is set with it, too.
    """

    def __init__(self, within: "StopFlag | None" = None) -> None:
        self._reader, self._writer = os.pipe()
        self._set = False
        self._within = within

    def set(self) -> None:
        """Set the flag; every wait ends. Safe in a signal handler and to repeat."""
        if not self._set:
            self._set = True
            os.write(self._writer, b"!")

    def is_set(self) -> bool:
        """Tell whether the flag is set."""
        return self._set or (self._within is not None and self._within.is_set())

    def wait(self, wait_s: float) -> bool:
        """Wait until the flag is set, `wait_s` seconds at most; return whether it is."""
        if wait_s > 0 and not self.is_set():
            # poll instead of select: that one fails for descriptors from 1,024.
            flag = select.poll()
            flag.register(self._reader, select.POLLIN)
            if self._within is not None:
                flag.register(self._within.fileno(), select.POLLIN)
            flag.poll(None if wait_s == math.inf else wait_s * 1000)
        return self.is_set()

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def fileno(self) -> int:
        """Return a descriptor that is readable once the flag is set: for an event loop's add_reader."""
        return self._reader


@contextmanager
def stop_on_signals(limit_s: float | None = None) -> Iterator[StopFlag]:
    """Turn SIGTERM and SIGINT, and a terminal's end, into a flag; a second signal has its default action.

    With `limit_s` the process is ended when it has not come to its end so long after the signal: for services that hold
    nothing that is not in Redis too, and that an answer which never comes must not keep.
    """
    stop = StopFlag()
    over = threading.Event()
    if limit_s is not None:
        threading.Thread(target=_end_when_late, args=(stop, over, limit_s), name="stop-limit", daemon=True).start()

    def handle(signum: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signum, signal.SIG_DFL)

    ends = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        ends.append(signal.SIGHUP)
    before = {signum: signal.signal(signum, handle) for signum in ends}
    try:
        yield stop
    finally:
        over.set()
        stop.set()
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _end_when_late(stop: StopFlag, over: threading.Event, limit_s: float) -> None:
    stop.wait(math.inf)
    if not over.wait(limit_s):
        get_logger().error(f"Stopping took longer than {limit_s:g} s: leaving; what is left stays in Redis")
        leave(0)


def leave(status: int) -> NoReturn:
    """End the process now, whatever its threads do; only the last log lines are waited for, and not for long."""
    flush_logs()
    os._exit(status)


def _collect_seldom() -> None:
    """Let the collector of cycles look at what comes from now on, and not at every batch of values.

    They make no cycles, and there are more of them in a batch than its first generation holds by default.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def _pass_over_hangups() -> None:
    """Have SIGHUP end a service only where it may say that its terminal is gone.

    To a daemon it says that its log was rotated, or that it is to read its files anew: there is nothing to do for that,
    and its default action ends the process, which systemd takes for an end in good order.
    """
    if not os.isatty(_STDIN):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def run_service(settings_class: type[S], main: Callable[[S], int | None]) -> None:
    """Load the settings, set up logging, run `main`; leave the process with its exit status.

    Wrong settings: one line for each mistake on stderr and exit status 2, before anything is opened.
    """
    secure_standard_streams()
    _pass_over_hangups()
    try:
        settings = load_settings(settings_class)
    except SettingsError as error:
        for problem in error.problems:
            print(f"error: {tamed(problem)}", file=sys.stderr)  # noqa: T201 - logging is not set up without settings
        raise SystemExit(EXIT_SETTINGS) from None
    configure_logs(settings.log_level, settings.log_format)
    _collect_seldom()
    try:
        status = main(settings)
    except SettingsError as error:
        for problem in error.problems:
            get_logger().error(problem, kind=None)
        raise SystemExit(EXIT_SETTINGS) from None
    except FatalError as error:
        get_logger().critical(str(error))
        raise SystemExit(EXIT_FATAL) from None
    except Exception as error:  # noqa: BLE001 - said in the log's own form; the process ends
        limit = (
            " (the limit: pids_limit in Compose, TasksMax of systemd, ulimit -u)" if _NO_THREAD in str(error) else ""
        )
        get_logger().critical(f"Ending: {error!r}{limit}; what was in hand is in Redis", exc_info=True)
        raise SystemExit(EXIT_FATAL) from None
    raise SystemExit(status or 0)
