"""Certificates made on the spot, and a proxy that takes TLS off for servers that speak none."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


class Identity:
    """A key and its certificate, signed by itself or by an authority."""

    def __init__(
        self,
        name: str,
        days: int = 2,
        authority: "Identity | None" = None,
        *,
        since_days: int = 9,
        bits: int = 2048,
        address: str | None = None,
    ) -> None:
        self._key = rsa.generate_private_key(65537, bits)
        self._subject = subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = authority or self
        now = dt.datetime.now(dt.UTC)
        addresses = [x509.IPAddress(ipaddress.ip_address(address))] if address else []
        certificate = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(signer._subject).public_key(self._key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=since_days))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name), *addresses]), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
            .sign(signer._key, hashes.SHA256())
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
    """Takes TLS off, and passes on to a server that speaks none."""

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
