"""The keys of `type = "opcua"`: what they may be, and what they say without a server."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from services.poller.source import DEFAULT_INTERVAL_S, SourceError, SourceModel
from services.poller.sources.files import MAX_SECRET_BYTES, read_named
from services.poller.sources.opcua.tags import TagSelection, parse_selection

#: The security policies that are not broken, the default first.
Policy = Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"]


#: Whether the tags are read at every poll, or the server tells what changes.
Access = Literal["read", "subscribe"]


class OpcuaKeys(SourceModel):
    """`type = "opcua"`."""

    type: Literal["opcua"]
    url: str = Field(min_length=1)
    tags: TagSelection
    access: Access = "read"
    mode: Access | None = Field(None, description="what `access` was called, which is another `mode` than its group's")
    timestamps: Literal["source", "poll"] = "source"
    away: Literal["bad", "silent"] = "bad"
    timeout_ms: int = Field(4000, ge=100, le=60_000)
    reconnect_max_ms: int = Field(5000, ge=100, le=600_000)
    read_chunk: int = Field(250, ge=1, le=100_000)
    sampling_ms: int | None = Field(None, ge=0, le=3_600_000)
    queue_size: int = Field(10, ge=1, le=100_000)
    security: Literal["none", "sign", "sign_and_encrypt"] = "none"
    policy: Policy = "Basic256Sha256"
    certificate: str | None = Field(None, min_length=1)
    private_key: str | None = Field(None, min_length=1)
    private_key_password: SecretStr | None = None
    server_certificate: str | None = Field(None, min_length=1)
    trust: Literal["given", "pinned"] = "given"
    user: str | None = Field(None, min_length=1)
    password: SecretStr | None = None
    password_file: str | None = Field(None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _takes_the_old_key(cls, data: object) -> object:
        if isinstance(data, dict) and "mode" in data and "access" not in data:
            return {**data, "access": data["mode"]}
        return data

    @field_validator("tags", mode="before")
    @classmethod
    def _any_of_three_forms(cls, value: object) -> TagSelection:
        return parse_selection(value)

    @field_validator("password", "private_key_password", mode="before")
    @classmethod
    def _as_secret(cls, value: object) -> object:
        return SecretStr(value) if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _a_server_s_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.username is not None:
            raise ValueError("take user and password out of the address: they have keys of their own")
        try:
            is_whole = parts.scheme == "opc.tcp" and bool(parts.hostname) and parts.port is not None
        except ValueError:
            is_whole = False
        if not is_whole:
            raise ValueError("write it as opc.tcp://host:port, for example opc.tcp://10.0.0.5:4840")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> "OpcuaKeys":
        if self.mode is not None and self.mode != self.access:
            raise ValueError(
                f"mode = '{self.mode}' and access = '{self.access}': mode is what access was called; take it out"
            )
        if self.security != "none" and not (self.certificate and self.private_key):
            raise ValueError(f"security = '{self.security}' needs certificate and private_key: paths of two files")
        if self.trust == "pinned" and (self.security == "none" or not self.server_certificate):
            raise ValueError(
                "trust = 'pinned' needs security 'sign' or 'sign_and_encrypt', and server_certificate: the file in "
                "which the certificate shown at first is kept"
            )
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file: give one of them")
        if (self.password or self.password_file) and not self.user:
            raise ValueError("a password needs a user")
        return self

    def files(self, directory: Path) -> list[Path]:
        """Return the CSV file of tags, certificates and the password's file."""
        named = (self.tags.file, self.certificate, self.private_key, self.password_file)
        return [*(directory / name for name in named if name), *self.given_certificates(directory)]

    def given_certificates(self, directory: Path) -> list[Path]:
        """Return the file of the only server that is talked to, where a person has put it there."""
        return [directory / self.server_certificate] if self.server_certificate and self.trust == "given" else []

    def polls_on_request(self) -> bool:
        """A subscription has the server's pace."""
        return self.access == "read"

    def notes(self) -> list[str]:
        """Return that the old key is used, where it is."""
        if self.mode is None:
            return []
        return [f"source.mode = '{self.mode}' is called source.access now; it is read as before"]

    def describe(self, interval_s: float | None, pace: str) -> str:
        """Return the server, which tags, how."""
        how = "read" if self.access == "read" else "subscribed"
        if self.access == "subscribe":
            pace = f"published every {(interval_s or DEFAULT_INTERVAL_S) * 1000:g} ms"
        return f"{self.tags.describe()} of {self.url}, {how} {pace}, security {self.security}"

    def secret(self, directory: Path) -> str | None:
        """Return the user's password. Raises: SourceError: its file can't be read."""
        if self.password_file is not None:
            path = directory / self.password_file
            try:
                return read_named(path, MAX_SECRET_BYTES).decode("utf-8-sig").strip()
            except UnicodeDecodeError as error:
                raise SourceError(f"{path}: can't be read: {error}") from error
        return self.password.get_secret_value() if self.password else None
