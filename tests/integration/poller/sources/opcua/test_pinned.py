"""`trust = "pinned"`, against a real server that changes its certificate."""

import asyncio
import datetime as dt
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.server.server import Server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sandbox.harness.redis import free_port
from services.poller.source import SourceError
from services.poller.sources.opcua.keys import OpcuaKeys
from services.poller.sources.opcua.model import OpcuaModel
from services.poller.sources.opcua.wire.faults import Faults
from services.poller.sources.opcua.wire.session import Session
from shared.clock import SystemClock


def identity(directory: Path, name: str) -> None:
    """Write `name.pem` and `name_key.pem`, as OPC UA wants them."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:{name}")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (directory / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}_key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@asynccontextmanager
async def serving(directory: Path, name: str, port: int) -> AsyncIterator[None]:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    await server.set_application_uri(f"urn:{name}")
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    await server.load_certificate(str(directory / f"{name}.pem"))
    await server.load_private_key(str(directory / f"{name}_key.pem"))
    async with server:
        yield


def keys(port: int, **more: str) -> OpcuaModel:
    return OpcuaModel.model_validate(
        {
            "type": "opcua", "url": f"opc.tcp://127.0.0.1:{port}", "tags": ["i=2258"], "security": "sign_and_encrypt",
            "certificate": "poller.pem", "private_key": "poller_key.pem", "server_certificate": "pinned.pem",
            "trust": "pinned", **more,
        }
    )  # fmt: skip


async def connect(directory: Path, model: OpcuaKeys) -> None:
    session = await Session.connect(model, directory, Faults(SystemClock(), lambda _: None))
    await session.close()


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("identities")
    for name in ("poller", "plant", "stranger"):
        identity(directory, name)
    return directory


@pytest.fixture
def directory(identities: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(identities, tmp_path / "poller"))


def test_when_our_own_certificate_ends_is_told_though_the_server_lets_nobody_in(directory: Path) -> None:
    """Kind: a day that is known beforehand, and told by nobody. From one second to the next every tag was BAD, and
    BadCertificateTimeInvalid was all that was said, to a log.
    """
    model = keys(free_port())

    async def scene() -> None:
        source = model.build("line", 1.0, directory)
        await source.open()
        left = dt.timedelta(seconds=source.status()["certificate_until"] - dt.datetime.now(dt.UTC).timestamp())
        assert dt.timedelta(days=8) < left < dt.timedelta(days=9)
        await source.close()

    asyncio.run(scene())


def test_the_first_certificate_is_kept_and_another_one_refused_until_a_person_agrees(directory: Path) -> None:
    """Kind: a server is whoever has its address; it is sent the user's password."""
    port, pinned = free_port(), directory / "pinned.pem"
    model = keys(port)

    async def scene() -> None:
        async with serving(directory, "plant", port):
            await connect(directory, model)
            assert pinned.read_bytes() == (directory / "plant.pem").read_bytes()
            await connect(directory, model)
        async with serving(directory, "stranger", port):
            with pytest.raises(SourceError, match="shows another certificate") as refused:
                await connect(directory, model)
            assert pinned.read_bytes() == (directory / "plant.pem").read_bytes()
            for part in ("CN=stranger", "CN=plant", str(pinned), "remove the file", "SHA-256"):
                assert part in str(refused.value)
            # What the text says is what helps.
            pinned.unlink()
            await connect(directory, model)
            assert pinned.read_bytes() == (directory / "stranger.pem").read_bytes()

    asyncio.run(scene())
    assert not [path for path in directory.iterdir() if path.name.startswith(".")]


def test_a_stranger_who_shows_the_pinned_certificate_has_not_its_key(directory: Path) -> None:
    """Kind: a certificate is public: showing it proves nothing."""
    port = free_port()
    (directory / "pinned.pem").write_bytes((directory / "plant.pem").read_bytes())
    (directory / "plant_key.pem").write_bytes((directory / "stranger_key.pem").read_bytes())

    async def scene() -> None:
        async with serving(directory, "plant", port):
            with pytest.raises(Exception) as refused:  # noqa: PT011 - whatever asyncua makes of it
                await connect(directory, keys(port, timeout_ms="1000"))
            assert "shows another" not in str(refused.value)

    asyncio.run(scene())


def test_where_it_can_not_be_kept_it_is_not_trusted(directory: Path) -> None:
    port = free_port()

    async def scene() -> None:
        async with serving(directory, "plant", port):
            with pytest.raises(SourceError, match="can't be pinned"):
                await connect(directory, keys(port, server_certificate="nowhere/pinned.pem"))

    asyncio.run(scene())


def test_pinning_wants_a_file_and_security(directory: Path) -> None:
    for more in ({"security": "none"}, {"server_certificate": None}):
        with pytest.raises(ValueError, match="trust = 'pinned' needs"):
            keys(4840, **more)
    model = keys(4840)
    # A reload must not take the file that appears for a change of the keys.
    assert directory / "pinned.pem" not in model.files(directory)
