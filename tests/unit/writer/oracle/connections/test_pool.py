"""The pool: who gets which connection, when another is opened, and what becomes of one that is not sound."""

import threading
from collections.abc import Callable
from contextlib import ExitStack

import oracledb
import pytest

from sandbox.harness.waiting import wait_until
from services.writer.logons import Logons
from services.writer.oracle.connections.pool import GROW_AGAIN_INTERVALS, IDLE_S, Connections
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from tests.fakes import FakeClock

#: Seconds that whoever waits in vain waits, and whoever does not, at most; nothing is measured by them.
IN_VAIN_S, AT_MOST_S = 0.3, 30.0

LOST = SinkError("LOST", "the line is cut", Verdict.CONNECTION_LOST)
NO_SESSION = SinkError("ORA-00018", "maximum number of sessions exceeded", Verdict.TRANSIENT)


class FakeConnection(oracledb.Connection):
    """A connection that lives until a test says otherwise."""

    def __init__(self) -> None:
        self.lives = True
        self.is_closed = False
        self.holds_a_transaction = False
        self.pings = self.rollbacks = 0
        self.patience_ms = 0

    @property
    def call_timeout(self) -> int:
        return self.patience_ms

    @call_timeout.setter
    def call_timeout(self, value: int) -> None:
        self.patience_ms = value

    @property
    def warning(self) -> None:
        return None

    @property
    def transaction_in_progress(self) -> bool:
        return self.holds_a_transaction

    def ping(self) -> None:
        self.pings += 1
        if not self.lives:
            # What the driver raises on a connection that it has dropped.
            raise AttributeError("'NoneType' object has no attribute 'read_packet'")

    def is_healthy(self) -> bool:
        return True

    def rollback(self) -> None:
        self.rollbacks += 1
        if not self.lives:
            raise oracledb.InterfaceError("DPY-1001: not connected to database")
        self.holds_a_transaction = False

    def close(self) -> None:
        self.is_closed = True

    def __del__(self) -> None:
        pass


class Pool(Connections):
    """The pool over fake connections, which counts them."""

    def __init__(self, clock: FakeClock, *, least: int = 1, most: int = 3) -> None:
        settings = WriterSettings.model_validate(
            {
                "oracle_dsn": "db:1521/x", "oracle_user": "u", "oracle_password": "p", "oracle_pool_min": least,
                "oracle_pool_max": most, "oracle_pool_timeout": AT_MOST_S, "oracle_probe_interval": 5.0,
            }
        )  # fmt: skip
        self.opened: list[FakeConnection] = []
        self.tries = 0
        #: Raised by the next tries, one each; then they succeed.
        self.refusals: list[Exception] = []
        super().__init__(settings, Logons(settings, clock), clock, self.open_one)

    def wait_in_vain(self) -> str:
        """Ask for a connection that nobody will have; return what is said then."""
        patient, self._settings = self._settings, self._settings.model_copy(update={"oracle_pool_timeout": IN_VAIN_S})
        with pytest.raises(SinkError) as caught, self.lend():
            pass
        self._settings = patient
        return f"{caught.value.code} {caught.value}"

    def open_one(self, _settings: WriterSettings, _password: str) -> oracledb.Connection:
        self.tries += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.opened.append(FakeConnection())
        return self.opened[-1]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pool(clock: FakeClock) -> Pool:
    """A pool of one to three connections; none is open yet."""
    return Pool(clock)


def broken(pool: Pool, error: Exception) -> SinkError:
    """Borrow a connection and fail with it; return what the borrower gets."""
    with pytest.raises(SinkError) as caught, pool.lend():
        raise error
    return caught.value


def test_one_is_opened_for_who_comes_first_and_lent_again(pool: Pool) -> None:
    for _ in range(3):
        with pool.lend() as connection:
            assert (connection, pool.open_and_busy) == (pool.opened[0], (1, 1))
    assert (pool.tries, pool.open_and_busy, pool.opened[0].pings) == (1, (1, 0), 0)


