"""Settings: environment or `.env` -> one frozen model a service, read once at its start.

A service reads only its own settings. A mistake stops the start, with one line that names the variable and the remedy;
so does a variable that looks like one of ours but is none.
"""

import difflib
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from dotenv import dotenv_values
from pydantic import Field, PrivateAttr, SecretStr, StringConstraints, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.errors import SettingsError
from shared.partitions import MAX_PARTITIONS, namespace_of, url_of
from shared.redis_url import problem_with
from shared.texts import cut
from shared.zones import zone_of

S = TypeVar("S", bound="ServiceSettings")

#: How alike a stray variable must be to one of ours to be taken for a slip of the pen.
_TYPO_LIKENESS = 0.87

#: What the `.env` of the Compose stack says of its own Oracle: no slip of the pen for a command beside it.
_COMPOSE_S = {"ORACLE_SYS_PASSWORD"}

#: Bytes of a file that holds a secret.
_MAX_SECRET_BYTES = 64 * 1024

Name = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_.-]+$", max_length=100)]


class ServiceSettings(BaseSettings):
    """What every service reads."""

    #: Settings that are no secrets, but into which a secret may have been put by mistake: complaints don't repeat them.
    unshown: ClassVar[frozenset[str]] = frozenset()

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    partitions: int = Field(
        1, ge=1, le=MAX_PARTITIONS, description="Parts of the pipeline, the same for all services: docs/scaling.md"
    )
    redis_url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"),
        description="Redis (or Valkey) 7 or newer: `redis://:password@host:6379/0`; `/ ? # @` in the password are "
        "written `%2F %3F %23 %40`; `rediss://` for TLS, `redis+sentinel://` and `redis+cluster://` where there are "
        "several servers: docs/redis.md. With PARTITIONS a list with commas, or `{partition}` in it for the number",
    )
    redis_url_file: Path | None = Field(
        None,
        description="File that holds REDIS_URL; read again for every connection, so a new password needs no restart",
    )
    redis_sentinel_password: SecretStr = Field(
        SecretStr(""), description="Password of the sentinels, where they want one; that of Redis is in REDIS_URL"
    )
    redis_sentinel_password_file: Path | None = Field(
        None, description="File that holds it; read again for every connection"
    )
    redis_namespace: Name = Field(
        "tagpipe", description="All keys begin with `{<namespace>}`, or `{<namespace>.<partition>}`"
    )
    instance_name: Name | None = Field(
        None, description="Name of this process in heartbeats; default: the host's name, with -2, -3 where it is taken"
    )
    run_dir: Path | None = Field(
        None,
        description="Directory of the file by which `python -m shared.healthcheck` sees that this process turns; "
        "default: the one for temporary files",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Least level logged"
    )
    log_format: Literal["console", "json"] = Field("console", description="`console` for people, `json` for machines")

    _partition: int = PrivateAttr(0)

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _usable_url(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        partitions = info.data.get("partitions", 1)
        for partition in range(partitions):
            problem = problem_with(url_of(value.get_secret_value(), partition, partitions))
            if problem:
                raise ValueError(problem)
        return value

    def in_partition(self, partition: int) -> Self:
        """Return the settings as they are for one partition, from 0: another address, another namespace."""
        settings = self.model_copy()
        settings._partition = partition  # noqa: SLF001 - our own copy
        return settings

    @property
    def namespace(self) -> str:
        """What all keys of the partition begin with."""
        return namespace_of(self.redis_namespace, self._partition, self.partitions)

    def current_redis_url(self) -> str:
        """Return the partition's URL as the file holds it now.

        Raises: OSError, ValueError: the file can't be read now, or holds another number of addresses.
        """
        urls = read_secret(self.redis_url_file) if self.redis_url_file else self.redis_url.get_secret_value()
        return url_of(urls, self._partition, self.partitions)

    def current_sentinel_password(self) -> str:
        """Return the password as its file holds it now; while that can't be read, as it was at the start."""
        if self.redis_sentinel_password_file is not None:
            with suppress(OSError, ValueError):
                return read_secret(self.redis_sentinel_password_file)
        return self.redis_sentinel_password.get_secret_value()

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


class OnePartitionSettings(ServiceSettings):
    """What a service reads that works in one partition."""

    partition: int | None = Field(
        None,
        ge=0,
        validate_default=True,
        description="The partition that it works in, from 0, where there are PARTITIONS",
    )

    @field_validator("partition")
    @classmethod
    def _is_one_of_them(cls, value: int | None, info: ValidationInfo) -> int | None:
        partitions = info.data.get("partitions", 1)
        if value is None and partitions > 1:
            raise ValueError(f"it is not set, and PARTITIONS is {partitions}: say which one this process works in")
        if value is not None and value >= partitions:
            raise ValueError(f"PARTITIONS is {partitions}, so the last one is {partitions - 1}")
        return value

    def model_post_init(self, _context: Any) -> None:
        """Take the partition's address and namespace."""
        self._partition = self.partition or 0


#: What stands between PLC code and address in a tag name: for consumers and writers alike.
TagNameSeparator = Annotated[
    str,
    StringConstraints(min_length=1, max_length=10),
    Field(
        description="Between PLC code and address in a tag name (layout `tag_data`); another one where PLC codes hold "
        "this one and two tags become one name. The same for consumers and writers; rows in the table keep theirs"
    ),
]


class BufferSettings(ServiceSettings):
    """What consumer, writer and monitor must agree on about the buffer and its values."""

    buffer_max_size: int = Field(10_000, ge=1, description="Values; at this cap the oldest are discarded and counted")
    buffer_alert_threshold: float = Field(
        80.0, gt=0, le=100, description="Percent of BUFFER_MAX_SIZE from which utilization alerts and is relieved"
    )
    buffer_batch_threshold: int = Field(500, ge=1, description="Values that make a batch go at once")

    source_time_zone: str = Field(
        "UTC",
        description="Zone in which the times of values are where the source names none, as `Asia/Seoul`: for ages, lag "
        "and display. What is stored stays as it came; a time that names its zone is stored in UTC: where both kinds "
        "come, let all sources name it",
    )

    @field_validator("source_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        zone_of(value)
        return value

    @property
    def source_zone(self) -> tzinfo:
        """The zone of SOURCE_TIME_ZONE."""
        return zone_of(self.source_time_zone)

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
    try:
        dotenv = dotenv_values(".env")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f".env can't be read: {_why(error)}"]) from None
    from_files = _read_secret_files(settings_class, environ, dotenv, problems)
    problems += _typing_slips(settings_class, {*environ, *dotenv})
    try:
        settings = settings_class(**from_files)
    except ValidationError as error:
        problems += [_explain(settings_class, problem) for problem in error.errors()]
    if problems:
        raise SettingsError(problems)
    return settings


