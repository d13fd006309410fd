"""Actions as the API answers them, and what a person may ask for."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from services.monitor.api.answers.schemas import Answer, Count, moment_if_known
from services.monitor.assess.humanize import moment
from services.monitor.read.overview import KnownAction


class ActionEntry(Answer):
    """Something that a person asked for, and what becomes of it."""

    id: str = Field(description="Its name in paths", examples=["6f3a90c2d1e47b58"])
    kind: str = Field(description="What is to be done", examples=["recover"])
    target: str | None = Field(
        description="What it is about: a file, `role:name`, a polling group; null for all", examples=[None]
    )
    options: dict[str, bool | int | float | str] = Field(description="As asked for", examples=[{"rate": 2000.0}])
    state: str = Field(description="requested, running, done, failed, stopped or expired", examples=["running"])
    asked_by: str = Field(description="Who asked, and from where", examples=["operator at 10.0.0.7"])
    asked_at: AwareDatetime = Field(description="When, UTC", examples=["2025-11-02T14:30:52.123000Z"])
    started_at: datetime | None = Field(description="When it was begun with", examples=["2025-11-02T14:30:53Z"])
    ended_at: datetime | None = Field(description="When it ended", examples=[None])
    owner: str | None = Field(description="Who carries it out, `role:name`", examples=["writer:plant-1"])
    done: Count | None = Field(description="How far it is, in `unit`, of `total`", examples=[12_500])
    total: Count | None = Field(description="How much there is to do; null where nobody knows", examples=[50_000])
    unit: str | None = Field(description="What is counted", examples=["rows"])
    outcome: str | None = Field(description="What came of it, one sentence", examples=[None])
    stop_asked_by: str | None = Field(description="Who wants it to stop", examples=[None])
    place: str | None = Field(description="Of files: the name of their directory", examples=["90c2d1e47b586f3a"])
    partition: int | None = Field(description="Which one it is about, where there are several", examples=[None])

    @classmethod
    def of(cls, known: KnownAction) -> Self:
        """Return an action as it is answered."""
        action = known.action
        return cls.like(
            action,
            asked_at=moment(action.asked_at),
            started_at=moment_if_known(action.started_at),
            ended_at=moment_if_known(action.ended_at),
            partition=known.partition,
        )


class Asked(ActionEntry):
    """The action that was asked for; where it takes several, because files lie in several places, the others too."""

    others: list[ActionEntry] = Field(
        default_factory=list, description="Further ones of the same request", examples=[[]]
    )
    partitions_away: list[int] = Field(
        default_factory=list,
        description="Partitions of which nothing was asked, since their Redis is away: ask again once it is back",
        examples=[[]],
    )


class Actions(Answer):
    """The actions that are open, and those that ended last."""

    items: list[ActionEntry] = Field(description="Newest first", examples=[[]])


class Request(BaseModel):
    """What every request for an action may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: int | None = Field(
        default=None, ge=0, description="Only this one, where there are several", examples=[None]
    )

    def options(self) -> dict[str, Any]:
        """Return what it says beyond the target and the partition, without what is as always."""
        return self.model_dump(exclude={"partition", "target"}, exclude_defaults=True, exclude_none=True)


class RecoverRequest(Request):
    """Put backup files into the table."""

    target: str | None = Field(
        default=None,
        max_length=400,
        description="One file, by its name in `/api/backups`; else all that wait",
        examples=["backup_20251102_143052.csv"],
    )
    rate: float | None = Field(
        default=None,
        ge=0.1,
        le=1e9,
        description="Rows a second at most, so that live values do not wait",
        examples=[2000.0],
    )
    dry_run: bool = Field(default=False, description="Read, count and look up; write nothing", examples=[False])
    anyway: bool = Field(
        default=False,
        description="Files too that were meant for another table, or changed since then",
        examples=[False],
    )


class ServiceRequest(Request):
    """Something about processes."""

    target: str = Field(
        max_length=200,
        pattern=r"^(writer|consumer)(:.+)?$",
        description="`role:name` of one process, or the role alone for all that live",
        examples=["writer:plant-1"],
    )


class ForgetServiceRequest(Request):
    """A process that is dead."""

    target: str = Field(max_length=200, pattern=r"^[a-z]+:.+$", description="`role:name`", examples=["writer:plant-1"])


class ForgetGroupRequest(Request):
    """A polling group that is gone."""

    plc_code: str = Field(max_length=300, description="Its PLC", examples=["PLC01"])
    group_name: str = Field(max_length=300, description="Its name", examples=["line 1"])


#: What stands for one row or message, and for a code.
_Id = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
_Code = Annotated[str, StringConstraints(pattern="^[A-Z][A-Z0-9_-]{1,19}$")]

#: Rows or messages that one request names at most.
MAX_NAMED = 200


class _Choice(Request):
    """Which of those that were rejected are meant; all where none is named."""

    ids: list[_Id] = Field(
        default_factory=list,
        max_length=MAX_NAMED,
        description="Only those with one of these ids in `/api/rejections`",
        examples=[["9f86d081884c7d65"]],
    )
    codes: list[_Code] = Field(
        default_factory=list, max_length=64, description="Only those with one of these codes", examples=[["ORA-12899"]]
    )

    def options(self) -> dict[str, Any]:
        """Return it with words in one text in place of lists."""
        said = super().options()
        return {
            name: " ".join(sorted(set(found))) if isinstance(found, list) else found for name, found in said.items()
        }


class MessagesRequest(_Choice):
    """Put rejected messages and tags back on the DataQueue, or drop them."""


class RejectedFileRequest(_Choice):
    """Retry or set aside the rows of a file of rejected rows."""

    target: str = Field(
        max_length=400, description="The file, by its name in `/api/backups`", examples=["rejected_20251102_143052.csv"]
    )


class RetryRejectedFileRequest(RejectedFileRequest):
    """Put the rows of a file of rejected rows into the table."""

    anyway: bool = Field(
        default=False,
        description="Though it was meant for another table, or times in it were changed",
        examples=[False],
    )
