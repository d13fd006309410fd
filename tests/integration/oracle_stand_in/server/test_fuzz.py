"""Whatever a client sends, the stand-in answers or hangs up, and lives on: recorded sessions, flipped and cut."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from tests.integration.oracle_stand_in.server.costs import memory_kb, processor_s
from tests.integration.oracle_stand_in.server.wire_client import BEFORE, DATA, MARKER, Recording, WireClient, recorded

#: A case ends within a second of the stand-in's own time: the seconds that it waits for the rest of a message, which is
#: all that it ever waits for, and those of its processor. A busy machine changes neither.
PATIENCE_S, MOST_PROCESSOR_S = 0.1, 0.9
#: Seconds after which a case counts as one that hangs, however busy the machine is.
LIMIT_S = 30.0
#: Kilobytes that a stand-in may grow by in the second half of the cases. In the first it comes to hold what it caches,
#: and the remains of sessions, which are looked for when there are enough of them.
MOST_GROWTH_KB = 10_000


@pytest.fixture(scope="module", params=["19c", "23ai"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[OracleStandIn]:
    with OracleStandIn(field_version=request.param, patience_s=PATIENCE_S) as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def recording(stand_in: OracleStandIn) -> Recording:
    """A session that uses every kind of request."""
    with recorded(stand_in) as (connection, recording), connection.cursor() as cursor:
        connection.module = "fuzz"
        cursor.execute("CREATE TABLE f (a VARCHAR2(20) PRIMARY KEY, b NUMBER, c TIMESTAMP, d NVARCHAR2(10))")
        cursor.setinputsizes(20, oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_TIMESTAMP, oracledb.DB_TYPE_NVARCHAR)
        rows = [(f"a{n}", n / 7, datetime(2026, 1, 2, 3, 4, 5, n), "온도") for n in range(40)]
        cursor.executemany("INSERT INTO f VALUES (:1, :2, :3, :4)", rows, batcherrors=True)
        cursor.executemany("INSERT INTO f VALUES (:1, :2, :3, :4)", rows[:3], batcherrors=True)
        connection.commit()
        cursor.arraysize = cursor.prefetchrows = 7
        cursor.execute("SELECT a, b, c, d FROM f WHERE b > :1 ORDER BY a", [0.5])
        cursor.fetchall()
        for name in ("a1", "a2"):
            cursor.execute("SELECT COUNT(*) FROM f WHERE a = :1", [name])
            cursor.fetchall()
        connection.rollback()
        connection.ping()
    return recording


def damaged(recording: Recording, seed: int) -> list[bytes]:
    """Return a session's packets with one to three faults: a flipped bit, a changed byte, a cut, bytes from nowhere."""
    chance = random.Random(seed)
    packets = list(recording.session)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(packets))
        packet = bytearray(packets[place])
        at = chance.randrange(len(packet))
        fault = chance.randrange(4)
        if fault == 0:
            packet[at] ^= 1 << chance.randrange(8)
        elif fault == 1:
            packet[at] = chance.randrange(256)
        elif fault == 2:
            del packet[at:]
        else:
            packet[at:at] = chance.randbytes(chance.randint(1, 40))
        packets[place] = bytes(packet) or b"\x00"
    return packets


@contextmanager
def logged_on(stand_in: OracleStandIn, recording: Recording, hashes: dict[bytes, bytes]) -> Iterator[WireClient]:
    """Lend a client; on a busy machine its logon may be slower than the stand-in's patience, and is tried again."""
    for is_last in (*[False] * 20, True):
        with WireClient(stand_in, recording, LIMIT_S) as client:
            try:
                client.log_on(hashes)
            except ConnectionError:
                if is_last:
                    raise
                continue
            yield client
            return


def play(stand_in: OracleStandIn, recording: Recording, seed: int, hashes: dict[bytes, bytes]) -> str:
    """Play one damaged session; return what went wrong with the stand-in, if anything did."""
    with logged_on(stand_in, recording, hashes) as client:
        for number, packet in enumerate(damaged(recording, seed)):
            if packet == recording.session[-1]:  # goodbye: nobody answers it
                break
            try:
                if not client.ask(packet):
                    break
            except TimeoutError:
                return f"seed {seed}: neither answer nor end after packet {number}"
    return ""


