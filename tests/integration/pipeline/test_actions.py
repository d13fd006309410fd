"""What people ask for through the monitor, and who does it: with real services, Oracle away for a while."""

import json

import httpx

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.integration.pipeline.acting import READERS, start_desk
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
