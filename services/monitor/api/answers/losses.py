"""`GET /api/losses`: what was lost and nobody has acknowledged, and who acknowledged last. No I/O, no clock."""

from datetime import datetime

from pydantic import Field

from services.monitor.api.answers.listings import OverflowEpisode
from services.monitor.api.answers.schemas import Answer, Count, moment_if_known
from services.monitor.assess.findings.losses import find_losses, unacknowledged, unacknowledged_overflows
from services.monitor.read.overview import Overview


class LossEntry(Answer):
    """One kind of loss, as its alert tells it."""

    code: str = Field(description="Which alert; docs/alerts.md lists all", examples=["values_lost"])
    message: str = Field(
        description="What is lost, with times and tags where they are known",
        examples=["1,200 values overflowed and are lost (0.033 % of all)"],
    )
    since: datetime | None = Field(description="When it began, UTC; null where nobody knows", examples=[None])


class Losses(Answer):
    """What was lost and nobody has acknowledged."""

    losses: list[LossEntry] = Field(description="Empty when nothing was lost that nobody knows of", examples=[[]])
    values_lost: Count = Field(description="Values that overflowed, exactly", examples=[1200])
    episodes: list[OverflowEpisode] = Field(
        description="The overflow episodes of these values that are kept, the newest first", examples=[[]]
    )
    acknowledged_at: datetime | None = Field(description="When losses were acknowledged last, UTC", examples=[None])
    acknowledged_by: str | None = Field(description="By whom", examples=["operator at 10.0.0.7"])


def losses(overview: Overview) -> Losses:
    """Return the losses that are not acknowledged."""
    known = overview.acknowledged
    return Losses(
        losses=[LossEntry.like(found, since=moment_if_known(found.since)) for found in find_losses(overview)],
        values_lost=unacknowledged(overview).overflowed,
        episodes=[OverflowEpisode.like(episode) for episode in unacknowledged_overflows(overview)],
        acknowledged_at=moment_if_known(known.at),
        acknowledged_by=known.by,
    )
