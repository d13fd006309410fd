"""Rows of a backup file, as the writer makes them."""

from collections.abc import Sequence
from typing import Any

from services.writer.backup.format import backup_row
from shared.models import TagValue


def rows(values: Sequence[TagValue]) -> list[tuple[Any, ...]]:
    return [backup_row(value, "2026-01-01T00:00:00.000+00:00") for value in values]
