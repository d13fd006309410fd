"""Webhook and mail against real servers that are well, slow, dead, mistaken or malicious."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import monotonic, sleep

import pytest

from services.monitor.assess.alert_kinds import Severity
from services.monitor.assess.assessment import Alert
from services.monitor.notice_settings import NoticeSettings
from services.monitor.notify import mail, receiver, webhook
from services.monitor.notify.mail import Mail
from services.monitor.notify.notice import MAX_TOLD, News, Notice, What
from services.monitor.notify.receiver import NotTakenError
from services.monitor.notify.webhook import Webhook
from tests.integration.monitor.notify.places import (
    PASSWORD,
    USER,
    HookServer,
    MailServer,
    drip,
    flood,
    silent_port,
    status,
)  # fmt: skip
from tests.tls import Identity

#: 2026-01-01T00:00:00Z.
T0 = 1_767_225_600.0

#: Whatever a tag or a file may be called.
ODD = "태그 <!channel> [a](http://evil) & \udce9"

#: The same, where text is Markdown, as in Mattermost.
ODD_MARKDOWN = "@channel, @all: [open](http://evil.example) [b][c], by shift@plant.example"

SECRET = "secret-token-of-the-tests"


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (webhook, mail):
        monkeypatch.setattr(module, "STEP_S", 0.5)
    monkeypatch.setattr(receiver, "TRY_S", 1.0)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hook() -> Iterator[HookServer]:
    with HookServer() as server:
        yield server


def notice(count: int = 1) -> Notice:
    alert = Alert("no_writer", Severity.CRITICAL, T0, f"No writer is running: {ODD}", "Start one.")
    over = Alert("oracle_away", Severity.WARNING, T0 - 90, "Oracle can't be reached", "Wait.")
    news = [News(What.RAISED, alert)] * count + [News(What.RESOLVED, over, T0)]
    return Notice("plant-7", T0 + 10, news, "http://monitor.plant:8000")


def test_programs_get_json_with_every_field(hook: HookServer) -> None:
    assert Webhook(lambda: hook.url, "json").send(notice()) == ""
    (path, headers, _), (payload,) = hook.posts[0], hook.payloads
    assert path == f"/hook/{SECRET}"
    assert headers["Content-Type"] == "application/json"
    assert payload["subject"] == "[plant-7] critical: no_writer, oracle_away"
    assert payload["pipeline"] == "plant-7"
    first, second = payload["alerts"]
    assert first == {
        "what": "raised", "code": "no_writer", "severity": "critical", "partition": None, "since": T0, "ended_at": None,
        "message": "No writer is running: 태그 <!channel> [a](http://evil) & \\udce9", "what_to_do": "Start one.",
    }  # fmt: skip
    assert (second["what"], second["ended_at"], second["what_to_do"]) == ("resolved", T0, "")


def test_slack_gets_text_in_which_nothing_is_a_mention(hook: HookServer) -> None:
    """Kind: the name of a tag calls everybody in the channel."""
    Webhook(lambda: hook.url, "slack").send(notice())
    text = hook.payloads[0]["text"]
    assert "CRITICAL no_writer since 2026-01-01 00:00:00 UTC" in text
    assert "RESOLVED oracle_away (warning since 2025-12-31 23:58:30 UTC, for 1 min 30 s)" in text
    assert "&lt;!channel&gt;" in text
    assert "<" not in text


def test_mattermost_gets_text_in_which_nothing_is_a_mention_or_a_link(hook: HookServer) -> None:
    """Kind: text from outside is no text in the language of who shows it: only Slack's own signs were escaped."""
    alert = Alert("unforeseen_fault", Severity.WARNING, T0, ODD_MARKDOWN, "Look.")
    Webhook(lambda: hook.url, "slack").send(Notice("plant-7", T0, [News(What.RAISED, alert)]))
    text = hook.payloads[0]["text"]
    assert not re.search(r"(?<!\w)@\w|\]\(|\]\[", text)
    assert ODD_MARKDOWN in text.replace("\u200b", "")
    assert "shift@plant.example" in text


