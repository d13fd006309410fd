"""TLS to Oracle: a proxy that speaks it stands before the stand-in; each usual mistake is said in plain words."""

import datetime as dt
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from services.writer.oracle.codes import meaning_of
from services.writer.oracle.connecting import connect
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from tests.oracle_target import OracleTarget


class Identity:
    """A key and its certificate, signed by itself."""

    def __init__(self, name: str, days: int = 2) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(self._key.public_key())
            .serial_number(1).not_valid_before(now - dt.timedelta(days=9))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )  # fmt: skip
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)

    def key(self, password: str | None = None) -> bytes:
        encryption = (
            serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        )
        return self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)

    def both(self, password: str | None = None) -> bytes:
        return self.key(password) + self.certificate


class TlsProxy:
    """Takes TLS off, and passes on to the stand-in."""

    def __init__(self, directory: Path, identity: Identity, target: tuple[str, int], *, wants_ours: bool) -> None:
        pem = directory / "server.pem"
        pem.write_bytes(identity.both())
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        if wants_ours:
            self._context.load_verify_locations(pem)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.getsockname()[1])

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with (
            suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) as inside,
            socket.create_connection(self._target) as outside,
        ):
            threading.Thread(target=pump, args=(outside, inside), daemon=True).start()
            pump(inside, outside)


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def server_identity() -> Identity:
    return Identity("localhost")


@pytest.fixture
def dsn_of(oracle: OracleTarget, server_identity: Identity, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A function from what the server is like to the DSN of a TLS proxy that is so."""
    host, port, service = re.fullmatch(r"(.+):(\d+)/(.+)", oracle.dsn).groups()  # type: ignore[union-attr]
    proxies: list[TlsProxy] = []

    def make(identity: Identity = server_identity, *, wants_ours: bool = False) -> str:
        directory = tmp_path / f"server{len(proxies)}"
        directory.mkdir()
        proxies.append(TlsProxy(directory, identity, (host, int(port)), wants_ours=wants_ours))
        return f"tcps://localhost:{proxies[-1].port}/{service}"

    yield make
    for proxy in proxies:
        proxy.close()


def settings(oracle: OracleTarget, dsn: str, wallet: Path | None, password: str | None = None) -> WriterSettings:
    return WriterSettings.model_validate(
        {
            "oracle_dsn": dsn, "oracle_user": oracle.user, "oracle_password": oracle.password,
            "oracle_connect_timeout": 1, "oracle_call_timeout": 2, "oracle_wallet_location": wallet,
            "oracle_wallet_password": password,
        }
    )  # fmt: skip


def wallet_of(tmp_path: Path, content: bytes) -> Path:
    directory = tmp_path / "wallet"
    directory.mkdir()
    (directory / "ewallet.pem").write_bytes(content)
    return directory


@pytest.mark.parametrize("wants_ours", [False, True])
@pytest.mark.parametrize("password", [None, "wallet-password"])
def test_a_wallet_opens_the_connection(
    oracle: OracleTarget, dsn_of: Callable[..., str], server_identity: Identity, tmp_path: Path,
    wants_ours: bool, password: str | None,
) -> None:  # fmt: skip
    wallet = wallet_of(tmp_path, server_identity.both(password))
    dsn = dsn_of(wants_ours=wants_ours)
    with connect(settings(oracle, dsn, wallet, password), oracle.password) as connection:
        connection.ping()


EXPIRED, OTHER = Identity("localhost", days=-1), Identity("elsewhere")

MISTAKES: dict[str, tuple[dict[str, object], bytes | None, str | None, str, Verdict]] = {
    "untrusted": ({}, None, None, "signed by somebody whom this machine does not trust", Verdict.CONFIGURATION),
    "expired": (
        {"identity": EXPIRED}, EXPIRED.certificate, None, "the certificate has expired", Verdict.CONFIGURATION,
    ),
    "other name": (
        {"identity": OTHER}, OTHER.certificate, None, "certificate is for another name", Verdict.CONFIGURATION,
    ),
    "no certificate in the wallet": ({}, b"nonsense", None, "ewallet.pem holds no certificate", Verdict.CONFIGURATION),
    "no password": (
        {}, OTHER.both("secret"), None, "is encrypted, and the password does not open it", Verdict.CONFIGURATION,
    ),
    "wrong password": (
        {}, OTHER.both("secret"), "guess", "is encrypted, and the password does not open it", Verdict.CONFIGURATION,
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_in_plain_words_and_needs_a_person(
    oracle: OracleTarget, dsn_of: Callable[..., str], tmp_path: Path, mistake: str
) -> None:
    """Kind: "cannot connect", whatever is wrong; tried again and again as if it were an outage."""
    server, content, password, words, verdict = MISTAKES[mistake]
    wallet = wallet_of(tmp_path, content) if content is not None else None
    with pytest.raises(SinkError) as caught:
        connect(settings(oracle, dsn_of(**server), wallet, password), oracle.password)
    assert words in meaning_of(caught.value).cause
    assert caught.value.verdict is verdict
    assert "guess" not in str(caught.value)


def test_a_server_that_wants_a_certificate_of_ours(
    oracle: OracleTarget, dsn_of: Callable[..., str], server_identity: Identity, tmp_path: Path
) -> None:
    wallet = wallet_of(tmp_path, server_identity.certificate)
    with pytest.raises(SinkError) as caught:
        connect(settings(oracle, dsn_of(wants_ours=True), wallet), oracle.password)
    assert "it wants a certificate of ours (mTLS)" in meaning_of(caught.value).cause


def test_nobody_is_asked_for_a_password_on_the_terminal(
    oracle: OracleTarget, dsn_of: Callable[..., str], server_identity: Identity, tmp_path: Path
) -> None:
    """Kind: a library that waits for a person where there is none (OpenSSL: "Enter PEM pass phrase")."""
    wallet = wallet_of(tmp_path, server_identity.both("secret"))
    terminal, theirs = os.openpty()
    environment = {
        **os.environ, "ORACLE_DSN": dsn_of(), "ORACLE_USER": oracle.user, "ORACLE_PASSWORD": oracle.password,
        "ORACLE_WALLET_LOCATION": str(wallet), "REDIS_URL": "redis://127.0.0.1:1/0", "BACKUP_DIR": str(tmp_path / "b"),
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
