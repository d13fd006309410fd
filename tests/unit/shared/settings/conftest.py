"""No setting from outside."""

from pathlib import Path

import pytest

from tools.settings_table import SERVICES


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No .env and no variable of ours from outside."""
    monkeypatch.chdir(tmp_path)
    for settings in SERVICES.values():
        for name in settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
