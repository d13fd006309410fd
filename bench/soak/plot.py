"""What might grow, over time."""

from pathlib import Path

from bench.soak.looks import Looks
from bench.soak.samples import Samples


def plot(samples: Samples, path: Path) -> None:
    """Draw all quantities, with the faults."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - `make soak` alone installs it

    panels = [
        ("memory of the services (PSS), MB", _names(samples, "memory, MB", "poller", "consumer", "writer", "monitor")),
        ("open files of the services", _names(samples, "open files")),
        ("threads of the services", _names(samples, "threads")),
        ("Redis: memory, MB", ["Redis: memory, MB"]),
        ("Redis: append-only file, MB", ["Redis: append-only file, MB"]),
        ("sessions at Oracle", ["Oracle: sessions"]),
        ("values in the buffer", ["buffer: values"]),
        ("age of values when written, ms: mean, and 99 % below", [Looks.AGE, Looks.AGE_P99]),
    ]
    figure, axes = plt.subplots(len(panels), 1, figsize=(10, 2.3 * len(panels)), sharex=True, layout="constrained")
    for axis, (title, names) in zip(axes, panels, strict=True):
        for name in names:
            points = samples.series.get(name, [])
            axis.plot([point.at_s / 60 for point in points], [point.value for point in points],
                      label=name.split(":")[0], linewidth=1)  # fmt: skip
        for at_s, _ in samples.faults:
            axis.axvline(at_s / 60, color="tab:red", linewidth=0.5, alpha=0.5)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_ylim(bottom=0)
        if len(names) > 1:
            axis.legend(fontsize=8, ncols=4)
    axes[-1].set_xlabel("minutes; a red line is a fault")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _names(samples: Samples, ending: str, *roles: str) -> list[str]:
    return [name for name in samples.series if name.endswith(ending) and (not roles or name.startswith(roles))]
