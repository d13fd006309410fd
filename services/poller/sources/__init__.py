"""All kinds of sources, listed here: each plays the role of services/poller/source.py.

Promises that a source which can't be read says so by an error or a BAD value, and that it holds up no other. Must not
know: its group, the outbox, or Redis.
"""

from typing import Annotated, TypeAlias

from pydantic import Field

from services.poller.source import SourceModel
from services.poller.sources.opcua.model import OpcuaModel
from services.poller.sources.replay import ReplayModel
from services.poller.sources.simulator import SimulatorModel

#: `type` in `[group.source]` -> the keys of that kind.
SOURCE_MODELS: dict[str, type[SourceModel]] = {"simulator": SimulatorModel, "replay": ReplayModel, "opcua": OpcuaModel}

AnySource: TypeAlias = Annotated[SimulatorModel | ReplayModel | OpcuaModel, Field(discriminator="type")]
