"""What stands in Redis otherwise than it should: what of it is read, and what is said of the rest."""

import json

import pytest

from services.monitor.assess.findings.find import find
from services.monitor.assess.trend import Rates
from services.monitor.read.overview import Overview
from services.monitor.read.reader import RedisReader
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.records.heartbeats import OracleState, WriterStatus
from shared.redis.link import RedisLink
from shared.settings.models import BufferSettings
from tests.unit.monitor.overviews import HEALTHY_POLLING, NOW, backup_file


@pytest.fixture
def writer(link: RedisLink, keys: Keys) -> Heartbeat:
    heartbeat = Heartbeat(link, keys, EventLog(link, keys, "writer"), "writer", "w")
    heartbeat.register()
    heartbeat.beat("running", WriterStatus(oracle="ok", breaker="closed", backup="ok", last_write_at=NOW))
    return heartbeat


def said(overview: Overview) -> str:
    findings = {finding.code: finding.message for finding in find(overview, Rates(), BufferSettings())}
    return findings.get("not_all_shown", "")


@pytest.mark.usefixtures("writer")
def test_a_field_that_is_spoiled_costs_itself_and_is_said(link: RedisLink, keys: Keys) -> None:
    """Kind: one record that can't be read ends the page, or hides in silence."""
    assert said(RedisReader(link, keys).read()) == ""
    link.command("HSET", keys.service("writer", "w"), "backup_free_bytes", "plenty", "pid", "-1")
    link.command(
        "HSET", keys.backup_files,
        "a.csv", json.dumps(backup_file(rows="many")), "b.csv", json.dumps(backup_file(kind=7)), "c.csv", "[",
    )  # fmt: skip
    group = {**HEALTHY_POLLING["PLC01/line 1"], "interval_ms": "often"}
    link.command("HSET", keys.polling, "P", json.dumps(group))

    now = RedisReader(link, keys).read()
    (writer,) = now.living(WriterStatus)
    assert (writer.status.oracle, writer.status.backup_free_bytes, writer.status.last_write_at) == ("ok", None, NOW)
    assert [(name, file.rows, file.bytes) for name, file in now.backup_files.items()] == [("a.csv", 0, 40_000)]
    assert [(group.interval_ms, group.seen.values) for group in now.groups.values()] == [(None, 98)]
    message = said(now)
    assert f"3 of {keys.backup_files}" in message
    assert f"1 of {keys.polling}" in message
    assert f"2 of {keys.services}" in message


def test_a_heartbeat_that_is_gone_comes_back_whole(writer: Heartbeat, link: RedisLink, keys: Keys) -> None:
    """Kind: an entry that expired is made anew of the one field that is renewed, and is no entry."""
    link.command("DEL", keys.service("writer", "w"))
    assert writer.beat("running", WriterStatus(oracle=OracleState.AWAY))
    (found,) = RedisReader(link, keys).read().living(WriterStatus)
    assert found.process is not None
    assert (found.process.state, found.process.incarnation) == ("running", writer.incarnation)
    assert (found.process.started_at or 0) > 0
    assert found.status.oracle == OracleState.AWAY


def test_a_heartbeat_of_before_redis_clock_was_put_back_is_nobodys(
    writer: Heartbeat, link: RedisLink, keys: Keys
) -> None:
    """Kind: what is left of the dead is taken for life: "healthy", with a writer whose machine was gone."""
    link.command("ZADD", keys.services, int(link.command("TIME")[0]) + 3600, "writer:w")
    assert RedisReader(link, keys).read().living(WriterStatus) == []
    writer.beat("running", WriterStatus())
    assert len(RedisReader(link, keys).read().living(WriterStatus)) == 1


def test_half_a_heartbeat_is_a_process_of_which_little_is_known(link: RedisLink, keys: Keys) -> None:
    """Kind: as above, of somebody else's making: whoever reads it must not take what is missing for all is well."""
    link.command("HSET", keys.service("writer", "w"), "beat_at", "1")
    link.command("ZADD", keys.services, link.command("TIME")[0], "writer:w")
    now = RedisReader(link, keys).read()
    (found,) = now.living(WriterStatus)
    assert (found.status, found.instance) == (WriterStatus(), "w")
    assert "oracle_away" in {finding.code for finding in find(now, Rates(), BufferSettings())}
