"""What people ask for through the monitor, and who does it: with real services, Oracle away for a while."""

import json
import time

import httpx

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.oracle import Cells
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.keys import polling_field
from tests.integration.pipeline.acting import READERS, Desk, start_desk
from tests.pipeline import Pipeline


def back_up(pipeline: Pipeline, faults: OracleControl, polls: int = 4, tags: int = 1000) -> None:
    """Let Oracle be away while values come, and be back."""
    faults.stop_listening(cut="rst")
    pipeline.put(polls=polls, tags=tags)
    pipeline.wait_until_idle()
    faults.listen()
    wait_until(lambda: closed(pipeline), what="the breaker to close")


def closed(pipeline: Pipeline) -> bool:
    """Whether a value put now reaches the table."""
    pipeline.put(polls=1, tags=1)
    written = pipeline.snapshot()[Counter.WRITTEN]
    pipeline.wait_until_idle()
    return pipeline.snapshot()[Counter.WRITTEN] > written


def test_files_are_recovered_by_a_click_with_progress_a_stop_and_a_trace_of_who_asked(
    pipeline: Pipeline, faults: OracleControl
) -> None:
    """Kind: a page that shows what is wrong and nobody can do anything there."""
    desk = start_desk(pipeline)
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    back_up(pipeline, faults)
    in_files = pipeline.snapshot()[Counter.BACKED_UP]
    assert in_files >= 3000
    wait_until(lambda: desk.get("/api/backups")["total_rows"] == in_files, what="the files to be listed as closed")

    assert (
        httpx.post(f"{desk.url}/api/actions/recover", headers={"Authorization": f"Bearer {READERS}"}).status_code == 403
    )
    tried = desk.until(desk.ask("recover", dry_run=True)["id"], "done")
    assert f"{in_files:,} rows; nothing was written or moved" in tried["outcome"]

    slow = desk.ask("recover", rate=200)
    again = desk.post("recover", rate=200)
    assert (again.status_code, again.json()["id"]) == (200, slow["id"])
    wait_until(lambda: desk.action(slow["id"]).get("done"), what="progress")
    running = desk.action(slow["id"])
    assert (running["state"], running["unit"], running["total"]) == ("running", "rows", in_files)
    assert running["asked_by"] == "operator at 127.0.0.1"
    assert running["owner"].startswith("writer:")
    assert desk.post(f"{slow['id']}/stop").status_code == 202
    stopped = desk.until(slow["id"], "stopped")
    assert 0 < stopped["done"] < in_files

    done = desk.until(desk.ask("recover")["id"], "done")
    assert done["done"] == done["total"] == in_files
    assert len(pipeline.table_rows()) == pipeline.snapshot()[Counter.INSERTED]
    assert pipeline.csv_rows() == []
    assert desk.post("recover").status_code == 409
    assert desk.post(f"{slow['id']}/stop").status_code == 409
    assert traces(pipeline, slow["id"]) == ["requested", "running", "stop", "stopped"]
    told = [event["message"] for event in desk.get("/api/events?kind=action&limit=50")["events"]]
    assert "Action recover all (rate=200.0): asked for by operator at 127.0.0.1" in told


def traces(pipeline: Pipeline, id_: str) -> list[str]:
    """Return the steps of an action in the audit."""
    entries = pipeline.link.command("XRANGE", pipeline.keys.actions_audit, "-", "+")
    steps = [{key.decode(): value.decode() for key, value in fields.items()} for _, fields in entries]
    return [step["what"] for step in steps if json.loads(step["action"])["id"] == id_]


