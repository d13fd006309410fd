"""Writers side by side on one machine: do two give at least what one gives?"""

from bench.benchmarks.one_service.writer import drain
from bench.figures import Goal, Section
from bench.stage import Stage, rows, values_of

COUNTS = (1, 2, 4)

#: Milliseconds by which every answer of Oracle is late.
DELAYS_MS = (0, 5)


def run(*, quick: bool) -> Section:
    """Let 1, 2 and 4 writer processes drain a buffer, by turns."""
    count, repetitions = (200_000, 2) if quick else (600_000, 3)
    section = Section(
        "writers",
        "9b. Writers side by side",
        f"So many writer processes, default settings, drain a buffer of {count:,} values together, its cap raised; by "
        "turns, and ratios are those of one turn. The machine is one, and so is its Redis and its stand-in of Oracle.",
    )
    values = values_of(rows(count))
    with Stage() as stage:
        for delay_ms in DELAYS_MS:
            stage.stand_in.control.delay_ms(delay_ms)
            turns = [{number: drain(stage, values, writers=number) for number in COUNTS} for _ in range(repetitions)]
            name = f"answers {delay_ms} ms late" if delay_ms else "no delay"
            for number in COUNTS:
                label = f"{name}: {number} writer{'s' if number > 1 else ''}"
                section.add(label, [turn[number][0] for turn in turns], "rows/s", 0)
                section.add(f"{label}, CPU", [turn[number][1] for turn in turns], "s per million rows")
                if number > 1:
                    goal = Goal(at_least=1.0) if number == 2 else None
                    section.add(f"{label}, to one", [turn[number][0] / turn[1][0] for turn in turns], goal=goal)
    return section
