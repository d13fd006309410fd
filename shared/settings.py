"""Settings: environment or `.env` -> one frozen model a service, read once at its start.

A service reads only its own settings. A mistake stops the start, with one line that names the variable and the cure;
so does a variable that looks like one of ours but is none.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from dotenv import dotenv_values
from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.errors import SettingsError

S = TypeVar("S", bound="ServiceSettings")

#: How alike a stray variable must be to one of ours to be taken for a slip of the pen.
_TYPO_LIKENESS = 0.87

Name = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_.-]+$", max_length=100)]


class ServiceSettings(BaseSettings):
    """What every service reads."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    redis_url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"),
        description="Redis (or Valkey) 7 or newer: `redis://:password@host:6379/0`",
    )
    redis_namespace: Name = Field("tagpipe", description="All keys begin with `{<namespace>}`")
    instance_name: Name | None = Field(
        None, description="Name of this process in heartbeats; default: the host's name, with -2, -3 where it is taken"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Least level logged"
    )
    log_format: Literal["console", "json"] = Field("console", description="`console` for people, `json` for machines")

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _known_scheme(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("begin it with redis://, rediss:// (TLS) or unix://")
        return value

    @classmethod
    def settings_customise_sources(  # noqa: D102 - pydantic's hook
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, file_secret_settings
        return init_settings, env_settings, dotenv_settings


class BufferSettings(ServiceSettings):
    """What consumer, writer and monitor must agree on about the buffer."""

    buffer_max_size: int = Field(10_000, ge=1, description="Values; at this cap the oldest are discarded and counted")
    buffer_alert_threshold: float = Field(
        80.0, gt=0, le=100, description="Percent of BUFFER_MAX_SIZE from which utilization alerts and is relieved"
    )
    buffer_batch_threshold: int = Field(500, ge=1, description="Values that make a batch go at once")

    @property
    def buffer_alert_depth(self) -> int:
        """Values in the buffer from which it is under pressure."""
        return max(1, round(self.buffer_max_size * self.buffer_alert_threshold / 100))


def load_settings(settings_class: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read a service's settings from the environment, then from `.env`.

    `X_FILE` names a file that holds the value of X: for secrets.

    Raises: SettingsError: with one line for each mistake.
    """
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    from_files = _read_secret_files(settings_class, environ, problems)
    problems += _typing_slips(settings_class, environ)
    try:
        settings = settings_class(**from_files)
    except ValidationError as error:
        problems += [_explain(settings_class, problem) for problem in error.errors()]
    if problems:
        raise SettingsError(problems)
    return settings


def _read_secret_files(
    settings_class: type[ServiceSettings], environ: Mapping[str, str], problems: list[str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in settings_class.model_fields:
        path = environ.get(f"{name.upper()}_FILE")
        if path:
            try:
                values[name] = Path(path).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{name.upper()}_FILE={path}: can't be read ({error})")
    return values


def _typing_slips(settings_class: type[ServiceSettings], environ: Mapping[str, str]) -> list[str]:
    known = {name.upper() for name in settings_class.model_fields}
    known |= {f"{name}_FILE" for name in known}
    given = set(environ) | set(dotenv_values(".env"))
    slips = []
    for name in sorted(given - known):
        alike = difflib.get_close_matches(name.upper(), known, n=1, cutoff=_TYPO_LIKENESS)
        if alike:
            slips.append(f"{name} is not a setting; did you mean {alike[0]}?")
    return slips


def _explain(settings_class: type[ServiceSettings], problem: Any) -> str:
    """Return one line for one of pydantic's findings; a secret's value is not repeated."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    field = str(problem["loc"][0])
    variable = field.upper()
    if problem["type"] == "missing":
        return f"{variable} is not set: {settings_class.model_fields[field].description}"
    secret = "SecretStr" in str(settings_class.model_fields[field].annotation)
    shown = "" if secret or problem["input"] is None else f"={problem['input']}"
    return f"{variable}{shown}: {message}"