def test_teams_gets_a_card_within_its_bound(hook: HookServer) -> None:
    long = Alert("x" * 40, Severity.CRITICAL, T0, "한" * 2_000, "글" * 2_000)
    Webhook(lambda: hook.url, "teams").send(Notice("plant-7", T0, [News(What.RAISED, long)] * 200))
    (attachment,) = hook.payloads[0]["attachments"]
    body = attachment["content"]["body"]
    assert {block["type"] for block in body} == {"RichTextBlock"}
    assert len(body) == 1 + 3 * MAX_TOLD + 1
    assert body[-1]["inlines"][0]["text"].startswith("and 190 more: ")
    assert len(hook.posts[0][2]) < 28_000


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda request: status(request, 500), "it has trouble of its own (500)"),
        (lambda request: status(request, 404), "it refuses the call (404): is the URL whole and not revoked?"),
        (lambda request: status(request, 400), "it does not understand the call (400)"),
        (lambda request: status(request, 429), "it takes no more for now (429)"),
        (lambda _: sleep(3), "gives no answer within"),
        (drip, "gives no whole answer within"),
        (lambda request: request.wfile.write(b"SSH-2.0-OpenSSH\r\n"), "does not speak as it should"),
        (lambda _: None, "does not speak as it should"),
    ],
    ids=["500", "404", "400", "429", "slow", "drips", "another service", "closes"],
)
def test_webhook_that_does_not_take_it_is_said_in_plain_words_without_its_token(
    hook: HookServer, answer: Callable[[BaseHTTPRequestHandler], None], said: str
) -> None:
    """Kind: a receiver that is ill holds up who tells it, or the log holds the token."""
    hook.answer = answer
    began = monotonic()
    with pytest.raises(NotTakenError) as caught:
        Webhook(lambda: hook.url, "json").send(notice())
    assert monotonic() - began < 2.9, "it was waited for"
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_redirect_is_not_followed(hook: HookServer) -> None:
    """Kind: a receiver outside sends the monitor to an address inside."""
    with HookServer() as inside:
        hook.answer = lambda request: status(request, 307, Location=inside.url)
        with pytest.raises(NotTakenError, match="leads to another address"):
            Webhook(lambda: hook.url, "json").send(notice())
        assert inside.posts == []


def test_answer_without_end_is_not_read(hook: HookServer) -> None:
    """Kind: an answer fills the memory."""
    hook.answer = flood
    assert Webhook(lambda: hook.url, "json").send(notice()) == ""


def test_refusal_that_teams_hides_behind_a_200_is_one(hook: HookServer) -> None:
    hook.answer = lambda request: status(
        request, 200, b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
    )
    with pytest.raises(NotTakenError, match="answers 200 and says in its text that it failed"):
        Webhook(lambda: hook.url, "teams").send(notice())


def test_host_and_port_that_are_wrong_are_said_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotTakenError, match=f"nothing listens at 127.0.0.1:{port}"):
        Webhook(lambda: f"http://127.0.0.1:{port}/x", "json").send(notice())
    with pytest.raises(NotTakenError, match=r"no such host: nowhere\.invalid:443"):
        Webhook(lambda: "https://nowhere.invalid/x", "json").send(notice())
    with silent_port() as port, pytest.raises(NotTakenError, match="gives no answer within"):
        Webhook(lambda: f"https://127.0.0.1:{port}/x", "json").send(notice())