def test_a_paused_writer_gives_back_what_it_holds_and_values_go_to_the_backup_before_they_overflow(
    pipeline: Pipeline, faults: OracleControl
) -> None:
    """Kind: a pause that loses what comes, or is forgotten: by the writer's restart, or by the people."""
    desk = start_desk(pipeline, BUFFER_MAX_SIZE=2000)
    pipeline.start_and_wait("consumer", BUFFER_MAX_SIZE=2000, CONSUMER_HOLD_MESSAGES=5)
    # Oracle takes nothing, and the next try is an hour away: what is in hand can only be given back.
    hour = {"ORACLE_RETRY_BASE_DELAY": 60, "ORACLE_RETRY_MAX": 20, "BUFFER_MAX_SIZE": 2000}
    writer = pipeline.start_and_wait("writer", INSTANCE_NAME="one", **hour)
    faults.refuse_connections()
    faults.cut_sessions()
    expected = pipeline.put(polls=3, tags=500)
    wait_until(lambda: pipeline.beat("writer:one").get("breaker") == "retrying", what="the writer to retry")
    desk.knows("writer:one")
    done = desk.until(desk.ask("pause", target="writer:one")["id"], "done")
    assert done["owner"] == "writer:one"
    assert pipeline.snapshot().in_flight == 0
    assert pipeline.snapshot().in_buffer == 1500
    wait_until(lambda: pipeline.beat("writer:one")["state"] == "paused", what="the heartbeat to say so")

    pipeline.kill(writer)
    faults.accept_connections()
    pipeline.start_and_wait("writer", INSTANCE_NAME="one", BUFFER_MAX_SIZE=2000)
    wait_until(lambda: pipeline.beat("writer:one").get("state") == "paused", what="the pause to be remembered")
    expected |= pipeline.put(polls=30, tags=500)
    wait_until(lambda: pipeline.snapshot()[Counter.BACKED_UP] > 0, what="values to go to the backup")
    health, alerts = desk.get("/api/buffer/health"), desk.get("/api/alerts")["alerts"]
    assert health["status"] != "healthy"
    (alert,) = [alert for alert in alerts if alert["code"] == "service_paused"]
    assert alert["severity"] == "critical"
    assert "writer one paused by operator at 127.0.0.1" in alert["message"]
    assert (pipeline.table_rows(), pipeline.snapshot()[Counter.OVERFLOWED]) == ({}, 0)

    desk.until(desk.ask("resume", target="writer")["id"], "done")
    pipeline.wait_until_idle()
    wait_until(lambda: desk.get("/api/buffer/health")["status"] == "healthy", what="the pipeline to be well again")
    assert desk.until(desk.ask("recover")["id"], "done")
    assert pipeline.table_rows() == expected


def test_a_paused_consumer_leaves_polls_in_the_queue_and_another_takes_them(pipeline: Pipeline) -> None:
    """Kind: what a paused process had claimed waits with it."""
    desk = start_desk(pipeline)
    # The buffer is full and nobody drains it: what is claimed waits for room.
    one = {"INSTANCE_NAME": "one", "BUFFER_MAX_SIZE": 1000}
    pipeline.start_and_wait("consumer", **one)
    expected = pipeline.put(polls=3, tags=600)
    wait_until(lambda: pipeline.snapshot().claimed_messages, what="a poll to wait for room")
    desk.knows("consumer:one")
    desk.until(desk.ask("pause", target="consumer:one")["id"], "done")
    assert pipeline.snapshot().claimed_messages == 0
    assert pipeline.snapshot().queued_messages == 2
    wait_until(lambda: pipeline.beat("consumer:one").get("state") == "paused", what="the heartbeat to say so")
    pipeline.start_and_wait("writer")
    wait_until(lambda: pipeline.snapshot().in_buffer == 0, what="the buffer to be drained")
    expected |= pipeline.put(polls=2, tags=600)
    assert pipeline.snapshot().queued_messages == 4
    pipeline.start_and_wait("consumer", INSTANCE_NAME="two")
    pipeline.wait_until_idle()
    assert pipeline.table_rows() == expected
    assert pipeline.beat("consumer:one")["state"] == "paused"


def test_two_writers_with_directories_of_their_own_recover_each_its_own_and_a_killed_one_goes_on(
    pipeline: Pipeline, faults: OracleControl
) -> None:
    """Kind: the request goes to one that has not the files; the owner dies in the middle, and nobody carries on."""
    desk = start_desk(pipeline)
    pipeline.start_and_wait("consumer")
    places = {name: pipeline.directory / name for name in ("one", "two")}
    writers = {
        name: pipeline.start_and_wait("writer", INSTANCE_NAME=name, BACKUP_DIR=directory)
        for name, directory in places.items()
    }
    faults.stop_listening(cut="rst")
    expected = pipeline.put(polls=40, tags=250)
    pipeline.wait_until_idle()
    faults.listen()
    in_files = pipeline.snapshot()[Counter.BACKED_UP]
    assert all(any(directory.glob("backup_*.csv")) for directory in places.values())
    wait_until(lambda: desk.get("/api/backups")["total_rows"] == in_files, what="the files to be listed")

    # Junk and a forged path beside it: neither ends anybody.
    forged = {"id": "forged", "kind": "recover", "target": "../two/recovered/x.csv", "asked_at": time.time()}
    for name, raw in (("junk", b"\xff{"), ("forged", json.dumps(forged))):
        pipeline.link.command("HSET", pipeline.keys.actions, name, raw)

    slow = desk.ask("recover", rate=100)
    assert len(slow["others"]) == 1
    both = {slow["id"], slow["others"][0]["id"]}
    running = {desk.until(id_, "running")["owner"] for id_ in both}
    assert running == {"writer:one", "writer:two"}
    victim = next(id_ for id_ in both if desk.action(id_)["owner"] == "writer:two")
    wait_until(lambda: desk.action(victim).get("done"), what="progress")
    pipeline.kill(writers["two"])
    pipeline.start_and_wait("writer", INSTANCE_NAME="two", BACKUP_DIR=places["two"])
    wait_until(lambda: traces(pipeline, victim).count("running") == 2, what="its restart to carry on")
    for id_ in both:
        desk.post(f"{id_}/stop")
        desk.until(id_, "stopped")
    done = desk.ask("recover")
    for id_ in (done["id"], done["others"][0]["id"]):
        desk.until(id_, "done")
    assert pipeline.table_rows() == expected
    assert [writers["one"].poll(), pipeline.csv_rows()] == [None, []]
    assert not any(any(directory.glob("backup_*.csv")) for directory in places.values())
    assert "no file '../two/recovered/x.csv' waits" in desk.until("forged", "failed")["outcome"]
    pause_one_under_load(pipeline, desk, expected)


