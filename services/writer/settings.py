"""The writer's settings."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator, model_validator

from shared.backoff import doubled_s
from shared.settings.models import BufferSettings, OnePartitionSettings, ServiceSettings, TagNameSeparator
from shared.settings.secret_files import current_secret

#: An Oracle name, or schema.name: it goes into the SQL text, so nothing else may.
TableName = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z][A-Za-z0-9_$#]*(\.[A-Za-z][A-Za-z0-9_$#]*)?$")
]


#: `user/password@host`, also behind `tcps://`; or a password in a connect descriptor.
_CREDENTIALS = re.compile(r"^[^(?]*@|\(\s*(USER|PASSWORD|PASSWD)\s*=", re.IGNORECASE)


class FilesSettings(ServiceSettings):
    """What a command reads from the environment that looks at files alone."""

    backup_dir: Path = Field(Path("./backup"), description="Directory of backup_*.csv and rejected_*.csv")


class WriterSettings(OnePartitionSettings, BufferSettings):
    """What the writer and its commands read from the environment."""

    unshown = frozenset({"oracle_host", "oracle_service_name", "oracle_dsn", "oracle_user"})

    oracle_host: str | None = Field(None, description="Host of the listener; or give ORACLE_DSN")
    oracle_port: int = Field(1521, ge=1, le=65535, description="Port of the listener")
    oracle_service_name: str | None = Field(None, description="Service name, e.g. FREEPDB1")
    oracle_dsn: str | None = Field(
        None,
        validate_default=True,
        description="Instead of the three: `host:port/service`, a full connect descriptor (TLS: `tcps://...`), or an "
        "alias of tnsnames.ora in ORACLE_CONFIG_DIR",
    )
    oracle_config_dir: Path | None = Field(
        None, description="Directory of tnsnames.ora, for an alias in ORACLE_DSN; default: TNS_ADMIN"
    )
    oracle_wallet_location: Path | None = Field(
        None,
        description="Directory of ewallet.pem: whom TLS trusts and, for mTLS, who we are; default: the system's "
        "certificate authorities, and no certificate of ours",
    )
    oracle_wallet_password: SecretStr | None = Field(
        None, description="Password of an encrypted ewallet.pem; ORACLE_WALLET_PASSWORD_FILE names a file that holds it"
    )
    oracle_user: str = Field(description="User that may INSERT into and SELECT from the table")
    oracle_password: SecretStr = Field(description="Its password; better ORACLE_PASSWORD_FILE")
    oracle_password_file: Path | None = Field(
        None, description="File that holds the password; read again for every logon, so a new one needs no restart"
    )
    oracle_pool_min: int = Field(2, ge=1, le=100, description="Connections opened at the start, one after the other")
    oracle_pool_max: int = Field(5, ge=1, le=100, description="Connections at most")
    oracle_pool_timeout: float = Field(10.0, gt=0, le=3600, description="Seconds to wait for a free connection")
    oracle_connect_timeout: float = Field(
        5.0, gt=0, le=3600, description="Seconds to wait for the TCP connection to each address of ORACLE_DSN"
    )
    oracle_call_timeout: float = Field(15.0, gt=0, le=3600, description="Seconds to wait for an answer")
    oracle_retry_max: int = Field(3, ge=0, le=20, description="Tries after the first, before the batch is backed up")
    oracle_retry_base_delay: float = Field(
        1.0, gt=0, le=60, description="Seconds before the first retry; doubled for each further one"
    )
    oracle_probe_interval: float = Field(
        5.0, gt=0, le=3600, description="Seconds between two probes in an outage at most, half of it at least"
    )
    oracle_table: TableName = Field("TAG_DATA", description="Table, or schema.table")
    oracle_table_layout: Literal["tag_data", "tag_values"] = Field(
        "tag_data", description="`tag_data` or `tag_values`: see deploy/oracle"
    )
    buffer_batch_size_max: int = Field(500, ge=1, le=5000, description="Values that one batch holds at most")
    buffer_write_interval_sec: float = Field(
        0.5, gt=0, le=60, description="Seconds after its first value at which a batch goes though it is not full"
    )
    writer_concurrency: int | None = Field(
        None, ge=1, le=100, description="Batches in hand at once; by default two more than ORACLE_POOL_MAX"
    )
    backup_dir: Path = Field(Path("./backup"), description="Directory of backup_*.csv and rejected_*.csv")
    backup_rotate_bytes: int = Field(
        100_000_000, ge=10_000, description="Bytes from which a backup file is closed and the next one begun"
    )
    backup_min_free_bytes: int = Field(
        200_000_000,
        ge=0,
        description="Bytes of the disk that backups leave free; below it values stay in Redis. Rejected files leave "
        "up to six times as much, a tenth of the disk at most",
    )
    backup_auto_recover: bool = Field(
        default=False,
        description="Put backup files into Oracle by itself while Oracle is available and the buffer below 20 %",
    )
    tag_name_separator: TagNameSeparator = "."
    no_value_text: str = Field("NULL", min_length=1, max_length=255, description="Stored where a reading has no value")

    @field_validator("oracle_table_layout", mode="before")
    @classmethod
    def _layout_in_any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("oracle_host", "oracle_service_name", "oracle_dsn")
    @classmethod
    def _without_credentials(cls, value: str | None) -> str | None:
        if value and value.lower().startswith("jdbc:"):
            raise ValueError("it is a URL of JDBC: give what stands behind its @, as host:port/service")
        # They land in logs, in the dashboard and in backup files.
        if value and _CREDENTIALS.search(value):
            raise ValueError("it holds a user or a password: give those in ORACLE_USER and ORACLE_PASSWORD(_FILE)")
        return value

    @field_validator("oracle_user")
    @classmethod
    def _user_alone(cls, value: str) -> str:
        if "/" in value or "@" in value:
            raise ValueError("it holds more than a user: the password goes into ORACLE_PASSWORD(_FILE)")
        return value

    @field_validator(
        "oracle_password_file", "oracle_config_dir", "oracle_wallet_location", "oracle_wallet_password", mode="before"
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @field_validator("oracle_dsn")
    @classmethod
    def _where_oracle_is(cls, dsn: str | None, info: ValidationInfo) -> str | None:
        missing = [name.upper() for name in ("oracle_host", "oracle_service_name") if not info.data.get(name)]
        if not dsn and missing:
            raise ValueError(
                f"{' and '.join(missing)} not set: give ORACLE_HOST and ORACLE_SERVICE_NAME, or ORACLE_DSN"
            )
        return dsn or None

    @model_validator(mode="after")
    def _consistent(self) -> "WriterSettings":
        if self.oracle_pool_min > self.oracle_pool_max:
            raise ValueError(
                f"ORACLE_POOL_MIN={self.oracle_pool_min} is more than ORACLE_POOL_MAX={self.oracle_pool_max}"
            )
        if self.buffer_batch_threshold > self.buffer_batch_size_max:
            raise ValueError(
                f"BUFFER_BATCH_THRESHOLD={self.buffer_batch_threshold} is more than "
                f"BUFFER_BATCH_SIZE_MAX={self.buffer_batch_size_max}: a batch could never be full"
            )
        return self

    @property
    def dsn(self) -> str:
        """Where Oracle is, as the driver takes it."""
        if self.oracle_dsn:
            return " ".join(self.oracle_dsn.split())
        host = self.oracle_host or ""
        # An address of IPv6 holds colons itself.
        bare = ":" in host and not host.startswith("[")
        return f"{f'[{host}]' if bare else host}:{self.oracle_port}/{self.oracle_service_name}"

    @property
    def workers(self) -> int:
        """How many batches are in hand at once: while one is inserted over each connection, the next are fetched."""
        return self.writer_concurrency or self.oracle_pool_max + 2

    def current_password(self) -> str:
        """Return the password as its file holds it now; while that can't be read, as it was at the start."""
        return current_secret(self.oracle_password, self.oracle_password_file)

    @property
    def retry_delays_s(self) -> list[float]:
        """Seconds to wait before each retry: 1, 2, 4 by default."""
        return [doubled_s(self.oracle_retry_base_delay, n) for n in range(1, self.oracle_retry_max + 1)]