def test_https_wants_a_certificate_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Identity("localhost")
    (tmp_path / "pem").write_bytes(identity.both())
    (tmp_path / "ca").write_bytes(identity.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    with HookServer(context) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(NotTakenError, match=r"is not trusted .*SSL_CERT_FILE"):
            Webhook(lambda: url, "json").send(notice())
        assert server.posts == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca"))
        assert Webhook(lambda: url, "json").send(notice()) == ""
        # Expect another name than the certificate's to be refused
        with pytest.raises(NotTakenError, match="is not trusted"):
            Webhook(lambda: server.url, "json").send(notice())


def test_proxy_of_the_environment_is_taken(hook: HookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", hook.url.replace("http://", "http://user:word@"))
    Webhook(lambda: "http://chat.example/hook?a=1", "json").send(notice())
    ((path, headers, _),) = hook.posts
    assert path == "http://chat.example/hook?a=1"
    assert headers["Host"] == "chat.example"
    assert headers["Proxy-Authorization"].startswith("Basic ")
    monkeypatch.setenv("https_proxy", hook.url)
    hook.answer = lambda request: status(request, 407)
    with pytest.raises(NotTakenError):
        Webhook(lambda: "https://chat.example/hook", "json").send(notice())
    assert hook.posts[1][0] == "chat.example:443"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    hook.answer = lambda request: status(request, 200)
    Webhook(lambda: hook.url, "json").send(notice())
    assert hook.posts[2][0] == f"/hook/{SECRET}"


def place(server: MailServer, **changes: object) -> NoticeSettings:
    said = {
        "host": "localhost", "port": server.port, "tls": "starttls", "user": USER, "password": PASSWORD,
        "from": "tagpipe <plant@example.com>", "to": "a@example.com, b@example.com", **changes,
    }  # fmt: skip
    return NoticeSettings.model_validate({f"alert_smtp_{name}": value for name, value in said.items()})


#: What goes on no way that is open.
OPEN = {"tls": "none", "user": "", "password": ""}


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[MailServer], MailServer]:
    """Trust a server's certificate."""

    def trust(server: MailServer) -> MailServer:
        (tmp_path / "ca.pem").write_bytes(server.identity.certificate)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        return server

    return trust


Trust = Callable[[MailServer], MailServer]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_mail_is_handed_over_with_tls_and_log_on(tmp_path: Path, trusted: Trust, tls: str) -> None:
    with trusted(MailServer(tmp_path, name="localhost", tls=tls)) as server:
        assert Mail(place(server, tls=tls)).send(notice()) == ""
    (got,) = server.mails
    assert got["Subject"] == "[plant-7] critical: no_writer, oracle_away"
    assert got["To"] == "a@example.com, b@example.com"
    assert got["Auto-Submitted"] == "auto-generated"
    text = got.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert "CRITICAL no_writer since 2026-01-01 00:00:00 UTC\n" in text.replace("\r\n", "\n")
    assert "태그 <!channel>" in text
    assert "What to do: Start one." in text
    assert not server.was_open


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_password_may_have_any_letters(tmp_path: Path, trusted: Trust, tls: str) -> None:
    """Kind: a library that takes ASCII alone: "does not speak as it should", of a server that was never asked."""
    with trusted(MailServer(tmp_path, name="localhost", tls=tls)) as server:
        server.password = "Pläntchen-비밀번호-€"
        assert Mail(place(server, tls=tls, password=server.password)).send(notice()) == ""
    assert len(server.mails) == 1


def test_name_of_the_sender_may_have_a_comma(tmp_path: Path) -> None:
    """Kind: a name that is a list in the language that it is put into: mail came from `tagpipe` alone."""
    with MailServer(tmp_path, tls="none") as server:
        Mail(place(server, **OPEN, **{"from": "tagpipe, plant 7 <plant@example.com>"})).send(notice())
    (got,) = server.mails
    assert got["From"] == '"tagpipe, plant 7" <plant@example.com>'
    assert server.senders == ["plant@example.com"]


def test_address_that_the_server_can_not_take_is_not_said_to_be_tls(tmp_path: Path, trusted: Trust) -> None:
    """Kind: one cause told for all that a library calls by one name."""
    with (
        trusted(MailServer(tmp_path, name="localhost")) as server,
        pytest.raises(NotTakenError, match="no addresses with letters beyond ASCII: see ALERT_SMTP_FROM"),
    ):
        Mail(place(server, to="schicht@exämple.com")).send(notice())


def test_password_is_not_sent_where_the_server_offers_no_tls(tmp_path: Path) -> None:
    """Kind: somebody on the way takes STARTTLS out of the answer, and the password goes in the open."""
    with MailServer(tmp_path, tls="none") as server:
        with pytest.raises(NotTakenError, match="offers no TLS"):
            Mail(place(server)).send(notice())
        assert not server.was_open
        assert Mail(place(server, **OPEN)).send(notice()) == ""
    assert len(server.mails) == 1


def test_certificate_of_another_is_not_taken(tmp_path: Path, trusted: Trust) -> None:
    with trusted(MailServer(tmp_path, name="mail.other")) as server:
        with pytest.raises(NotTakenError, match="is not trusted"):
            Mail(place(server)).send(notice())
        assert not server.mails


def test_wrong_password_is_said_and_not_repeated(tmp_path: Path, trusted: Trust) -> None:
    """Kind: the server's own words hold the password that it was given, and the log then, too."""
    with trusted(MailServer(tmp_path, name="localhost")) as server, pytest.raises(NotTakenError) as caught:
        Mail(place(server, password="wr0ng-word")).send(notice())
    assert "refuses ALERT_SMTP_USER or its password (535" in str(caught.value)
    assert "wr0ng-word" not in str(caught.value)


def test_one_recipient_that_is_refused_costs_the_others_nothing_and_is_said(tmp_path: Path, trusted: Trust) -> None:
    """Kind: one colleague leaves, and nobody is told any more; or all others are told every five minutes."""
    with trusted(MailServer(tmp_path, name="localhost")) as server:
        server.refused = {"a@example.com"}
        assert Mail(place(server)).send(notice()).endswith("refuses a@example.com; the others have it")
        assert len(server.mails) == 1
        server.refused |= {"b@example.com"}
        with pytest.raises(NotTakenError, match=r"refuses every recipient of ALERT_SMTP_TO: .*no a@example.com here"):
            Mail(place(server)).send(notice())


def _endless() -> Iterator[bytes]:
    while True:
        yield b"220-wait\r\n"
        sleep(0.05)


def test_mail_server_that_is_ill_is_waited_for_no_longer_than_a_try(tmp_path: Path) -> None:
    with MailServer(tmp_path, tls="none") as server:
        server.greeting = _endless()
        began = monotonic()
        with pytest.raises(NotTakenError, match="gives no whole answer within"):
            Mail(place(server, **OPEN)).send(notice())
        assert monotonic() - began < 2.9
    with silent_port() as port, pytest.raises(NotTakenError, match="gives no answer within"):
        Mail(place(server, port=port)).send(notice())
    with HookServer() as web, pytest.raises(NotTakenError):
        Mail(place(server, port=web.port)).send(notice())
