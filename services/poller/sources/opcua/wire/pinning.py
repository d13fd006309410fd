"""`trust = "pinned"`: the certificate that a server shows at first is kept in a file, and no other is taken after that.

At first use somebody is there and looks; a year later nobody is, and whoever has taken the server's address by then
would be sent the plant's password.
"""

import os
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from services.poller.source import SourceError
from services.poller.sources.opcua.wire.security import load_certificate
from shared.logs import get_logger
from shared.texts import cut

_log = get_logger()


def refuse_another(pinned: Path, shown: bytes, url: str) -> None:
    """Compare what a server shows (DER) with what is pinned; nothing where there is nothing yet.

    Raises: SourceError: it is another one, or the file can't be used.
    """
    if not os.path.lexists(pinned):
        return
    known, other = load_certificate(pinned), x509.load_der_x509_certificate(shown)
    if known == other:
        return
    raise SourceError(
        f"{url} shows another certificate than the one pinned in {pinned}: {_told(other)}; pinned: {_told(known)}. "
        "Somebody may stand in between. If the server's was renewed, compare that fingerprint with the server's own "
        "and remove the file: the next one shown is pinned then"
    )


def pin(pinned: Path, shown: bytes, url: str) -> None:
    """Keep what a server has shown, and proved to be its own, unless something is kept already.

    Raises: SourceError: it can't be kept, or another is by now.
    """
    if os.path.lexists(pinned):
        return
    certificate = x509.load_der_x509_certificate(shown)
    try:
        _write_new(pinned, certificate.public_bytes(Encoding.PEM))
    except FileExistsError:
        # Another group of the same server was quicker.
        refuse_another(pinned, shown, url)
    except OSError as error:
        raise SourceError(
            f"{pinned}: the certificate of {url} can't be pinned ({error.strerror or error}): make its directory "
            'writable, or put the certificate there, or take trust = "pinned" away'
        ) from error
    else:
        _log.warning(f"{url}: trusted from now on, and no other: {_told(certificate)}; pinned in {pinned}")


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), 0o644)
        os.link(file.name, path)


def _told(certificate: x509.Certificate) -> str:
    subject, until = cut(certificate.subject.rfc4514_string(), 100), certificate.not_valid_after_utc.date()
    return f"SHA-256 {certificate.fingerprint(SHA256()).hex(':')} ({subject}, until {until})"
