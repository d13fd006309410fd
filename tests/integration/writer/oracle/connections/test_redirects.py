"""A listener that sends connections on, as RAC's SCAN listeners do to the nodes."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from oracle_stand_in.process import OracleStandIn
from services.writer.oracle.codes import hint_of
from services.writer.oracle.connections.connecting import connect
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict

REDIRECT, DATA = 5, 6


def packet(kind: int, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(2, "big") + bytes((0, 0, kind, 0, 0, 0)) + body


@pytest.fixture(scope="module")
def stand_in() -> Iterator[OracleStandIn]:
    with OracleStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def scan(stand_in: OracleStandIn) -> Iterator[Callable[[str, int], WriterSettings]]:
    """A function that starts a listener which sends everybody on, and returns settings that lead to it."""
    listeners = []

    def start(host: str, port: int) -> WriterSettings:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        address = f"(ADDRESS=(PROTOCOL=tcp)(HOST={host})(PORT={port}))"
        connect_data = f"(CONNECT_DATA=(SERVICE_NAME={stand_in.service})(CID=(PROGRAM=p)(HOST=h)(USER=u)))"
        onward = f"{address}\0(DESCRIPTION={connect_data}{address})".encode()

        def send_on(client: socket.socket) -> None:
            with client:
                asked = b""
                while not asked.endswith(b")))"):
                    asked += client.recv(65536)
                client.sendall(packet(REDIRECT, len(onward).to_bytes(2, "big")) + packet(DATA, b"\0\0" + onward))
                client.recv(1)  # until it has gone there

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=send_on, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        dsn = f"127.0.0.1:{listener.getsockname()[1]}/{stand_in.service}"
        return WriterSettings.model_validate(
            {"oracle_dsn": dsn, "oracle_user": stand_in.user, "oracle_password": stand_in.password}
        )

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_who_is_sent_on_arrives(scan: Callable[[str, int], WriterSettings], stand_in: OracleStandIn) -> None:
    with connect(scan(stand_in.host, stand_in.port), stand_in.password) as connection, connection.cursor() as cursor:
        assert cursor.execute("SELECT 1 FROM dual").fetchone() == (1,)


@pytest.mark.parametrize(("host", "said"), [("node1-vip.invalid", "not known"), ("127.0.0.1", "refused")])
def test_where_nobody_can_go_is_not_blamed_on_the_address_that_a_person_gave(
    scan: Callable[[str, int], WriterSettings], stand_in: OracleStandIn, host: str, said: str
) -> None:
    """Kind: one cause told for all that look alike. "Can this machine resolve it?" was asked of a name that it can."""
    with pytest.raises(SinkError, match=said) as caught:
        connect(scan(host, 1), stand_in.password)
    assert (caught.value.code, caught.value.verdict) == ("SENT_ON", Verdict.TRANSIENT)
    hint = hint_of(caught.value.code, str(caught.value))
    assert "SCAN" in hint
    assert "LOCAL_LISTENER" in hint


def test_a_name_that_a_person_gave_and_nobody_knows_is_what_is_said() -> None:
    settings = WriterSettings.model_validate(
        {"oracle_dsn": "nobody.invalid:1/x", "oracle_user": "u", "oracle_password": "p"}
    )
    with pytest.raises(SinkError, match="not known") as caught:
        connect(settings, "p")
    assert caught.value.code != "SENT_ON"