def _read_secret_files(
    settings_class: type[ServiceSettings],
    environ: Mapping[str, str],
    dotenv: Mapping[str, str | None],
    problems: list[str],
) -> dict[str, Any]:
    """Return the values that stand in files; the environment goes before `.env`, whichever of the two ways it takes."""
    places = [{name.upper(): value for name, value in place.items()} for place in (environ, dotenv)]
    values: dict[str, Any] = {}
    for name in settings_class.model_fields:
        variable = name.upper()
        named = next((place for place in places if place.get(f"{variable}_FILE") or place.get(variable)), {})
        path = named.get(f"{variable}_FILE")
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


def read_secret(path: str | Path) -> str:
    """Return what a file holds, without white space around it or the mark that some editors begin with.

    Raises: OSError; ValueError: it is no text, nothing, or too much.
    """
    with Path(path).open("rb") as file:
        raw = file.read(_MAX_SECRET_BYTES + 1)
    if len(raw) > _MAX_SECRET_BYTES:
        raise ValueError(f"it holds more than {_MAX_SECRET_BYTES} bytes")
    text = raw.decode("utf-8-sig").strip()
    if not text:
        raise ValueError("it holds nothing")
    return text


def _why(error: Exception) -> str:
    """Return why something can't be read, without what it holds."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


def _typing_slips(settings_class: type[ServiceSettings], given: set[str]) -> list[str]:
    known = {name.upper() for name in settings_class.model_fields}
    # One letter from PARTITIONS, and for some services alone: where all read one .env it is no slip for the others.
    known |= {f"{name}_FILE" for name in known} | {"PARTITION"}
    slips = []
    for name in sorted(name for name in given if name.upper() not in known | _COMPOSE_S):
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
    secret = "SecretStr" in str(settings_class.model_fields[field].annotation) or field in settings_class.unshown
    if secret or problem["input"] is None:
        return f"{variable}: {message}"
    text = str(problem["input"])
    return f"{variable}={cut(text if text.isprintable() else repr(text))}: {message}"