def pause_one_under_load(pipeline: Pipeline, desk: Desk, expected: Cells) -> None:
    """Pause and resume one writer while values come: the other goes on, none is lost, stored twice or backed up."""

    def both_write() -> bool:
        # Until a batch was taken after the outage, others go to the backup.
        expected.update(pipeline.put(polls=1, tags=500))
        return all(pipeline.beat(f"writer:{name}").get("breaker") == "closed" for name in ("one", "two"))

    wait_until(both_write, what="both breakers to close", every_s=0.2)
    pipeline.wait_until_idle()
    before, missing = pipeline.snapshot(), expected.keys() - pipeline.table_rows().keys()
    for kind in ("pause", "resume", "pause"):
        expected |= pipeline.put(polls=20, tags=500)
        desk.until(desk.ask(kind, target="writer:one")["id"], "done")
        expected |= pipeline.put(polls=20, tags=500)
    ledger = pipeline.wait_until_idle()
    assert pipeline.table_rows() == {key: cells for key, cells in expected.items() if key not in missing}
    for counter in (Counter.DUPLICATES, Counter.BACKED_UP, Counter.OVERFLOWED):
        assert ledger[counter] == before[counter]
    wait_until(lambda: pipeline.beat("writer:one")["state"] == "paused", what="the heartbeat to say so")


def test_what_is_dead_or_gone_is_forgotten_and_what_lives_is_not(pipeline: Pipeline) -> None:
    """Kind: an alert that no one can end, about what will never come back."""
    desk = start_desk(pipeline)
    pipeline.start_and_wait("consumer")
    dead = pipeline.start_and_wait("writer", INSTANCE_NAME="dead")
    pipeline.put(polls=1, tags=3)
    desk.knows("writer:dead")
    assert desk.post("forget_service", target="writer:dead").status_code == 409
    pipeline.kill(dead)
    pipeline.link.command("DEL", pipeline.keys.service("writer", "dead"))
    pipeline.start_and_wait("writer", INSTANCE_NAME="new")
    pipeline.wait_until_idle()
    wait_until(
        lambda: desk.post("forget_service", target="writer:dead").status_code == 202, what="its death to be seen"
    )
    wait_until(
        lambda: "dead" not in {each["instance"] for each in desk.get("/api/services")["services"]}, what="it to go"
    )

    group = {"plc_code": "PLC01", "group_name": "feed"}
    (known,) = desk.get("/api/polling/status")["groups"]
    group = {"plc_code": known["plc_code"], "group_name": known["group_name"]}
    assert desk.post("forget_group", **group).status_code == 409
    field = polling_field(known["plc_code"], known["group_name"])
    raw = json.loads(pipeline.link.command("HGET", pipeline.keys.polling, field))
    long_ago = json.dumps({**raw, "last_seen_at": raw["last_seen_at"] - 3600})
    pipeline.link.command("HSET", pipeline.keys.polling, field, long_ago)
    pipeline.link.command("ZADD", pipeline.keys.polling_seen, raw["last_seen_at"] - 3600, field)
    wait_until(lambda: desk.post("forget_group", **group).status_code == 202, what="its silence to be seen")
    wait_until(lambda: desk.get("/api/polling/status")["groups"] == [], what="the group to go")
    assert pipeline.link.command("HLEN", pipeline.keys.polling) == 0
