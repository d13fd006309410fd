"""The wallet: what opens it, and whether what it holds of ours is any good. The driver says nothing of either."""

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import oracledb
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.writer.oracle.connections.address import listed
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict

_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
#: Of OpenSSL's reasons those that speak of a certificate or a key that it would have taken in former times.
_TOO_WEAK = re.compile("TOO_SMALL|TOO_WEAK")
_ENCRYPTED = re.compile(rb"ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED")


def open_wallet(settings: WriterSettings, params: oracledb.ConnectParams) -> None:
    """Give the driver what opens the wallet, where TLS needs one.

    Raises: SinkError: code WALLET or WALLET_OLD: it is encrypted and does not open; WALLET_ORDER, WALLET_WEAK: our
        certificate is not the first in it, or OpenSSL does not take it. The driver would ask for a password on the
        terminal, or go on without our certificate.
    """
    password = settings.oracle_wallet_password.get_secret_value() if settings.oracle_wallet_password else None
    for wallet, content in _ours(params):
        _try_our_key(wallet, content, password)
    if password is not None:
        params.set(wallet_password=password)


def explained(error: SinkError, params: oracledb.ConnectParams) -> SinkError:
    """Return why there is no connection: code WALLET_EXPIRED where our certificate is not valid any more, or not yet.

    In TLS 1.3 a server that does not take it hangs up behind the handshake, as one that is down would. One that wants
    none does not look at it: so nobody is kept from trying.
    """
    if error.code != "DPY-6005":
        return error
    now = datetime.now(UTC)
    for wallet, content in _ours(params):
        try:
            certificate = x509.load_pem_x509_certificate(content)
        except ValueError:
            continue
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not first <= now <= last:
            text = f"the certificate in {wallet} is valid from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
            return SinkError("WALLET_EXPIRED", f"{text} ({error})", error.verdict)
    return error


def _ours(params: oracledb.ConnectParams) -> Iterator[tuple[Path, bytes]]:
    """Yield the wallets that hold a key of ours, and what is in them."""
    for directory in filter(None, listed(params.wallet_location)):
        wallet = Path(directory) / "ewallet.pem"
        try:
            content = wallet.read_bytes()
        except OSError:
            continue  # The driver says so, if it needs it.
        if _PRIVATE_KEY.search(content):
            yield wallet, content


def _try_our_key(wallet: Path, content: bytes, password: str | None) -> None:
    """Load our certificate as the driver will, which leaves it out without a word where that fails."""
    configuration, is_encrypted = Verdict.CONFIGURATION, _ENCRYPTED.search(content) is not None
    if is_encrypted and password is None:
        raise SinkError("WALLET", f"{wallet} is encrypted, and there is no ORACLE_WALLET_PASSWORD", configuration)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(wallet, password=password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            text = f"the key in {wallet} is not that of its first certificate"
            raise SinkError("WALLET_ORDER", text, configuration) from error
        if error.reason is not None and _TOO_WEAK.search(error.reason):
            raise SinkError("WALLET_WEAK", f"OpenSSL does not take {wallet}: {error}", configuration) from error
        if is_encrypted and password is not None and _opens(content, password):
            raise SinkError("WALLET_OLD", f"OpenSSL does not open {wallet}: {error}", configuration) from error
        if is_encrypted:
            text = f"ORACLE_WALLET_PASSWORD does not open {wallet}: {error}"
            raise SinkError("WALLET", text, configuration) from error


def _opens(content: bytes, password: str) -> bool:
    """Tell whether a password is right, though OpenSSL does not open the key with it."""
    try:
        load_pem_private_key(content, password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
