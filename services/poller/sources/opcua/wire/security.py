"""Certificates, keys and passwords of an OPC UA client."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from services.poller.source import SourceError
from services.poller.sources.files import MAX_SECRET_BYTES, read_named
from services.poller.sources.opcua.keys import OpcuaKeys

_MODES = {"sign": ua.MessageSecurityMode.Sign, "sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt}


def check_files(model: OpcuaKeys, directory: Path) -> list[str]:
    """Return what is wrong with the files that the keys name; one line each."""
    own = [directory / model.certificate] if model.certificate else []
    checks: list[Callable[[], object]] = [partial(model.secret, directory)]
    checks += [partial(load_certificate, path) for path in (*own, *model.given_certificates(directory))]
    if model.private_key:
        checks.append(partial(_check_key, directory / model.private_key, _key_password(model)))
    problems = []
    for check in checks:
        try:
            check()
        except SourceError as error:
            problems.append(str(error))
    return problems


async def secure(client: Client, model: OpcuaKeys, directory: Path) -> None:
    """Give a client its certificate, policy, user and password, before it connects.

    Raises: SourceError: a file can't be used. What asyncua raises: the server offers no such policy.
    """
    if model.user:
        client.set_user(model.user)
        client.set_password(model.secret(directory) or "")
    if model.security == "none" or model.certificate is None or model.private_key is None:
        return
    certificate, given = directory / model.certificate, model.given_certificates(directory)
    # Servers compare the two: what the certificate says of its application is what the client must say, too.
    client.application_uri = _application_uri(load_certificate(certificate)) or client.application_uri
    await client.set_security(
        getattr(security_policies, f"SecurityPolicy{model.policy}"),
        certificate,
        directory / model.private_key,
        private_key_password=_key_password(model),
        # None: the one that it shows.
        server_certificate=str(given[0]) if given else None,
        mode=_MODES[model.security],
    )


def certificate_until(model: OpcuaKeys, directory: Path) -> float | None:
    """Return when our own certificate ends, in seconds since 1970; None where there is none that can be read."""
    if model.security == "none" or model.certificate is None:
        return None
    try:
        return load_certificate(directory / model.certificate).not_valid_after_utc.timestamp()
    except SourceError:
        return None


def load_certificate(path: Path) -> x509.Certificate:
    """Return the certificate of a .pem or .der file. Raises: SourceError."""
    raw = read_named(path, MAX_SECRET_BYTES)
    try:
        return x509.load_pem_x509_certificate(raw) if b"-----BEGIN" in raw else x509.load_der_x509_certificate(raw)
    except ValueError as error:
        raise SourceError(f"{path}: not a certificate (.pem or .der): {error}") from error


def _check_key(path: Path, password: bytes | None) -> None:
    raw = read_named(path, MAX_SECRET_BYTES)
    load = load_pem_private_key if b"-----BEGIN" in raw else load_der_private_key
    try:
        load(raw, password)
    except (ValueError, TypeError) as error:
        raise SourceError(f"{path}: not a private key that can be opened (.pem or .der): {error}") from error


def _key_password(model: OpcuaKeys) -> bytes | None:
    return model.private_key_password.get_secret_value().encode() if model.private_key_password else None


def _application_uri(certificate: x509.Certificate) -> str | None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None)
