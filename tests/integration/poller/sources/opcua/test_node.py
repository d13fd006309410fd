"""OPC UA against a server that nobody here wrote: node-opcua, with 3,491 tags, encrypted and not."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asyncua.client.client import Client
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from sandbox.node_opcua import install
from sandbox.npm import NodeUnavailableError
from services.poller.source import Reading
from shared.records.events import Event
from tests.integration.poller.sources.opcua.reading import Told, one, read_until, with_source
from tests.integration.poller.sources.opcua.servers import OpcuaServer

pytestmark = pytest.mark.e2e

TAGS = 3491
PLANT: dict[str, Any] = {"tags": {"glob": "Plant/**"}, "timeout_ms": 4000}


@pytest.fixture(scope="module")
def installed() -> Path:
    try:
        return install()
    except NodeUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def server(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpcuaServer]:
    """The plain server: anonymous, without encryption."""
    with OpcuaServer.node(installed, tmp_path_factory.mktemp("node"), "--tags", str(TAGS)) as server:
        yield server


@pytest.fixture(scope="module")
def secure_server(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpcuaServer]:
    """The encrypted one: for a user with a password, and 500 nodes a request at most."""
    directory = tmp_path_factory.mktemp("secure-node")
    with OpcuaServer.node(installed, directory, "--tags", str(TAGS), "--encrypted", "--limit", "500") as server:
        yield server


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A certificate, its key, and the user that the encrypted server knows."""
    directory = tmp_path_factory.mktemp("certificate")
    key, certificate = directory / "key.pem", directory / "certificate.der"
    asyncio.run(
        setup_self_signed_certificate(
            key, certificate, "urn:tagpipe:poller", "localhost", [ExtendedKeyUsageOID.CLIENT_AUTH], {}
        )
    )
    return {
        "security": "sign_and_encrypt", "certificate": str(certificate), "private_key": str(key),
        "user": "operator", "password": "let me in",
    }  # fmt: skip


def qualities(reading: Reading) -> dict[str, int]:
    """Return how many tags are of each quality."""
    counts = Counter[str](reading.qualities.get(address, "GOOD") for address in reading.values)
    return {**counts, "BAD": len(reading.errors)}


def as_said(server: OpcuaServer) -> dict[str, int]:
    return {quality: server.said[quality] for quality in ("GOOD", "UNCERTAIN", "BAD")}


@pytest.mark.req("FR-017", "FR-018")
def test_all_tags_are_read_with_their_qualities_and_times(server: OpcuaServer) -> None:
    reading = with_source(server.url, one, **PLANT)
    assert len(reading.values) + len(reading.errors) == TAGS
    assert qualities(reading) == as_said(server)
    assert reading.tag_timestamps.keys() == reading.values.keys() | reading.errors.keys()
    assert {type(reading.values[f"Plant/D{number}"]) for number in range(4)} == {float, int, bool, str}
    assert reading.errors["Plant/D7"] == "BadSensorFailure"
    assert reading.qualities["Plant/D8"] == "UNCERTAIN"
    assert reading.errors["Plant/D9"] == "BadNoCommunication"


def test_all_types_and_arrays_are_read(server: OpcuaServer) -> None:
    reading = with_source(server.url, one, tags={"glob": "Types/*"})
    assert reading.errors == {}
    assert {address.removeprefix("Types/"): value for address, value in reading.values.items()} == {
        "Boolean": True, "SByte": -5, "Byte": 200, "Int16": -300, "UInt16": 60000, "Int32": -70000,
        "UInt32": 4_000_000_000, "Int64": -5_000_000_000, "UInt64": 6_000_000_000, "Float": 0.5, "Double": 0.1,
        "String": "점검중", "DateTime": "2026-01-02T03:04:05.678000+00:00",
        "Guid": "72962b91-fa75-4ae6-8d28-b404dc7daf63", "ByteString": "00ff10",
        "Doubles[0]": 1.5, "Doubles[1]": 2.5, "Doubles[2]": 3.5,
        "Matrix[0,0]": 1, "Matrix[0,1]": 2, "Matrix[0,2]": 3, "Matrix[1,0]": 4, "Matrix[1,1]": 5, "Matrix[1,2]": 6,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("security", "policy"),
    [
        ("sign_and_encrypt", "Basic256Sha256"),
        ("sign_and_encrypt", "Aes128Sha256RsaOaep"),
        ("sign_and_encrypt", "Aes256Sha256RsaPss"),
        ("sign", "Basic256Sha256"),
    ],
)
def test_a_server_with_security_is_read_within_its_limits(
    secure_server: OpcuaServer, credentials: dict[str, Any], security: str, policy: str
) -> None:
    # Given a server that answers BadTooManyOperations above 500 nodes, and a chunk of more than that.
    secure = {**credentials, "security": security, "policy": policy}
    reading = with_source(secure_server.url, one, **PLANT, **secure, read_chunk=5000)
    assert qualities(reading) == as_said(secure_server)


