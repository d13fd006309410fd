"""What is in the way of more. Pure, but for the number of cores."""

import os
from collections.abc import Mapping

#: Share of a core, or of all cores, from which on it counts as used up.
_FULL = 0.9


def bottleneck(cores: Mapping[str, float], others: float, available: int) -> str:
    """Return what is in the way of more, for people.

    Args: cores: what each process uses; one works on its values in one thread at a time (Redis by design, Python by its
    lock), so that a core is the most it can use. others: cores that the rest of the machine uses. available: all cores.
    """
    busiest = max(cores, key=lambda name: cores[name])
    used = sum(cores.values())
    shares = f"{used:.2f} of {available} cores are used by the pipeline, {others:.2f} by others"
    if cores[busiest] >= _FULL:
        return f"{busiest}: it uses {cores[busiest]:.2f} cores, and works in one thread at a time"
    if used + others >= _FULL * available:
        return f"the processor: {shares}"
    return f"the flow: {shares}, and nobody uses one up ({busiest} {cores[busiest]:.2f}); so somebody waits"


def is_processor_used_up(cores: Mapping[str, float], others: float, available: int) -> bool:
    """Tell whether more would need more processor: a core that one process needs whole, or all of them."""
    return max(cores.values()) >= _FULL or sum(cores.values()) + others >= _FULL * available


def available_cores() -> int:
    """Return the cores that programs may use here."""
    return len(os.sched_getaffinity(0))