def test_more_are_opened_for_those_who_come_at_once_and_never_more_than_allowed(pool: Pool) -> None:
    with ExitStack() as stack:
        lent = [stack.enter_context(pool.lend()) for _ in range(3)]
        assert (len(set(map(id, lent))), pool.open_and_busy) == (3, (3, 3))
        assert pool.wait_in_vain().startswith("DPY-4005 DPY-4005: all 3 connections were in use")
        assert pool.tries == 3


def test_the_least_are_opened_one_after_the_other(clock: FakeClock) -> None:
    pool = Pool(clock, least=3)
    with pool.lend():
        pass
    wait_until(lambda: pool.open_and_busy == (3, 0), what="the connections wanted at the start")
    assert pool.tries == 3


@pytest.mark.parametrize("verdict", [Verdict.ROW, Verdict.DUPLICATE, Verdict.SPACE, Verdict.CONFIGURATION])
def test_what_is_no_fault_of_the_connection_leaves_it_in_use(pool: Pool, verdict: Verdict) -> None:
    assert broken(pool, SinkError("CODE", "text", verdict)).verdict is verdict
    with pool.lend() as connection:
        assert connection is pool.opened[0]


@pytest.mark.parametrize("error", [LOST, SinkError("STRANGE", "?", Verdict.UNKNOWN), AttributeError("read_packet")])
def test_one_that_broke_is_closed_and_replaced(pool: Pool, error: Exception) -> None:
    broken(pool, error)
    with pool.lend() as connection:
        assert connection is pool.opened[1]
    wait_until(lambda: pool.opened[0].is_closed, what="the farewell")
    assert pool.open_and_busy == (1, 0)


def test_the_sisters_of_one_that_broke_are_asked_whether_they_live(pool: Pool) -> None:
    """Kind: ten calls fail one after the other, each on a connection that went down with the first."""
    with pool.lend(), pool.lend():
        pass
    broken(pool, LOST)
    with pool.lend():
        assert sum(connection.pings for connection in pool.opened) == 1


def test_one_that_was_idle_is_asked_and_one_in_use_is_not(pool: Pool, clock: FakeClock) -> None:
    with pool.lend():
        pass
    clock.advance(IDLE_S / 2)
    with pool.lend():
        pass
    assert pool.opened[0].pings == 0
    clock.advance(IDLE_S * 2)
    with pool.lend() as connection:
        assert (connection, pool.opened[0].pings) == (pool.opened[0], 1)
    assert pool.opened[0].patience_ms == 15_000, "the patience of a ping is not that of a call"


def test_with_one_that_died_idle_go_all_that_were_idle_as_long(pool: Pool, clock: FakeClock) -> None:
    """Kind: a firewall forgets them all, and each would cost a wait of its own."""
    with pool.lend(), pool.lend(), pool.lend():
        pass
    for connection in pool.opened:
        connection.lives = False
    clock.advance(3600)
    with pool.lend() as borrowed:
        assert borrowed is pool.opened[3]
    assert sum(connection.pings for connection in pool.opened) == 1
    assert pool.open_and_busy == (1, 0)


def test_a_transaction_that_was_left_open_is_taken_back_before_the_next_batch(pool: Pool) -> None:
    """Kind: rows of a failed batch that the next one commits."""
    with pool.lend():
        pool.opened[0].holds_a_transaction = True
    assert (pool.opened[0].rollbacks, pool.opened[0].holds_a_transaction, pool.open_and_busy) == (1, False, (1, 0))


def test_one_whose_transaction_cant_be_taken_back_is_not_lent_again(pool: Pool) -> None:
    with pool.lend():
        pool.opened[0].holds_a_transaction, pool.opened[0].lives = True, False
    with pool.lend() as connection:
        assert connection is pool.opened[1]


def test_where_none_can_be_opened_that_is_the_failure_of_who_waits(pool: Pool) -> None:
    pool.refusals = [SinkError("DPY-6005", "refused", Verdict.TRANSIENT)]
    with pytest.raises(SinkError, match="refused"), pool.lend():
        pass
    with pool.lend() as connection:
        assert connection is pool.opened[0]


