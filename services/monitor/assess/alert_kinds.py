"""Every alert there is, as `alert_kinds.toml` has it: how bad it is, what it means and what to do."""

from enum import StrEnum
from pathlib import Path

import msgspec


class Severity(StrEnum):
    """How bad an alert is."""

    CRITICAL = "critical"  #: values are lost, or will be unless a person acts
    WARNING = "warning"  #: nothing is lost; a person should look


class Status(StrEnum):
    """How the pipeline is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  #: nothing is being lost, but a person should look
    UNHEALTHY = "unhealthy"  #: values are being lost, or will be when the buffer is full


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of alert."""

    severity: Severity  #: as a rule; a finding may be worse
    cause: str  #: when it is raised
    remedy: str  #: what a person does about it
    hold_s: float = 0.0  #: seconds that the cause must last before anyone is told: shorter ones are no news
    #: What it makes of the pipeline's health, where that is not what its severity says: some concern single rows, files
    #: or groups, while values are written.
    status: Status | None = None


#: By code, the ones to look at first in front.
KINDS = msgspec.toml.decode(Path(__file__).with_suffix(".toml").read_bytes(), type=dict[str, Kind])
