"""What the tests of actions share: a monitor that takes them, as people and programs reach it."""

from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.harness.redis import free_port
from sandbox.harness.waiting import wait_until
from tests.pipeline import Pipeline

READERS, OPERATORS = "token-of-the-readers", "token-of-the-operators"


@dataclass
class Desk:
    """The monitor of a pipeline, asked as an operator."""

    url: str

    def post(self, path: str, **body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {OPERATORS}"}
        return httpx.post(f"{self.url}/api/actions/{path}", headers=headers, json=body, timeout=10)

    def get(self, path: str) -> Any:
        answer = httpx.get(self.url + path, headers={"Authorization": f"Bearer {OPERATORS}"}, timeout=10)
        return answer.json()

    def ask(self, kind: str, **body: object) -> dict[str, Any]:
        """Ask for an action that is new; return it."""
        answer = self.post(kind, **body)
        assert answer.status_code == 202, answer.text
        action: dict[str, Any] = answer.json()
        return action

    def knows(self, name: str) -> None:
        """Wait until a process is listed as living: `role:name`."""

        def look() -> bool:
            services = self.get("/api/services")["services"]
            return any(f"{each['role']}:{each['instance']}" == name and each["alive"] for each in services)

        wait_until(look, what=f"{name} to be listed")

    def action(self, id_: str) -> dict[str, Any]:
        """Return an action as it is listed; empty where it is not."""
        return next((each for each in self.get("/api/actions")["items"] if each["id"] == id_), {})

    def until(self, id_: str, *states: str, timeout_s: float = 30.0) -> dict[str, Any]:
        """Return an action once it is in one of these states."""

        def look() -> dict[str, Any] | None:
            action = self.action(id_)
            return action if action.get("state") in states else None

        return wait_until(look, timeout_s, what=f"action {id_} to be {states}")


def start_desk(pipeline: Pipeline, **settings: object) -> Desk:
    """Start a monitor that lets operators act."""
    port = free_port()
    pipeline.start_and_wait(
        "monitor", MONITOR_PORT=port, MONITOR_API_TOKEN=READERS, MONITOR_OPERATOR_TOKEN=OPERATORS, **settings
    )
    desk = Desk(f"http://127.0.0.1:{port}")
    wait_until(lambda: httpx.get(f"{desk.url}/livez").status_code == 200, what="the monitor to answer")
    return desk
