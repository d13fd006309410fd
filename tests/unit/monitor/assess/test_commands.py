"""Commands in remedies: each is one that there is, and is named as it is run where it is read."""

import re
from importlib import import_module
from typing import Any

import pytest
import typer

from services.monitor.assess.alert_kinds import KINDS
from services.monitor.assess.commands import Commands

#: What stands in backticks and is a program's.
_COMMANDS = sorted(
    {command for kind in KINDS.values() for command in re.findall(r"`(python -m services\.[^`]+)`", kind.remedy)}
)


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_of_a_remedy_is_one_that_there_is(command: str) -> None:
    """Kind: at three in the morning the remedy is a command that was renamed, or never was."""
    _, _, module, *words = command.split()
    service: Any = typer.main.get_command(import_module(f"{module}.__main__").app)
    if not words:
        return
    known = service.commands[words[0]]
    options = {option for parameter in known.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options
    arguments = [word for word in words[1:] if not word.startswith("--")]
    assert not arguments or any(parameter.param_type_name == "argument" for parameter in known.params)


def test_no_remedy_names_half_a_command() -> None:
    """Kind: `--retry`, and nobody knows of what."""
    halves = [
        word for kind in KINDS.values() for word in re.findall(r"`([^`]+)`", kind.remedy)
        if word.startswith("--") or word in {"check", "recover", "rejected", "acknowledge", "import"}
    ]  # fmt: skip
    assert halves == []


def test_commands_are_named_as_they_are_run_here_and_texts_without_stay_as_they_are() -> None:
    here = Commands("docker compose run --rm {service}", "docker compose up -d {service}")
    assert here.said(KINDS["no_writer"].remedy).startswith("Start one: `docker compose up -d writer`.")
    assert "`docker compose run --rm consumer rejected --retry`" in here.said(KINDS["tags_rejected"].remedy)
    assert here.said("services.writer {service} `python`") == "services.writer {service} `python`"
    assert all(Commands().said(kind.remedy) == kind.remedy for kind in KINDS.values())