def tried(stand_in: OracleStandIn, recording: Recording, cases: int) -> None:
    hashes: dict[bytes, bytes] = {}
    assert play(stand_in, recording, -1, hashes) == ""
    spent, settled = processor_s(stand_in), 0
    for seed in range(cases):
        if seed == cases // 2:
            settled = memory_kb(stand_in)
        assert play(stand_in, recording, seed, hashes) == ""
        began, spent = spent, processor_s(stand_in)
        assert spent - began < MOST_PROCESSOR_S, f"seed {seed}"
    assert stand_in.is_running
    assert "internal error" not in stand_in.log_text(), stand_in.log_text()[-3000:]
    assert memory_kb(stand_in) < settled + MOST_GROWTH_KB
    with oracledb.connect(user=stand_in.user, password=stand_in.password, dsn=stand_in.dsn) as connection:
        connection.ping()


def test_a_damaged_session_ends_in_an_answer_or_a_close(stand_in: OracleStandIn, recording: Recording) -> None:
    """Kind: a hang. RETURNING INTO, an unknown bind and half a message made the stand-in wait for ever."""
    assert len(recording.session) > BEFORE
    tried(stand_in, recording, 100)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_damaged_sessions(stand_in: OracleStandIn, recording: Recording) -> None:
    tried(stand_in, recording, 5_000)


#: Functions that real servers have (large objects, two-phase commits, change of password, types, notifications, direct
#: path...), some that nobody has, and the beginnings of messages that are no request.
UNKNOWN = [
    *(bytes((3, function, 7)) for function in (0, 4, 8, 12, 96, 98, 103, 111, 115, 122, 125, 128, 145, 180, 255)),
    *(bytes((17, function, 7)) for function in (3, 96, 200, 255)),
    *(bytes((kind, 94, 7)) for kind in (0, 1, 4, 7, 13, 34, 99, 255)),
]


def test_a_message_that_nobody_knows_is_answered_or_ends_the_connection(
    stand_in: OracleStandIn, recording: Recording
) -> None:
    """Kind: a hang. What comes after it can't be read; nobody waits for that."""
    hashes: dict[bytes, bytes] = {}
    for begin in UNKNOWN:
        with logged_on(stand_in, recording, hashes) as client:
            body = b"\x00\x00" + begin + bytes(40)
            answer = client.ask((8 + len(body)).to_bytes(4, "big") + bytes((6, 0, 0, 0)) + body)
            assert answer == b"" or answer[4] in (DATA, MARKER), begin
    assert "internal error" not in stand_in.log_text(), stand_in.log_text()[-3000:]


#: What the stand-in does not know, by what it must say.
REFUSED = {
    "INSERT INTO f (a) VALUES (:1) RETURNING b INTO :2": "ORA-00900",
    "UPDATE f SET b = 1 RETURNING a INTO :1": "ORA-00900",
    "BEGIN :1 := 5; END;": "ORA-00900",
}


@pytest.mark.usefixtures("recording")
@pytest.mark.parametrize("statement", REFUSED)
def test_what_is_not_known_is_refused_at_once(stand_in: OracleStandIn, statement: str) -> None:
    with oracledb.connect(user=stand_in.user, password=stand_in.password, dsn=stand_in.dsn) as connection:
        connection.call_timeout = 5_000
        with connection.cursor() as cursor:
            binds: list[object] = ["x"] if "VALUES" in statement else []
            with pytest.raises(oracledb.DatabaseError, match=REFUSED[statement]):
                cursor.execute(statement, [*binds, cursor.var(oracledb.DB_TYPE_NUMBER)])
            for value in (cursor.var(oracledb.DB_TYPE_CURSOR), cursor.arrayvar(oracledb.DB_TYPE_NUMBER, [1, 2])):
                with pytest.raises(oracledb.DatabaseError, match=r"ORA-00(900|932)"):
                    cursor.execute("BEGIN p(:1); END;", [value])
        connection.ping()
