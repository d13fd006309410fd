"""What a writer can do just now, by what it says. No I/O, no clock."""

from typing import Any

from services.monitor.read.overview import Service
from shared.records.heartbeats import BackupState, BreakerState, OracleState, WriterStatus


def is_stuck(writer: Service[WriterStatus]) -> bool:
    """Tell whether a writer can bring values nowhere: neither to Oracle nor to the backup."""
    status = writer.status
    away = status.oracle in {OracleState.AWAY, OracleState.CONFIGURATION}
    return away and status.backup == BackupState.FAILING


def is_paused(service: Service[Any]) -> bool:
    """Tell whether a person wants a process to take nothing up."""
    return service.process is not None and service.process.state == "paused"


def writes(writer: Service[WriterStatus]) -> bool:
    """Tell whether a writer writes to Oracle just now; a breaker of which nothing is said is closed."""
    status = writer.status
    return status.oracle == OracleState.OK and status.breaker in {None, BreakerState.CLOSED}
