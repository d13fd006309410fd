"""Refused logons are counted for all writers together, at the server that counts them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.redis import EmbeddedRedis
from services.writer.logons import LAST_PAUSE_S, MAX_REFUSALS, Logons
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from shared.redis.link import RedisLink
from tests.fakes import FakeClock
from tests.oracle_target import OracleTarget


class Writers:
    """Several writers' sinks, as in processes of their own, and what the server saw of them."""

    def __init__(self, settings: WriterSettings, link: RedisLink, oracle: OracleTarget) -> None:
        self.clock = FakeClock()
        self.sinks = [OracleSink(settings, Logons(settings, self.clock, link)) for _ in range(3)]
        self._control = oracle.control
        self._before = self.connections

    @property
    def connections(self) -> int:
        return self._control.status().connections

    @property
    def made(self) -> int:
        return self.connections - self._before

    def probe(self) -> list[str]:
        """Let each ask Oracle three times; return the codes, "" for an answer."""
        return [code(sink) for _ in range(3) for sink in self.sinks]


def code(sink: OracleSink) -> str:
    try:
        sink.probe()
    except SinkError as error:
        return error.code if error.verdict is Verdict.CREDENTIALS else f"{error.code} is no matter of credentials"
    return ""


@pytest.fixture
def settings(
    redis_server: EmbeddedRedis, namespace: str, oracle: OracleTarget, table: str, tmp_path: Path
) -> WriterSettings:
    secret = tmp_path / "secret"
    secret.write_text(oracle.password)
    return WriterSettings.model_validate(
        {
            "redis_url": redis_server.url, "redis_namespace": namespace, "oracle_dsn": oracle.dsn,
            "oracle_user": oracle.user, "oracle_password": oracle.password, "oracle_password_file": secret,
            "oracle_table": table,
        }
    )  # fmt: skip


@pytest.fixture
def writers(
    settings: WriterSettings, link: RedisLink, oracle: OracleTarget, faults: OracleControl
) -> Iterator[Writers]:
    writers = Writers(settings, link, oracle)
    yield writers
    faults.change_password(oracle.password)
    faults.reset()
    for sink in writers.sinks:
        sink.close()


@pytest.mark.req("EC-8")
def test_all_writers_together_make_three_logons_and_then_none(
    writers: Writers, faults: OracleControl, settings: WriterSettings
) -> None:
    """Kind: each process tries for itself what counts for all (three writers: 12 refused logons in 65 s)."""
    faults.change_password("another")
    tries = []
    for _ in range(20):
        assert set(writers.probe()) == {"ORA-01017"}
        tries.append(writers.made)
        writers.clock.seconds += 61
    assert tries[0] == 1
    assert tries[-1] == MAX_REFUSALS
    # If: the secret in the file changes
    assert settings.oracle_password_file is not None
    settings.oracle_password_file.write_text("another\n")
    assert set(writers.probe()) == {""}


@pytest.mark.parametrize("ora_code", [28000, 28001, 1045])
def test_what_counts_against_no_account_is_asked_again_each_hour_or_when_a_person_got_in(
    writers: Writers, faults: OracleControl, settings: WriterSettings, link: RedisLink, ora_code: int
) -> None:
    """Kind: an account locked, expired or without its grant; no secret changes when that is mended."""
    faults.fail_logons(ora_code)
    for _ in range(3):
        writers.probe()
        writers.clock.seconds += 200
    assert writers.made == MAX_REFUSALS
    faults.reset()
    assert set(writers.probe()) == {f"ORA-{ora_code:05}"}, "nobody knows that it was mended"
    with Logons(settings, writers.clock, link).attempt(by_a_person=True):
        pass  # `check` gets in
    assert set(writers.probe()) == {""}


def test_an_account_that_unlocks_itself_needs_nobody(writers: Writers, faults: OracleControl) -> None:
    """Kind: given up for good what passes. PASSWORD_LOCK_TIME was over after ten minutes, and values went to the
    backup until somebody ran `check`."""
    faults.lock_account()
    made = []
    for _ in range(20):
        assert set(writers.probe()) == {"ORA-28000"}
        made.append(writers.made)
        writers.clock.seconds += 1800
    assert 8 <= made[-1] <= 14, "each hour, by all writers together"
    faults.unlock_account()
    writers.clock.seconds += LAST_PAUSE_S
    assert set(writers.probe()) == {""}


def test_a_wrong_password_behind_a_locked_account_costs_it_one_refusal(writers: Writers, faults: OracleControl) -> None:
    """Kind: a safeguard that is gone when what it guards against comes by another way."""
    faults.lock_account()
    for _ in range(10):
        writers.probe()
        writers.clock.seconds += LAST_PAUSE_S
    faults.change_password("another")
    faults.unlock_account()
    before = writers.made
    for _ in range(10):
        writers.probe()
        writers.clock.seconds += 2 * LAST_PAUSE_S
    assert writers.made == before + 1


def test_without_redis_a_process_goes_by_what_it_knows(
    settings: WriterSettings, faults: OracleControl, oracle: OracleTarget
) -> None:
    """Kind: a safeguard that is gone when what it stands on is gone."""
    away = RedisLink("redis://127.0.0.1:1/0")
    faults.change_password("another")
    try:
        writers = Writers(settings, away, oracle)
        for _ in range(10):
            assert set(writers.probe()) == {"ORA-01017"}
            writers.clock.seconds += 200
        assert writers.made == MAX_REFUSALS * len(writers.sinks)
    finally:
        faults.change_password(oracle.password)
        away.close()


def test_partitions_share_what_an_account_endures(
    settings: WriterSettings, link: RedisLink, oracle: OracleTarget, faults: OracleControl
) -> None:
    """Kind: a bound that each part keeps for itself, and the whole does not."""
    faults.change_password("another")
    parts = [settings.model_copy(update={"partitions": 3}).in_partition(number) for number in range(3)]
    groups = [Writers(part, link, oracle) for part in parts]
    try:
        for _ in range(10):
            for writers in groups:
                assert set(writers.probe()) == {"ORA-01017"}
                writers.clock.seconds += 61
        assert [writers.made for writers in groups][-1] == MAX_REFUSALS
    finally:
        faults.change_password(oracle.password)
        for writers in groups:
            for sink in writers.sinks:
                sink.close()


def test_a_clock_that_is_put_back_makes_no_wait_of_years(writers: Writers, faults: OracleControl) -> None:
    """Kind: a moment of the wall clock taken for a span. A machine that began in a year to come, and was set right
    after a refused logon, would have waited for that year with an account that was unlocked long ago.
    """
    faults.lock_account()
    assert code(writers.sinks[0]) == "ORA-28000"
    faults.unlock_account()
    writers.clock.advance(-10 * 365 * 86400.0)
    assert code(writers.sinks[0]) == ""
