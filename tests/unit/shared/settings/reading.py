"""How tests read settings."""

import pytest

from services.writer.settings import WriterSettings
from shared.settings.loading import load_settings
from shared.settings.models import ServiceSettings

GOOD = {"ORACLE_DSN": "db:1521/X", "ORACLE_USER": "u", "ORACLE_PASSWORD": "secret-word"}


def load(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], kind: type[ServiceSettings] = WriterSettings
) -> ServiceSettings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings(kind)


SECRET = "se-cret"
