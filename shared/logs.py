"""One line for each event on stderr: for people (console) or for machines (json)."""

import logging
import sys
from typing import Any

import structlog


def configure_logs(level: str, log_format: str) -> None:
    """Set up logging for the process; `log_format` is console or json."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger() -> structlog.stdlib.BoundLogger:
    """Return the logger; it takes on what `configure_logs` says later."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger
