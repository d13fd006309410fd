"""The receiver that hands mail to an SMTP server. Where TLS is wanted, nothing goes without it."""

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, make_msgid
from typing import Any

from services.monitor.assess.humanize import moment
from services.monitor.notice_settings import NoticeSettings
from services.monitor.notify.notice import Notice
from services.monitor.notify.receiver import STEP_S, TROUBLE, one_try, why, without


class _Utf8(str):
    """A text that becomes UTF-8 whatever is asked for: smtplib asks for ASCII, and servers take more (RFC 4616)."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return it in an encoding, or as UTF-8 in the place of ASCII."""
        return super().encode("utf-8" if encoding == "ascii" else encoding, errors)


class _Smtp(smtplib.SMTP):
    """A server that is not connected to yet: only then can its socket be shut from the first letter on."""

    def __init__(self, host: str, **tls: Any) -> None:
        super().__init__(timeout=STEP_S, **tls)
        # Whose certificate it must be: `connect` leaves it empty.
        self._host = host

    def auth_plain(self, challenge: Any = None) -> str:
        """Return what logs on; as UTF-8."""
        return _Utf8(super().auth_plain(challenge))


class _SmtpOverTls(_Smtp, smtplib.SMTP_SSL):
    """The same, with TLS from the first letter on."""


class Mail:
    """Sends each notice as one mail to all recipients."""

    kind = "mail"

    def __init__(self, settings: NoticeSettings) -> None:
        self._settings = settings

    @property
    def identity(self) -> str:
        """A digest of server and recipients."""
        whom = ",".join([self._settings.alert_smtp_host, *self._settings.alert_recipients])
        return f"mail-{hashlib.sha256(whom.encode()).hexdigest()[:12]}"

    def send(self, notice: Notice) -> str:
        """Hand over one notice; return which recipients were refused, where others have it. Raises: NotTakenError."""
        host, password = self._settings.alert_smtp_host, self._settings.current_smtp_password()
        where = f"{host}:{self._settings.alert_smtp_port}"
        context = ssl.create_default_context()
        server = _SmtpOverTls(host, context=context) if self._settings.alert_smtp_tls == "tls" else _Smtp(host)
        with one_try(server, where, lambda error: _why(error, where, [password])):
            refused = self._hand_over(server, context, password, _mail_of(notice, self._settings))
        return f"{where} refuses {', '.join(sorted(refused))}; the others have it" if refused else ""

    def _hand_over(
        self, server: smtplib.SMTP, context: ssl.SSLContext, password: str, mail: EmailMessage
    ) -> dict[str, tuple[int, bytes]]:
        settings = self._settings
        code, words = server.connect(settings.alert_smtp_host, settings.alert_smtp_port)
        if code != 220:  # noqa: PLR2004 - RFC 5321, 3.1
            raise smtplib.SMTPConnectError(code, words)
        if settings.alert_smtp_tls == "starttls":
            server.starttls(context=context)
        if settings.alert_smtp_user:
            server.login(settings.alert_smtp_user, _Utf8(password))
        refused = server.send_message(mail)
        # It has the mail: what becomes of the goodbye is no matter.
        with suppress(*TROUBLE):
            server.quit()
        return refused


def _mail_of(notice: Notice, settings: NoticeSettings) -> EmailMessage:
    mail, sender = EmailMessage(), settings.alert_smtp_from
    mail["Subject"] = notice.subject
    mail["From"] = _with_name(sender)
    mail["To"] = ", ".join(settings.alert_recipients)
    mail["Date"] = format_datetime(moment(notice.sent_at))
    mail["Message-ID"] = make_msgid("tagpipe", domain=sender.rpartition("@")[2].strip("> ") or "tagpipe")
    # No answer of somebody's holiday.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(notice.text, cte="base64" if not notice.text.isascii() else None)
    return mail


def _with_name(given: str) -> str:
    """Return a sender as a header has it: a comma in a name makes no two of it."""
    name, _, address = given.rpartition("<")
    return formataddr((name.strip().strip('"'), address.strip("> ")))


def _why(error: BaseException, where: str, secrets: Sequence[str]) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        whom = [f"{name} ({code}: {_said(words, secrets)})" for name, (code, words) in error.recipients.items()]
        return f"{where} refuses every recipient of ALERT_SMTP_TO: {', '.join(whom)}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        what = (
            "takes no addresses with letters beyond ASCII: see ALERT_SMTP_FROM and ALERT_SMTP_TO"
            if "SMTPUTF8" in str(error)
            else "offers no TLS, or no log-on: ALERT_SMTP_TLS and ALERT_SMTP_USER do not fit it"
        )
        return f"{where} {what}"
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(error.__context__, OSError):
        # smtplib says so of an answer that did not come in time, too.
        return why(error.__context__, where)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"{where} closed the connection, or does not speak SMTP: does ALERT_SMTP_TLS fit the port?"
    if isinstance(error, smtplib.SMTPResponseException):
        what = _REFUSED.get(type(error), "the mail")
        return f"{where} refuses {what} ({error.smtp_code}: {_said(error.smtp_error, secrets)})"
    return why(error, where)


#: What a server refuses, by the error that smtplib makes of it.
_REFUSED: dict[type[BaseException], str] = {
    smtplib.SMTPAuthenticationError: "ALERT_SMTP_USER or its password",
    smtplib.SMTPSenderRefused: "ALERT_SMTP_FROM",
    smtplib.SMTPConnectError: "the connection",
}


def _said(words: bytes | str, secrets: Sequence[str]) -> str:
    return without(secrets, words.decode(errors="replace") if isinstance(words, bytes) else str(words))
