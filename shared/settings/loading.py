"""One service's settings, out of environment, files and `.env`; or a line for each mistake in them."""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from dotenv import dotenv_values
from pydantic import ValidationError

from shared.errors import SettingsError
from shared.settings.models import ServiceSettings
from shared.settings.secret_files import ENCODING, read_secret
from shared.texts import cut

S = TypeVar("S", bound="ServiceSettings")

#: How alike a stray variable must be to one of ours to be taken for a slip of the pen.
_TYPO_LIKENESS = 0.87

#: What is replaced in `.env`, in whatever quotes: by the variable, else by the default, else by nothing.
_REFERENCE = re.compile(r"\$\{(?P<name>[^}:]*)(?P<default>:-[^}]*)?\}")

#: What some readers of files hand on of a line, and no person means: systemd a comment behind a value, `docker run
#: --env-file` and kustomize the quotes around it, too.
_OF_A_LINE = re.compile(r"""(?s)(?P<quote>["']).+(?P=quote)|.*\s\#.*""")

#: What the `.env` of the Compose stack says of its own Oracle: no slip of the pen for a command beside it.
_COMPOSE_S = {"ORACLE_SYS_PASSWORD"}


def load_settings(settings_class: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read a service's settings from the environment, then from `.env.<service>`, then from `.env`.

    `X_FILE` names a file that holds the value of X: for secrets.

    Raises: SettingsError: with one line for each mistake.
    """
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    known = {name.upper() for name in settings_class.model_fields}
    files = _files(settings_class)
    places: list[Mapping[str, str | None]] = [environ]
    for file in files:
        try:
            # One that can't be reached is none to dotenv, and a fault to pydantic.
            with suppress(FileNotFoundError):
                Path(file).stat()
            places.insert(1, dotenv_values(file, encoding=ENCODING))
            as_written = dotenv_values(file, interpolate=False, encoding=ENCODING)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"{file} can't be read: {_why(error)}"]) from None
        problems += _left_out(known, file, as_written, environ)
    from_files = _read_secret_files(settings_class, places, problems)
    problems += _typing_slips(known, {name for place in places for name in place})
    problems += _handed_on(known, environ)
    try:
        settings = settings_class(_env_file=files, **from_files)
    except ValidationError as error:
        problems += [_explain(settings_class, problem) for problem in error.errors()]
    if problems:
        raise SettingsError(problems)
    return settings


def _files(settings_class: type[ServiceSettings]) -> list[str]:
    """Return the files of settings, each before the one that goes before it: of all services, and of one alone."""
    room, _, service = settings_class.__module__.partition(".")
    return [".env", f".env.{service.partition('.')[0]}"] if room == "services" else [".env"]


def _read_secret_files(
    settings_class: type[ServiceSettings], given: Sequence[Mapping[str, str | None]], problems: list[str]
) -> dict[str, Any]:
    """Return the values that stand in files; a place goes before the next, whichever of the two ways it takes."""
    places = [{name.upper(): value for name, value in place.items()} for place in given]
    values: dict[str, Any] = {}
    for name in settings_class.model_fields:
        variable = name.upper()
        named = next((place for place in places if place.get(f"{variable}_FILE") or place.get(variable)), {})
        path = named.get(f"{variable}_FILE") or (None if named else _in_a_directory(settings_class, name, places))
        if f"{name}_file" in settings_class.model_fields:
            # For one that is read again: only if it is what the value comes from.
            values[f"{name}_file"] = path or None
        if not path:
            continue
        try:
            values[name] = read_secret(path)
        except (OSError, ValueError) as error:
            problems.append(f"{variable}_FILE={path}: can't be read ({_why(error)})")
    return values


def _in_a_directory(
    settings_class: type[ServiceSettings], name: str, places: Sequence[Mapping[str, str | None]]
) -> str | None:
    """Return the path of a secret that stands under its own name in a directory that may hold it, if it does."""
    setting = settings_class.may_hold_secrets.get(name, "").upper()
    directory = next((place[setting] for place in places if place.get(setting)), None)
    path = Path(directory) / name if directory else None
    return str(path) if path and path.is_file() else None


def _why(error: Exception) -> str:
    """Return why something can't be read, without what it holds."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


def _typing_slips(known: set[str], given: set[str]) -> list[str]:
    # One letter from PARTITIONS, and for some services alone: where all read one .env it is no slip for the others.
    known = known | {f"{name}_FILE" for name in known} | {"PARTITION"}
    slips = []
    for name in sorted(name for name in given if name.upper() not in known | _COMPOSE_S):
        alike = difflib.get_close_matches(name.upper(), known, n=1, cutoff=_TYPO_LIKENESS)
        if alike:
            slips.append(f"{name} is not a setting; did you mean {alike[0]}?")
    return slips


def _left_out(
    known: set[str], file: str, as_written: Mapping[str, str | None], environ: Mapping[str, str]
) -> list[str]:
    """Return a line for each setting in a file of which a part would be left out: a password may look like that."""
    there = {*environ, *as_written}
    return [
        f"{name} in {file} holds a ${{...}} that names no variable and would be left out of it: write the value into a "
        f"file, and {name}_FILE=... here"
        for name, value in as_written.items()
        if name.upper() in known
        and name not in environ
        and any(found["name"] not in there and not found["default"] for found in _REFERENCE.finditer(value or ""))
    ]


def _handed_on(known: set[str], environ: Mapping[str, str]) -> list[str]:
    """Return a line for each setting that holds more of a file's line than its value: a password would be another."""
    return [
        f"{name} begins and ends with a quote, or holds a comment: not every reader of a file takes them off. Write it "
        f"without; or the value into a file, and {name}_FILE=... here"
        for name, value in sorted(environ.items())
        if name.upper() in known and _OF_A_LINE.fullmatch(value)
    ]


def _explain(settings_class: type[ServiceSettings], problem: Any) -> str:
    """Return one line for one of pydantic's findings; a secret's value is not repeated."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    field = str(problem["loc"][0])
    variable = field.upper()
    if problem["type"] == "missing":
        return f"{variable} is not set: {settings_class.model_fields[field].description}"
    secret = "SecretStr" in str(settings_class.model_fields[field].annotation) or field in settings_class.unshown
    if secret or problem["input"] is None:
        return f"{variable}: {message}"
    text = str(problem["input"])
    return f"{variable}={cut(text if text.isprintable() else repr(text))}: {message}"
