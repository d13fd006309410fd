"""What a stand-in has cost the machine: its memory, its processor time. Neither depends on who else is busy."""

import os
from pathlib import Path

from oracle_stand_in.process import OracleStandIn


def _proc(stand_in: OracleStandIn, name: str) -> str:
    assert stand_in.process is not None
    return Path(f"/proc/{stand_in.process.pid}/{name}").read_text()


def memory_kb(stand_in: OracleStandIn) -> int:
    """Return what it holds in memory."""
    return int(_proc(stand_in, "status").partition("VmRSS:")[2].split()[0])


def processor_s(stand_in: OracleStandIn) -> float:
    """Return the seconds of processor time that it has taken since its start."""
    user, system = _proc(stand_in, "stat").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
