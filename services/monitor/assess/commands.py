"""Commands in remedies, as they work where the remedy is read: in a shell, in Compose, beside the demo. No I/O."""

import re
from dataclasses import dataclass
from typing import Self

from services.monitor.settings import USUAL_COMMAND, MonitorSettings

_COMMAND = re.compile(r"python -m services\.(\w+)(`?)")


@dataclass(frozen=True)
class Commands:
    """How a person runs a command of a service here, and how one starts it; `{service}` is its name."""

    run: str = USUAL_COMMAND
    start: str = USUAL_COMMAND

    @classmethod
    def of(cls, settings: MonitorSettings) -> Self:
        """Return them as the settings say."""
        return cls(settings.monitor_command, settings.monitor_start_command)

    def said(self, text: str) -> str:
        """Return a text with the commands of here.

        >>> here = Commands("docker compose run --rm {service}", "docker compose up -d {service}")
        >>> here.said("Start it: `python -m services.writer`; else `python -m services.writer check`.")
        'Start it: `docker compose up -d writer`; else `docker compose run --rm writer check`.'
        """
        if self == Commands():
            return text
        return _COMMAND.sub(self._here, text)

    def _here(self, found: re.Match[str]) -> str:
        # Nothing stands behind the name of a service that is to be started.
        service, end = found.groups()
        return (self.start if end else self.run).replace("{service}", service) + end
