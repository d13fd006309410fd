"""What was seen over time, in memory and in a file that outlives a run that is killed."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.soak.trend import Point


@dataclass
class Samples:
    """The observations of one run. Each is a line of JSON in the file as soon as it is made."""

    about: dict[str, Any] = field(default_factory=dict)  #: what was run, for people and for who judges
    series: dict[str, list[Point]] = field(default_factory=dict)
    faults: list[tuple[float, str]] = field(default_factory=list)
    starts: list[tuple[float, str]] = field(default_factory=list)  #: when which service was started anew
    checks: list[tuple[float, int]] = field(default_factory=list)  #: when so many rows were checked and taken away
    end: dict[str, Any] = field(default_factory=dict)  #: what became of all values; empty: the run was cut short
    file: Path | None = None

    @classmethod
    def into(cls, path: Path, about: dict[str, Any]) -> "Samples":
        """Begin a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        samples = cls(file=path)
        samples.note({"about": about})
        return samples

    @classmethod
    def read(cls, path: Path) -> "Samples":
        """Return what a run has seen; a last line that was cut short is left out."""
        samples = cls()
        for line in path.read_text("utf-8").split("\n")[:-1]:
            samples._take(json.loads(line))
        return samples

    @property
    def seconds(self) -> float:
        """How long it was looked at."""
        return max((points[-1].at_s for points in self.series.values()), default=0.0)

    def note(self, entry: dict[str, Any]) -> None:
        """Add an entry, one of: about; seen, with at_s and hours; fault, start, check, each with at_s; end."""
        self._take(entry)
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def _take(self, entry: dict[str, Any]) -> None:
        for name, value in entry.get("seen", {}).items():
            self.series.setdefault(name, []).append(Point(entry["at_s"], entry["hours"], value))
        for kind, found in (("fault", self.faults), ("start", self.starts), ("check", self.checks)):
            if kind in entry:
                found.append((entry["at_s"], entry[kind]))
        self.about |= entry.get("about", {})
        self.end |= entry.get("end", {})
