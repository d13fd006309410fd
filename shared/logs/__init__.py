"""One line for each event on stderr: for people (console) or for machines (json).

Logging never fails or blocks its caller (`stream.py`), and no kind of line floods the log (`limit.py`: how to
choose the kind). What the libraries log, from warnings on, takes the same way.
"""

import atexit
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.logs.limit import LineLimit
from shared.logs.stream import flush_standard_streams, secure_standard_streams
from shared.texts import tamed

#: Characters of a line and of a traceback that are logged: texts from outside have no bound of their own.
MAX_EVENT, MAX_TRACEBACK = 4_000, 20_000

#: A line break goes on indented, so that nobody takes what follows for a new line.
_CONTINUED = "\n    "


def configure_logs(level: str, log_format: str) -> None:
    """Set up logging for the process; `log_format` is console or json."""
    secure_standard_streams()
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            _limit,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _cut,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_ToOurLog()], level=logging.WARNING, force=True)
    atexit.register(flush_logs)


def get_logger() -> structlog.stdlib.BoundLogger:
    """Return the logger; it takes on what `configure_logs` says later."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger


def flush_logs() -> None:
    """Say what was left out, and wait for the last lines: AT_END_S at most, and not for a place that refuses them."""
    _limit.say_left_out(at_once=True)
    flush_standard_streams()


def _say(level: str, text: str) -> None:
    get_logger().log(logging.getLevelNamesMapping()[level.upper()], text, kind=None)


_limit = LineLimit(_say)


def _cut(_logger: Any, _level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    text = str(event.get("event", ""))
    more = f"... ({len(text) - MAX_EVENT} characters more)" if len(text) > MAX_EVENT else ""
    event["event"] = text[:MAX_EVENT] + more
    trace = event.get("exception")
    if isinstance(trace, str) and len(trace) > MAX_TRACEBACK:
        # The end of a traceback says what it was.
        event["exception"] = f"({len(trace) - MAX_TRACEBACK} characters left out)...{trace[-MAX_TRACEBACK:]}"
    # A name or an error text from outside must not forge a line of ours, nor reach the terminal's own language.
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = _CONTINUED.join(map(tamed, value.split("\n")))
    return event


class _ToOurLog(logging.Handler):
    """Brings what the libraries log into our log, in its form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        try:
            kind = (record.pathname, record.lineno)
            get_logger().log(
                record.levelno // 10 * 10, record.getMessage(), logger=record.name, exc_info=record.exc_info, kind=kind
            )
        except Exception:  # noqa: BLE001 - a library's mistake in a log call is none of its caller's
            self.handleError(record)
