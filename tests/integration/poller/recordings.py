"""Recorded files that a poller plays, and what of them it queued."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.models import PollingData

START = datetime(2017, 10, 31, 19, 30, 25, 123456)


def replay(file: Path, name: str = "well", keys: str = 'speed = "max"') -> str:
    return f'[[group]]\nname = "{name}"\n[group.source]\ntype = "replay"\nfile = "{file}"\n{keys}\n'


def recording(tmp_path: Path, lines: int, name: str = "WELL-1_2017.csv") -> Path:
    path = tmp_path / name
    rows = [f"{START + timedelta(seconds=number)},{number},{number}.5,,on" for number in range(lines)]
    path.write_text("\r\n".join(["timestamp,A,B,EMPTY,TEXT", *rows]))
    return path


def numbers(messages: list[PollingData]) -> list[Any]:
    return [message.tag_values["A"] for message in messages]
