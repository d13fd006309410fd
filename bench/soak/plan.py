"""What a run is to be."""

from dataclasses import dataclass

#: What the plant's tags make: values a second, and values an hour.
PLANT_RATE = 3491
PLANT_HOUR = PLANT_RATE * 3600

#: Share of the rows' time in which processes are killed and restarted; afterwards they live on and are followed.
KILLING = 1 / 3

#: Share that is warm-up: of the run, and again of it after a process was started anew.
WARM_UP = 0.1


@dataclass(frozen=True)
class Plan:
    """How much, how fast, and what is never exceeded."""

    hours: float  #: of the plant
    rate: int  #: values/s
    interval_ms: int  #: between two polls
    every_s: float  #: between two faults
    sample_s: float = 5.0
    table_rows: int = 4_000_000  #: at which the table is checked and emptied; 190 bytes each in the stand-in
    disk_bytes: int = 8 * 1024**3

    @property
    def values(self) -> int:
        """Values to be polled."""
        return round(self.hours * PLANT_HOUR)

    @property
    def tags(self) -> int:
        """Tags of a poll."""
        return self.rate * self.interval_ms // 1000

    @property
    def most_s(self) -> float:
        """Seconds after which it ends whatever was reached."""
        return 600 + 4 * self.values / self.rate

    @property
    def settle_s(self) -> float:
        """Seconds after a fault that are no rest yet."""
        return self.every_s / 3