@pytest.mark.parametrize("error", [OSError("a descriptor"), RuntimeError("?"), oracledb.DatabaseError("DPY-6000: ?")])
def test_whatever_ends_a_try_those_who_wait_hear_of_it(pool: Pool, error: Exception) -> None:
    pool.refusals = [error]
    with pytest.raises(SinkError) as caught, pool.lend():
        pass
    assert caught.value.verdict in (Verdict.TRANSIENT, Verdict.CONFIGURATION)


def test_one_more_that_is_not_granted_is_no_outage_and_is_asked_for_again_later(pool: Pool, clock: FakeClock) -> None:
    """Kind: a wish that was not granted taken for an outage (SESSIONS_PER_USER)."""
    with pool.lend():
        pool.refusals = [NO_SESSION] * 2
        said = pool.wait_in_vain()
        assert ("all 1 connections were in use" in said, f"no more could be opened: {NO_SESSION}" in said) == (
            True,
            True,
        )
        assert (pool.tries, pool.shortage) == (2, str(NO_SESSION))
        pool.wait_in_vain()
        assert pool.tries == 2, "nobody asks again at once"
        clock.advance(GROW_AGAIN_INTERVALS * 5.0 + 1)
        pool.wait_in_vain()
        assert pool.tries == 3
        clock.advance(GROW_AGAIN_INTERVALS * 5.0 + 1)
        with pool.lend():
            assert (pool.open_and_busy, pool.shortage) == ((2, 2), None)


def test_a_shortage_that_nobody_asks_about_any_more_is_forgotten(pool: Pool, clock: FakeClock) -> None:
    with pool.lend():
        pool.refusals = [NO_SESSION]
        pool.wait_in_vain()
    assert pool.shortage is not None
    clock.advance(2 * GROW_AGAIN_INTERVALS * 5.0 + 1)
    assert pool.shortage is None


def test_one_that_comes_back_goes_to_who_waits(clock: FakeClock) -> None:
    pool = Pool(clock, most=1)
    got: list[object] = []

    def borrow() -> None:
        with pool.lend() as connection:
            got.append(connection)

    with pool.lend():
        thread = threading.Thread(target=borrow, daemon=True)
        thread.start()
    thread.join(20)
    assert got == [pool.opened[0]]


def test_after_the_end_nothing_is_lent_and_what_was_lent_is_closed_when_it_comes_back(pool: Pool) -> None:
    with pool.lend():
        with pool.lend():
            pass
        pool.close()
        assert (pool.open_and_busy, pool.opened[1].is_closed, pool.opened[0].is_closed) == ((1, 1), True, False)
    assert (pool.open_and_busy, pool.opened[0].is_closed) == ((0, 0), True)
    pool.wait_in_vain()
    assert pool.tries == 2


def test_where_no_thread_can_be_had_the_next_who_waits_tries_again(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a flag that is set for good by what then failed."""

    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(RuntimeError), pool.lend():
            pass
    with pool.lend() as connection:
        assert connection is pool.opened[0]


def test_those_who_wait_for_a_first_connection_share_its_failure(pool: Pool) -> None:
    """Kind: every thread tries for itself what is known to fail; against an account, each try counts."""
    waiting, may_fail = threading.Barrier(5), threading.Event()

    def refuse(_settings: WriterSettings, _password: str) -> oracledb.Connection:
        pool.tries += 1
        may_fail.wait(20)
        raise SinkError("ORA-01017", "wrong password", Verdict.CREDENTIALS)

    errors = _errors_of(4, pool, refuse, waiting)
    waiting.wait(20)
    wait_until(lambda: pool.tries == 1, what="the one try")
    may_fail.set()
    assert [error.code for error in errors()] == ["ORA-01017"] * 4
    assert pool.tries == 1


def _errors_of(
    count: int, pool: Pool, open_one: Callable[[WriterSettings, str], oracledb.Connection], waiting: threading.Barrier
) -> Callable[[], list[SinkError]]:
    """Let so many threads ask for a connection; return what gives their errors."""
    pool._connect = open_one
    found: list[SinkError] = []

    def ask() -> None:
        waiting.wait(20)
        try:
            with pool.lend():
                pass
        except SinkError as error:
            found.append(error)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()

    def errors() -> list[SinkError]:
        for thread in threads:
            thread.join(30)
        return found

    return errors
