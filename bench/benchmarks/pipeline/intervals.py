"""Ten polling groups at once: do their polls begin when they are due?"""

import time

from bench.figures import Goal, Section
from bench.stage import Stage

GROUPS, TAGS_PER_S = 10, 3491


def run(*, quick: bool) -> Section:
    """Poll ten groups with the whole pipeline behind them, at short intervals."""
    seconds = 6.0 if quick else 12.0
    section = Section(
        "intervals",
        "11. Poll intervals",
        f"{GROUPS} FIXED groups at once, together {TAGS_PER_S:,} simulated tags a second, with consumer, writer and "
        "monitor running. Lateness: how long after it was due a poll began; p99 of the worst group.",
    )
    for interval_ms in (100, 200, 500):
        with Stage() as stage:
            services = [stage.start_and_wait(role) for role in ("monitor", "writer", "consumer")]
            services.append(stage.poll(TAGS_PER_S * interval_ms // (1000 * GROUPS), interval_ms, GROUPS))
            time.sleep(seconds)
            groups = stage.polling_groups()
            stage.stop(*reversed(services))
        late_ms = max(group.late_p99_ms or 0.0 for group in groups)
        section.add(f"{interval_ms} ms: lateness p99", [late_ms], "ms", 1, Goal(at_most=0.1 * interval_ms))
        section.add(f"{interval_ms} ms: polls skipped", [sum(group.skipped for group in groups)], "", 0,
                    Goal(at_most=0))  # fmt: skip
    return section
