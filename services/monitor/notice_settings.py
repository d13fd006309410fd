"""Where alerts go, and which: the monitor's settings of webhook and mail."""

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from shared.settings.models import BufferSettings
from shared.settings.secret_files import current_secret

#: An address, or a name with one: never two, of which a server would take the first alone, or none.
_ADDRESS = re.compile(r"(?:[^<>@\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)")


class NoticeSettings(BufferSettings):
    """What the monitor reads of it from the environment."""

    alert_webhook_url: SecretStr | None = Field(
        None,
        description="URL that alerts are posted to (https, or http inside the plant); it is a secret, it holds a token",
    )
    alert_webhook_url_file: Path | None = Field(None, description="File that holds it; read again for every notice")
    alert_webhook_format: Literal["json", "slack", "teams"] = Field(
        "json", description="`json`: docs/api.md; `slack`: also Mattermost and Rocket.Chat; `teams`: a workflow's card"
    )
    alert_smtp_host: str = Field("", description="Mail server that alerts are handed to")
    alert_smtp_port: int = Field(587, ge=1, le=65_535, description="Its port: 587 for starttls, 465 for tls")
    alert_smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the way there is encrypted; without TLS nothing is sent unless it is `none`"
    )
    alert_smtp_user: str = Field("", description="User there, where it wants one")
    alert_smtp_password: SecretStr = Field(SecretStr(""), description="Its password")
    alert_smtp_password_file: Path | None = Field(None, description="File that holds it; read again for every notice")
    alert_smtp_from: str = Field("", description="Sender of the mails")
    alert_smtp_to: str = Field("", description="Recipients, with commas or semicolons")
    alert_severity: Literal["warning", "critical"] = Field(
        "warning", description="The least severity that is told; alerts that get worse are told then"
    )
    alert_repeat_minutes: float = Field(
        240.0, ge=0, le=44_640, description="Minutes after which an alert that stands is told again; 0: never"
    )
    alert_dashboard_url: str = Field("", description="Address of the dashboard as people reach it: it ends each notice")

    @field_validator("alert_webhook_url")
    @classmethod
    def _usable_webhook_url(cls, value: SecretStr | None) -> SecretStr | None:
        # `ALERT_WEBHOOK_URL=` is what a compose file makes of a variable that is not set.
        if value is None or not value.get_secret_value():
            return None
        # A file that an editor made ends with a line end, also where it comes as a variable.
        url = value.get_secret_value().strip()
        problem = problem_with_url(url)
        if problem:
            raise ValueError(problem)
        return SecretStr(url)

    @field_validator("alert_smtp_password")
    @classmethod
    def _without_line_end(cls, value: SecretStr) -> SecretStr:
        return SecretStr(value.get_secret_value().rstrip("\r\n"))

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if not self.alert_smtp_host:
            return self
        for name, addresses in (
            ("ALERT_SMTP_FROM", [self.alert_smtp_from]),
            ("ALERT_SMTP_TO", self.alert_recipients),
        ):
            if not addresses or not all(map(_ADDRESS.fullmatch, addresses)):
                raise ValueError(f"{name}: ALERT_SMTP_HOST is set, so it must be an address such as plant@example.com")
        if self.alert_smtp_tls == "none" and self.alert_smtp_password.get_secret_value():
            raise ValueError("ALERT_SMTP_TLS=none: ALERT_SMTP_PASSWORD could be read on its way; use starttls or tls")
        return self

    @property
    def alert_recipients(self) -> list[str]:
        """The addresses of ALERT_SMTP_TO."""
        # As Outlook writes them.
        return parts_of(self.alert_smtp_to.replace(";", ","))

    def current_webhook_url(self) -> str:
        """Return the URL as its file holds it now, or as it was while that can't be used."""
        return current_secret(
            self.alert_webhook_url, self.alert_webhook_url_file, lambda url: not problem_with_url(url)
        )

    def current_smtp_password(self) -> str:
        """Return the password as its file holds it now, or as it was while that can't be read."""
        return current_secret(self.alert_smtp_password, self.alert_smtp_password_file)


def problem_with_url(url: str) -> str:
    """Return what is wrong with a URL, without a word of it; an empty text when nothing is."""
    if not url.isascii() or any(letter.isspace() or not letter.isprintable() for letter in url):
        return "it holds a space, a line break or another letter that can't be in a URL"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        # Python's own words hold a piece of it.
        return "its host or its port is none"
    if parts.scheme not in {"http", "https"} or not host:
        return "the form is https://host/path"
    if parts.username is not None:
        return "user and password in front of the host are not sent: use a URL with a token in it"
    return ""


def parts_of(text: str) -> list[str]:
    """Return what stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
