"""What every source of tag values is to its polling group.

A new kind of source is one file in `sources/` with two classes, its keys (`SourceModel`) and what reads (`TagSource`),
and one name in the list of `sources/__init__.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.poller.news import Tell, nobody
from shared.errors import PipelineError
from shared.models import Quality, Scalar

#: Seconds between two polls where a group does not say.
DEFAULT_INTERVAL_S = 1.0


class SourceError(PipelineError):
    """This source gives no more readings; its polling group ends, the others go on. The text says why."""


@dataclass(frozen=True)
class Reading:
    """What one poll read.

    `values`: None is BAD without a value. `errors`: tags that could not be read, with the reason; they are not in
    `values`. `timestamp`: None is stamped with the time at which the poll ended. `due_s`: seconds after the group's
    start at which a self-paced source's reading is to be emitted; None is at once. `trouble`: why the source as a whole
    could not be read this time. `lost`: readings that were lost on the way here since the last one, as far as the
    source knows. Without values and errors nothing is emitted.
    """

    values: dict[str, Scalar]
    errors: dict[str, str] = field(default_factory=dict)
    qualities: dict[str, Quality] = field(default_factory=dict)
    tag_timestamps: dict[str, datetime] = field(default_factory=dict)
    timestamp: datetime | None = None
    due_s: float | None = None
    trouble: str | None = None
    lost: int = 0


class TagSource:
    """Where the tags of one polling group are read."""

    #: True: readings say when they are due, and the group's interval is not used.
    self_paced = False

    #: True: readings wait for room. False: they go on as a plant does, and the oldest that wait are discarded.
    lossless = False

    async def open(self) -> None:
        """Get ready to read. Raises: SourceError: it can't be; the text says why."""

    async def read(self) -> Reading | None:
        """Return what the tags read now; None when there is nothing more to read, ever.

        Raises: SourceError: no further reading is possible.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of what `open` took, within a second; safe without an `open` and to repeat."""

    def status(self) -> Mapping[str, Any]:
        """Return what the monitor is to show of the source beside its group's figures; empty when there is nothing."""
        return {}


class SourceModel(BaseModel):
    """The keys of one kind of source in `[group.source]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def build(self, group: str, interval_s: float | None, directory: Path, tell: Tell = nobody) -> TagSource:
        """Return the source for the group of this name; opens nothing.

        Args:
            group: the group's name, for logs.
            interval_s: None where the group does not give one.
            directory: where relative paths begin.
            tell: hears of what operators should know, such as a server that is away.
        """
        raise NotImplementedError

    async def check(self, group: str, directory: Path) -> list[str]:
        """Return what is wrong with the files that the keys name; servers are not asked.

        Returns: one line each; empty when all is well.
        """
        source = self.build(group, None, directory)
        try:
            await source.open()
        except SourceError as error:
            return [str(error)]
        finally:
            await source.close()
        return []

    def files(self, directory: Path) -> list[Path]:
        """Return the files that make the source another one when they change."""
        del directory
        return []

    def notes(self) -> list[str]:
        """Return what is to be said of keys that are right, but not as they should be."""
        return []

    def polls_on_request(self) -> bool:
        """Tell whether a group of mode HANDSHAKE can read this source."""
        return True

    def default_plc_code(self) -> str | None:
        """Return the PLC code of a group that gives none; None when it must give one."""
        return None

    def describe(self, interval_s: float | None, pace: str) -> str:
        """Return what is read, and how often, for people. `pace`: how the group paces a source that does not itself."""
        raise NotImplementedError