def test_secrets_may_be_in_files_and_the_servers_certificate_may_be_given(
    secure_server: OpcuaServer, credentials: dict[str, Any], tmp_path: Path
) -> None:
    key = load_pem_private_key(Path(credentials["private_key"]).read_bytes(), None)
    locked = BestAvailableEncryption(b"to the key")
    (tmp_path / "locked.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    (tmp_path / "password").write_text("let me in\n")
    endpoints = asyncio.run(Client(secure_server.url).connect_and_get_server_endpoints())
    (tmp_path / "server.der").write_bytes(endpoints[0].ServerCertificate)
    in_files = {
        **credentials,
        "private_key": str(tmp_path / "locked.pem"),
        "private_key_password": "to the key",
        "password_file": str(tmp_path / "password"),
        "server_certificate": str(tmp_path / "server.der"),
    }
    del in_files["password"]
    reading = with_source(secure_server.url, one, tags=["ns=1;s=D0"], **in_files)
    assert reading.trouble is None
    assert reading.values.keys() == {"ns=1;s=D0"}


def test_a_server_without_the_security_that_is_asked_for_is_not_read(
    server: OpcuaServer, credentials: dict[str, Any]
) -> None:
    reading = with_source(server.url, one, tags=["ns=1;s=D0"], **credentials)
    assert reading.trouble is not None
    assert "No matching endpoints" in reading.trouble


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"password": "guessed"}, "BadUserAccessDenied"),
        ({"security": "none"}, "BadSecurityModeRejected"),
    ],
)
def test_a_server_that_refuses_is_told_and_not_asked_again_at_once(
    secure_server: OpcuaServer, credentials: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    told = Told()

    async def use(source: Any) -> Reading:
        await asyncio.sleep(0.3)
        return await one(source)

    reading = with_source(secure_server.url, use, told, tags=["ns=1;s=D0"], **{**credentials, **change})
    assert reading.trouble is not None
    assert reason in reading.trouble
    assert reading.errors == {"ns=1;s=D0": reading.trouble}
    assert told.events == [Event.SOURCE_LOST]


@pytest.mark.parametrize("access", ["read", "subscribe"])
def test_a_node_that_is_too_large_costs_itself_not_its_group_and_not_the_session(
    installed: Path, tmp_path: Path, access: str
) -> None:
    """Kind: a request of many nodes fails whole for one of them, or ends the session of all."""

    async def use(source: Any) -> None:
        seen: set[str] = set()
        errors: dict[str, str] = {}
        async with asyncio.timeout(60):
            while len(seen) < 50 or not errors:
                reading = await one(source)
                assert reading.trouble is None
                seen |= reading.values.keys()
                errors |= reading.errors
        assert seen == {f"Odd/Small{number}" for number in range(50)}
        # To a request the server says the one, as an item's status the other.
        assert errors == {"Odd/Large": "BadTcpMessageTooLarge" if access == "read" else "BadResponseTooLarge"}
        assert source.status()["reconnects"] == 0

    with OpcuaServer.node(installed, tmp_path, "--tags", "10", "--large", "40000000") as server:
        with_source(server.url, use, tags={"glob": "Odd/*"}, timeout_ms=8000, access=access)


def test_every_tag_arrives_by_subscription(server: OpcuaServer) -> None:
    async def use(source: Any) -> dict[str, int]:
        seen: dict[str, str] = {}
        async with asyncio.timeout(60):
            while len(seen) < TAGS:
                reading = await one(source)
                seen |= {address: reading.qualities.get(address, "GOOD") for address in reading.values}
                seen |= dict.fromkeys(reading.errors, "BAD")
        status = source.status()
        assert (status["changes_dropped"], status["publishes_missed"]) == (0, 0)
        return Counter(seen.values())

    assert with_source(server.url, use, **PLANT, access="subscribe") == as_said(server)


def test_a_server_that_freezes_is_bad_and_then_good_again(server: OpcuaServer) -> None:
    told = Told()

    async def use(source: Any) -> Reading:
        await one(source)
        server.pause()
        try:
            gone = await read_until(source, lambda reading: reading.trouble, 30)
            assert len(gone.errors) == TAGS
        finally:
            server.resume()
        return await read_until(source, lambda reading: not reading.trouble, 40)

    assert qualities(with_source(server.url, use, told, **{**PLANT, "timeout_ms": 1500})) == as_said(server)
    assert told.events == [Event.SOURCE_LOST, Event.SOURCE_BACK]


def test_a_server_that_is_killed_and_started_again_is_read_again(server: OpcuaServer) -> None:
    told = Told()

    async def use(source: Any) -> Reading:
        await one(source)
        server.kill()
        gone = await read_until(source, lambda reading: reading.trouble, 30)
        assert len(gone.errors) == TAGS
        await asyncio.to_thread(server.start)
        return await read_until(source, lambda reading: not reading.trouble, 40)

    assert qualities(with_source(server.url, use, told, **PLANT)) == as_said(server)
    assert told.events == [Event.SOURCE_LOST, Event.SOURCE_BACK]
