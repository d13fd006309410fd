"""Writes docs/settings.md from the settings classes: `make settings`. A test holds that it is up to date."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from services.consumer.settings import ConsumerSettings
from services.monitor.settings import MonitorSettings
from services.poller.settings import PollerSettings
from services.writer.settings import WriterSettings
from shared.settings.models import ServiceSettings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

SERVICES: dict[str, type[ServiceSettings]] = {
    "consumer": ConsumerSettings,
    "writer": WriterSettings,
    "monitor": MonitorSettings,
    "poller": PollerSettings,
}

_HEAD = """# Settings

Environment variables, or lines of a `.env` file in the working directory (the environment wins); `.env.writer` and the
like are of one service alone and go before it. Each service reads only its own. A mistake stops the start with one line
for each, exit status 2; so does a variable that looks like one of these but is none. `<NAME>_FILE` names a file that
holds the value, for secrets. `make settings` writes this page.

In `.env`, `${NAME}` stands for another variable, in quotes too, and ` #` begins a comment, but not in quotes; systemd
reads the same file with neither. A `${...}` that names nothing stops the start: what looks so belongs in a file. So
does a variable with a comment behind its value (systemd) or quotes around it (`docker run --env-file`, kustomize).
"""


def page() -> str:
    """Return the text of docs/settings.md."""
    users: dict[str, list[str]] = {}
    fields: dict[str, FieldInfo] = {}
    for service, settings in SERVICES.items():
        for name, field in settings.model_fields.items():
            users.setdefault(name, []).append(service)
            fields.setdefault(name, field)
    tables = [_table("All services", [name for name in fields if len(users[name]) == len(SERVICES)], fields, users)]
    shared = [name for name in fields if 1 < len(users[name]) < len(SERVICES)]
    tables.append(_table("Several services", shared, fields, users))
    for service in SERVICES:
        own = [name for name in fields if users[name] == [service]]
        tables.append(_table(f"The {service}", own, fields, users))
    return "\n".join([_HEAD, *tables])


def _table(title: str, names: list[str], fields: dict[str, FieldInfo], users: dict[str, list[str]]) -> str:
    rows = [
        f"| `{name.upper()}` | {_default(fields[name])} | {fields[name].description}"
        f"{_who(users[name]) if title == 'Several services' else ''} |"
        for name in names
    ]
    return "\n".join([f"## {title}\n", "| setting | default | meaning |", "|---|---|---|", *rows, ""])


def _who(users: list[str]) -> str:
    return f" ({', '.join(users)})"


def _default(field: FieldInfo) -> str:
    default: Any = field.default
    if default is PydanticUndefined:
        return "*required*"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        default = str(default).lower()
    return "" if default is None else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
