"""The monitor's settings."""

from datetime import tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Self

from pydantic import DirectoryPath, Field, SecretStr, field_validator, model_validator

from services.monitor.notice_settings import NoticeSettings, parts_of
from shared.settings.secret_files import current_secret
from shared.zones import zone_of

#: Letters of a token at least: what is shorter is guessed.
_LEAST_TOKEN = 16

#: How remedies name a service's command where nothing else is said.
USUAL_COMMAND = "python -m services.{service}"

#: Where nobody else reaches the monitor.
THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


class MonitorSettings(NoticeSettings):
    """What the monitor reads from the environment."""

    may_hold_secrets: ClassVar = MappingProxyType(
        dict.fromkeys(("monitor_operator_token", "alert_webhook_url", "alert_smtp_password"), "monitor_secrets_dir")
    )

    monitor_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address that the monitor listens on; `0.0.0.0` for every network, `::` for those of IPv6 as well",
    )
    monitor_port: int = Field(8000, ge=0, le=65_535, description="Port of the monitor; 0 chooses a free one")
    monitor_api_token: SecretStr | None = Field(
        None, description="If set, 16 letters or more: every path but /livez wants `Authorization: Bearer <token>`"
    )
    monitor_api_token_file: Path | None = Field(
        None, description="File that holds it; read again while the monitor runs: a new one ends all sessions"
    )
    monitor_operator_token: SecretStr | None = Field(
        None,
        description="If set, 16 letters or more: who has it may act (`POST /api/actions/...`); without it nobody may",
    )
    monitor_operator_token_file: Path | None = Field(
        None, description="File that holds it; read again while the monitor runs: a new one ends all sessions"
    )
    monitor_secrets_dir: DirectoryPath | None = Field(
        None,
        description="Directory that may hold files called `monitor_operator_token`, `alert_webhook_url`, "
        "`alert_smtp_password`: those that are there at the start count as if `..._FILE` named them",
    )
    monitor_insecure: bool = Field(
        default=False, description="Listen beyond this machine without a token: for those who mean it"
    )
    monitor_allowed_hosts: str = Field(
        "",
        description="Names, with commas, by which the monitor may be called; addresses, localhost and the machine's "
        "own name always may. With a token: any, unless names are given",
    )
    monitor_command: str = Field(
        USUAL_COMMAND,
        description="How people here run a command of a service, as remedies name it; `{service}` is its name",
    )
    monitor_start_command: str = Field(USUAL_COMMAND, description="How they start one")
    monitor_trusted_proxies: str = Field(
        "", description="Addresses or networks, with commas, of proxies whose X-Forwarded-For and -Proto are believed"
    )

    monitor_time_zone: str = Field(
        "",
        description="Zone of the times that the dashboard shows, with UTC beside them, such as `Asia/Seoul`; empty: "
        "that of each browser",
    )

    @field_validator("monitor_time_zone")
    @classmethod
    def _known_time_zone(cls, value: str) -> str:
        if value:
            zone_of(value)
        return value

    @field_validator("monitor_api_token", "monitor_operator_token")
    @classmethod
    def _usable_token(cls, value: SecretStr | None) -> SecretStr | None:
        # `MONITOR_API_TOKEN=` is what a compose file makes of a variable that is not set.
        # What a secret of Kubernetes was made of may end in a line break.
        token = value.get_secret_value().strip() if value is not None else ""
        problem = _problem_with(token) if token else ""
        if problem:
            raise ValueError(problem)
        return SecretStr(token) if token else None

    @model_validator(mode="after")
    def _says_who_may_read(self) -> Self:
        if self.monitor_host not in THIS_MACHINE and self.monitor_api_token is None and not self.monitor_insecure:
            raise ValueError(
                f"MONITOR_HOST={self.monitor_host}: everyone who reaches it could read the API. Set MONITOR_API_TOKEN, "
                "or MONITOR_INSECURE=true if that is meant"
            )
        return self

    @model_validator(mode="after")
    def _tells_operators_from_readers(self) -> Self:
        if self.monitor_operator_token is not None and self.monitor_operator_token == self.monitor_api_token:
            raise ValueError(
                "MONITOR_OPERATOR_TOKEN is that of MONITOR_API_TOKEN: whoever reads could act. Use another"
            )
        return self

    @property
    def answer_max_bytes(self) -> int:
        """Bytes of Redis' answers at most: each script has a bound of its own, and several are asked at once."""
        return 8 * super().answer_max_bytes

    @property
    def has_operators(self) -> bool:
        """Whether anybody may act."""
        return self.monitor_operator_token is not None

    @property
    def time_zone(self) -> tzinfo | None:
        """The zone of MONITOR_TIME_ZONE; None where each browser shows its own."""
        return zone_of(self.monitor_time_zone) if self.monitor_time_zone else None

    @property
    def allowed_hosts(self) -> list[str]:
        """The names of MONITOR_ALLOWED_HOSTS."""
        return parts_of(self.monitor_allowed_hosts)

    @property
    def trusted_proxies(self) -> list[str]:
        """The addresses and networks of MONITOR_TRUSTED_PROXIES."""
        return parts_of(self.monitor_trusted_proxies)

    def current_api_token(self) -> str:
        """Return the token as its file holds it now, or as it was while that can't be used; empty for none."""
        return _current(self.monitor_api_token, self.monitor_api_token_file)

    def current_operator_token(self) -> str:
        """Return the operators' token in the same way; empty, too, while it is the readers'."""
        token = _current(self.monitor_operator_token, self.monitor_operator_token_file)
        return "" if token == self.current_api_token() else token


def _current(at_start: SecretStr | None, file: Path | None) -> str:
    # What was never asked for is not asked for because a file appears.
    return current_secret(at_start, file if at_start else None, lambda token: not _problem_with(token))


def _problem_with(token: str) -> str:
    if not all("!" <= letter <= "~" for letter in token):
        return "use printable ASCII without spaces: it must fit in an HTTP header"
    if len(token) < _LEAST_TOKEN:
        return f"it has {len(token)} letters and can be guessed; use {_LEAST_TOKEN} or more: openssl rand -hex 16"
    return ""
