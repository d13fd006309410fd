"""All kinds of sources: one file each, listed here."""

from typing import Annotated, TypeAlias

from pydantic import Field

from services.poller.source import SourceModel
from services.poller.sources.opcua import OpcuaModel
from services.poller.sources.replay import ReplayModel
from services.poller.sources.simulator import SimulatorModel

#: `type` in `[group.source]` -> the keys of that kind.
SOURCE_MODELS: dict[str, type[SourceModel]] = {
    "simulator": SimulatorModel,
    "replay": ReplayModel,
    "opcua": OpcuaModel,
}

AnySource: TypeAlias = Annotated[SimulatorModel | ReplayModel | OpcuaModel, Field(discriminator="type")]
