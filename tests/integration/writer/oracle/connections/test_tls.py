"""TLS to Oracle: a proxy that speaks it stands before the stand-in; each usual mistake is said in plain words."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.writer.oracle.codes import meaning_of
from services.writer.oracle.connections.connecting import connect
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from tests.oracle_target import OracleTarget
from tests.tls import Identity, TlsProxy


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
