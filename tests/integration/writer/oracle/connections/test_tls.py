"""TLS to Oracle: a private authority, client certificates, wallets; each usual mistake is said in plain words.

The server is the stand-in with certificates of its own. A mistake's test also does what the writer says is to be done
about it, and is let in then.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from oracle_stand_in.process import OracleStandIn
from oracle_stand_in.server.tls import TlsFiles
from services.writer.check.findings import Finding
from services.writer.check.inserts import failure
from services.writer.oracle.connections.connecting import connect
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from tests.tls import Identity

PLANT, STRANGER = Identity("Plant Authority"), Identity("Somebody Else's Authority")
EXPIRED = Identity("tagpipe", days=-1, authority=PLANT)
OURS, THEIRS = Identity("tagpipe", authority=PLANT), Identity("tagpipe", authority=STRANGER)
AUTHORITY = PLANT.certificate
#: What older tools of Oracle's make.
WEAK_AUTHORITY, WEAK = Identity("Old Authority", bits=1024), Identity("tagpipe", authority=PLANT, bits=1024)
#: Of servers, by what is particular about their TLS.
IDENTITIES = {
    "sound": Identity("localhost", authority=PLANT),
    "wants ours": Identity("localhost", authority=PLANT),
    "expired": Identity("localhost", days=-1, authority=PLANT),
    "other name": Identity("elsewhere", authority=PLANT),
    "address": Identity("localhost", authority=PLANT, address="127.0.0.1"),
    "not yet valid": Identity("localhost", authority=PLANT, since_days=-1),
    "weak authority": Identity("localhost", authority=WEAK_AUTHORITY),
}


class Servers:
    """Stand-ins by what is particular about their TLS, each started when it is first asked for."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory, self._stack = directory, stack
        self._running: dict[str, OracleStandIn] = {}

    def __getitem__(self, kind: str) -> OracleStandIn:
        if kind not in self._running:
            self._running[kind] = self._stack.enter_context(OracleStandIn(host="localhost", tls=self._files(kind)))
        return self._running[kind]

    def _files(self, kind: str) -> TlsFiles | None:
        if kind == "no TLS":
            return None
        certificate, key, authority = (self._directory / f"{kind}.{end}" for end in ("crt", "key", "ca"))
        certificate.write_bytes(IDENTITIES[kind].certificate)
        key.write_bytes(IDENTITIES[kind].key())
        authority.write_bytes(AUTHORITY)
        return TlsFiles(certificate, key, authority if kind == "wants ours" else None)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("tls"), stack)


@dataclass(frozen=True)
class Client:
    """What is set up on our side."""

    #: What ewallet.pem holds; None: there is no wallet.
    wallet: bytes | None = None
    password: str | None = None
    #: What is added to the connect string, and what stands before it.
    parameter: str = ""
    scheme: str = "tcps://"
    host: str = "localhost"
    #: What a listener that says nothing is given, in all.
    patience_s: float = 6.0


Connecting = Callable[[str, Client], None]


@pytest.fixture
def settings_of(servers: Servers, tmp_path: Path) -> Callable[[str, Client], WriterSettings]:
    """A function from a kind of server and a client to the writer's settings."""

    def make(kind: str, client: Client) -> WriterSettings:
        server, directory = servers[kind], tmp_path / "wallet"
        if client.wallet is not None:
            directory.mkdir(exist_ok=True)
            (directory / "ewallet.pem").write_bytes(client.wallet)
        return WriterSettings.model_validate(
            {
                "oracle_dsn": f"{client.scheme}{client.host}:{server.port}/{server.service}{client.parameter}",
                "oracle_user": server.user, "oracle_password": server.password,
                "oracle_connect_timeout": client.patience_s / 2, "oracle_call_timeout": client.patience_s / 2,
                "oracle_wallet_location": directory if client.wallet is not None else None,
                "oracle_wallet_password": client.password,
            }
        )  # fmt: skip

    return make


@pytest.fixture
def connecting(settings_of: Callable[[str, Client], WriterSettings]) -> Connecting:
    def connect_once(kind: str, client: Client) -> None:
        settings = settings_of(kind, client)
        with connect(settings, settings.oracle_password.get_secret_value()) as connection:
            connection.ping()

    return connect_once


@pytest.mark.parametrize("kind", ["sound", "wants ours"])
@pytest.mark.parametrize("password", [None, "wallet-password"])
def test_a_wallet_opens_the_connection(connecting: Connecting, kind: str, password: str | None) -> None:
    connecting(kind, Client(OURS.both(password) + AUTHORITY, password))


