"""The monitor's settings."""

from pydantic import Field, SecretStr, field_validator

from shared.settings import BufferSettings


class MonitorSettings(BufferSettings):
    """What the monitor reads from the environment."""

    monitor_host: str = Field(
        "127.0.0.1", min_length=1, description="Address that the monitor listens on; `0.0.0.0` for every network"
    )
    monitor_port: int = Field(8000, ge=0, le=65_535, description="Port of the monitor; 0 chooses a free one")
    monitor_api_token: SecretStr | None = Field(
        None,
        description="If set, every path but /livez wants the header `Authorization: Bearer <token>`",
    )

    @field_validator("monitor_api_token")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        # `MONITOR_API_TOKEN=` is what a compose file makes of a variable that is not set.
        if value is None or not value.get_secret_value():
            return None
        if not all("!" <= letter <= "~" for letter in value.get_secret_value()):
            raise ValueError("use printable ASCII without spaces: it must fit in an HTTP header")
        return value
