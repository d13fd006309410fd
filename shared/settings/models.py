"""What several services read: each service's own settings are made of these models."""

from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, StringConstraints, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.partitions import MAX_PARTITIONS, namespace_of, url_of
from shared.settings.redis_url import problem_with
from shared.settings.secret_files import ENCODING, current_secret, read_secret
from shared.zones import zone_of

Name = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_.-]+$", max_length=100)]

#: Bytes of one answer of Redis that a service takes in. Of the smallest elements that there are it takes seven times as
#: much memory; a container has room for that in each of a service's threads.
ANSWER_MAX_BYTES = 8 * 1024 * 1024


class ServiceSettings(BaseSettings):
    """What every service reads."""

    #: Settings that are no secrets, but into which a secret may have been put by mistake: complaints don't repeat them.
    unshown: ClassVar[frozenset[str]] = frozenset()

    #: Secrets that may stand in a directory, a file of its name each; and the setting that names the directory.
    may_hold_secrets: ClassVar[Mapping[str, str]] = {}

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding=ENCODING, extra="ignore", frozen=True)

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

    @property
    def answer_max_bytes(self) -> int:
        """Bytes of Redis' answers to what is asked at once, at most: larger ones are not read."""
        return ANSWER_MAX_BYTES

    def current_redis_url(self) -> str:
        """Return the partition's URL as the file holds it now.

        Raises: OSError, ValueError: the file can't be read now, or holds another number of addresses.
        """
        urls = read_secret(self.redis_url_file) if self.redis_url_file else self.redis_url.get_secret_value()
        return url_of(urls, self._partition, self.partitions)

    def current_sentinel_password(self) -> str:
        """Return the password as its file holds it now; while that can't be read, as it was at the start."""
        return current_secret(self.redis_sentinel_password, self.redis_sentinel_password_file)


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
