"""What `type = "opcua"` makes: a source that reads or subscribes.

What speaks the protocol is imported only when such a group is built.
"""

from pathlib import Path

from services.poller.news import Tell, nobody
from services.poller.source import DEFAULT_INTERVAL_S, SourceError, TagSource
from services.poller.sources.opcua.keys import OpcuaKeys


class OpcuaModel(OpcuaKeys):
    """`type = "opcua"`, as a group has it."""

    def build(self, group: str, interval_s: float | None, directory: Path, tell: Tell = nobody) -> TagSource:
        """Return the source; relative paths begin at the directory."""
        # Only a group that needs it pays for the import.
        from services.poller.sources.opcua.polled import PolledServer  # noqa: PLC0415
        from services.poller.sources.opcua.subscribed import SubscribedServer  # noqa: PLC0415

        kind = PolledServer if self.access == "read" else SubscribedServer
        return kind(self, group, interval_s or DEFAULT_INTERVAL_S, directory, tell)

    async def check(self, group: str, directory: Path) -> list[str]:
        """Return what is wrong with the files that are named; no server is asked."""
        from services.poller.sources.opcua.wire.security import check_files  # noqa: PLC0415

        del group
        problems = check_files(self, directory)
        try:
            self.tags.listed(directory)
        except SourceError as error:
            problems.append(str(error))
        return problems