TRUSTING = Client(AUTHORITY)
HASTY = replace(TRUSTING, patience_s=1.0)
ENCRYPTED = Client(OURS.both("secret") + AUTHORITY)
#: Which of the two is chance: in TLS 1.3 we are through before the server looks at our certificate, and have sent a
#: packet by then. A server that closes with that unread sends a reset, which may overtake the reason.
SHOWN_OUT = "it wants a certificate of ours (mTLS), or another one|it accepts connections and closes them again"
#: Server, client, what is said, what is to be done about it, and the client that has done it: None where it is not ours
#: to do.
MISTAKES = {
    "untrusted": (
        "sound", Client(), "signed by somebody whom this machine does not trust", "authority's certificate", TRUSTING,
    ),
    "another authority trusted": (
        "sound", Client(STRANGER.certificate), "whom this machine does not trust", "authority's certificate", TRUSTING,
    ),
    "expired": ("expired", TRUSTING, "the certificate has expired", "renew the listener's certificate", None),
    "other name": (
        "other name", TRUSTING, "certificate is for another name", "?ssl_server_cert_dn=",
        replace(TRUSTING, parameter="?ssl_server_cert_dn=CN=elsewhere"),
    ),
    "no certificate in the wallet": (
        "sound", Client(b"nonsense"), "ewallet.pem holds no certificate", "an ewallet.pem in PEM form", TRUSTING,
    ),
    "no password": (
        "sound", ENCRYPTED, "is encrypted, and the password does not open it", "ORACLE_WALLET_PASSWORD_FILE",
        replace(ENCRYPTED, password="secret"),
    ),
    "wrong password": (
        "wants ours", replace(ENCRYPTED, password="guess"), "is encrypted, and the password does not open it",
        "ORACLE_WALLET_PASSWORD_FILE", replace(ENCRYPTED, password="secret"),
    ),
    "no certificate of ours": (
        "wants ours", TRUSTING, SHOWN_OUT, "wallet with our key and certificate",
        Client(OURS.both() + AUTHORITY),
    ),
    "another certificate before ours": (
        "wants ours", Client(AUTHORITY + OURS.both()), "is not that of the key in it", "our certificate first",
        Client(OURS.both() + AUTHORITY),
    ),
    "another certificate before ours, encrypted": (
        "wants ours", Client(AUTHORITY + OURS.both("secret"), "secret"), "is not that of the key in it",
        "our certificate first", replace(ENCRYPTED, password="secret"),
    ),
    "a certificate of ours that it does not trust": (
        "wants ours", Client(THEIRS.both() + AUTHORITY), SHOWN_OUT, "wallet with our key and certificate",
        Client(OURS.both() + AUTHORITY),
    ),
    "an expired certificate of ours": (
        "wants ours", Client(EXPIRED.both() + AUTHORITY), "our certificate in ewallet.pem has expired",
        "a new ewallet.pem", Client(OURS.both() + AUTHORITY),
    ),
    "its address, which the certificate has": (
        "address", replace(TRUSTING, host="127.0.0.1"), "certificate is for another name", "an IP address in it is not",
        replace(TRUSTING, host="127.0.0.1", parameter="?ssl_server_cert_dn=CN=localhost"),
    ),
    "not valid yet": ("not yet valid", TRUSTING, "certificate is not valid yet", "this machine's clock right?", None),
    "a weak authority": (
        "weak authority", Client(WEAK_AUTHORITY.certificate), "too weak for the OpenSSL of today", "2,048 bits", None,
    ),
    "a weak certificate of ours": (
        "wants ours", Client(WEAK.both() + AUTHORITY), "our certificate in ewallet.pem is too weak", "2,048 bits",
        Client(OURS.both() + AUTHORITY),
    ),
    "a weak certificate of ours, encrypted": (
        "wants ours", Client(WEAK.both("secret") + AUTHORITY, "secret"), "our certificate in ewallet.pem is too weak",
        "2,048 bits", replace(ENCRYPTED, password="secret"),
    ),
    "TLS to a port without": (
        "no TLS", HASTY, "accepts connections and then says nothing", "tcps:// to a port without TLS",
        replace(TRUSTING, scheme=""),
    ),
    "no TLS to a port with": (
        "sound", replace(TRUSTING, scheme=""), "it accepts connections and closes them again", "tcps://", TRUSTING,
    ),
}  # fmt: skip
#: What an outage looks like as well: tried again, not left to a person.
MAY_BE_AN_OUTAGE = {
    "no certificate of ours", "a certificate of ours that it does not trust", "an expired certificate of ours",
    "no TLS to a port with", "TLS to a port without", "not valid yet",
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_in_plain_words_with_a_remedy_that_works(connecting: Connecting, mistake: str) -> None:
    """Kind: "cannot connect", whatever is wrong; tried again and again as if it were an outage."""
    kind, client, cause, remedy, mended = MISTAKES[mistake]
    with pytest.raises(SinkError) as caught:
        connecting(kind, client)
    finding: Finding = failure("connection", caught.value)
    assert any(words in finding.detail for words in cause.split("|"))
    assert remedy in finding.remedy
    assert caught.value.verdict is (Verdict.TRANSIENT if mistake in MAY_BE_AN_OUTAGE else Verdict.CONFIGURATION)
    assert "guess" not in str(caught.value)
    if mended is not None:
        connecting(kind, mended)


def test_a_key_that_is_encrypted_as_of_old_is_not_blamed_on_the_password(connecting: Connecting) -> None:
    """Kind: one cause told for all that look alike. OpenSSL says of both the same."""
    encrypt = ["openssl", "pkcs8", "-topk8", "-v1", "PBE-SHA1-RC2-40", "-passout", "pass:secret", "-provider", "legacy"]
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on PATH")
    done = subprocess.run([*encrypt, "-provider", "default"], input=OURS.key(), capture_output=True, check=False)
    if done.returncode:
        pytest.skip("openssl has no legacy provider")
    wallet = Client(OURS.certificate + done.stdout + AUTHORITY, "secret")
    with pytest.raises(SinkError) as caught:
        connecting("wants ours", wallet)
    finding: Finding = failure("connection", caught.value)
    assert "the password opens ewallet.pem" in finding.detail
    assert "encrypt it anew" in finding.remedy
    with pytest.raises(SinkError, match="does not open") as caught:
        connecting("wants ours", replace(wallet, password="guess"))
    assert caught.value.code == "WALLET"


@pytest.mark.parametrize("setting", ["NO", "OFF", "false"])
def test_a_descriptor_may_name_the_wallet_and_leave_the_name_out(
    servers: Servers, tmp_path: Path, settings_of: Callable[[str, Client], WriterSettings], setting: str
) -> None:
    """Kind: a parameter that is read and not applied."""
    (tmp_path / "ewallet.pem").write_bytes(AUTHORITY)
    where = f"(ADDRESS=(PROTOCOL=tcps)(HOST=localhost)(PORT={servers['other name'].port}))"
    security = f"(SECURITY=(MY_WALLET_DIRECTORY={tmp_path})(SSL_SERVER_DN_MATCH={{}}))"
    dsn = f"(DESCRIPTION={where}{security}(CONNECT_DATA=(SERVICE_NAME={servers['other name'].service})))"
    settings = settings_of("other name", Client())
    password = settings.oracle_password.get_secret_value()
    with connect(settings.model_copy(update={"oracle_dsn": dsn.format(setting)}), password) as connection:
        connection.ping()
    with pytest.raises(SinkError, match="DPY-6005"):
        connect(settings.model_copy(update={"oracle_dsn": dsn.format("ON")}), password)


def test_a_server_that_does_not_look_at_our_certificate_lets_an_expired_one_in(connecting: Connecting) -> None:
    connecting("sound", Client(EXPIRED.both() + AUTHORITY))


def test_nobody_is_asked_for_a_password_on_the_terminal(
    settings_of: Callable[[str, Client], WriterSettings], tmp_path: Path
) -> None:
    """Kind: a library that waits for a person where there is none (OpenSSL: "Enter PEM pass phrase")."""
    settings = settings_of("sound", ENCRYPTED)
    terminal, theirs = os.openpty()
    environment = {
        **os.environ, "ORACLE_DSN": settings.dsn, "ORACLE_USER": settings.oracle_user, "ORACLE_PASSWORD": "tagpipe",
        "ORACLE_WALLET_LOCATION": str(settings.oracle_wallet_location), "REDIS_URL": "redis://127.0.0.1:1/0",
        "BACKUP_DIR": str(tmp_path / "b"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "services.writer", "check"],
        env=environment, stdin=theirs, capture_output=True, text=True, timeout=30, check=False, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.close(terminal)
    assert done.returncode == 1
    assert "pass phrase" not in done.stdout + done.stderr
    assert "the wallet is encrypted" in done.stdout
    assert "ORACLE_WALLET_PASSWORD" in done.stdout


def test_a_listener_that_hangs_says_nothing_in_tls_either(servers: Servers, connecting: Connecting) -> None:
    """Kind: a wait without an end. The driver has no limit of its own for the handshake of TLS."""
    control = servers["sound"].control
    control.hang_new_connections()
    with pytest.raises(SinkError, match="accepts connections and then says nothing"):
        connecting("sound", HASTY)
    control.reset()
    connecting("sound", TRUSTING)
