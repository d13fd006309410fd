"""Who is let in at the monitor, and what readers and operators may."""

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.types import Message

from services.monitor.api.roles import ACTION_HEADER, Operator
from services.monitor.dashboard.pages import DASHBOARD_PATH
from services.monitor.http.gate import COOKIE, MAX_WRONG_OF_ONE_ADDRESS, Gate
from services.monitor.http.login import LOGIN_PATH, LOGOUT_PATH
from tests.contract.asking import OPERATORS, TOKEN, ask, leads_to, log_in, monitor


class TestLogin:
    """People give the token once, for a cookie."""

    @pytest.mark.parametrize("path", ["/", DASHBOARD_PATH, "/monitoring/other"])
    def test_page_without_a_cookie_is_the_form(self, app: FastAPI, path: str) -> None:
        answer = ask(app, "GET", path)
        assert answer.status_code == 401
        (action,) = re.findall(r'action="([^"]*)"', answer.text)
        assert answer.url.join(action).path == LOGIN_PATH
        assert "Ledger" not in answer.text
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]

    def test_right_token_gives_a_cookie_that_opens_everything(self, app: FastAPI) -> None:
        answer = log_in(app, TOKEN)
        assert (answer.status_code, leads_to(answer)) == (303, DASHBOARD_PATH)
        given = answer.headers["set-cookie"]
        assert "HttpOnly" in given
        assert "SameSite=lax" in given
        assert TOKEN not in given
        cookies = {"Cookie": f"other=1; {COOKIE}={answer.cookies[COOKIE]}"}
        assert "Ledger" in ask(app, "GET", DASHBOARD_PATH, headers=cookies).text
        assert ask(app, "GET", "/api/ledger", headers=cookies).status_code == 200
        assert leads_to(ask(app, "GET", "/", headers=cookies)) == DASHBOARD_PATH

    @pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "\x00", "x" * 10_000])
    def test_wrong_token_gives_none(self, app: FastAPI, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("services.monitor.http.gate.WRONG_COSTS_S", 0.0)
        answer = log_in(app, token)
        assert answer.status_code in {401, 413}
        assert "set-cookie" not in answer.headers
        assert 'role="alert"' in answer.text

    @pytest.mark.parametrize("cookie", ["", "x", f"{COOKIE}=", f"{COOKIE}={TOKEN}", f"{COOKIE}=é", "\x01;;=,"])
    def test_other_cookies_open_nothing(self, app: FastAPI, cookie: str) -> None:
        assert ask(app, "GET", "/api/ledger", headers={"Cookie": cookie.encode()}).status_code == 401

    @pytest.mark.parametrize(
        "neighbours",
        [
            'prefs={"theme":"dark"}',
            "list[0]=1",
            "a=1, b=2",
            "=",
            'open="',
            "é=é",
            f"{COOKIE}=of-another-program",
            "a=" + "x" * 8000,
        ],
    )
    def test_a_neighbours_cookie_ends_no_session(self, app: FastAPI, neighbours: str) -> None:
        """Kind: one that can't be read hides all; programs on other ports of this host have cookies that come along."""
        mine = f"{COOKIE}={log_in(app, TOKEN).cookies[COOKIE]}"
        for sent in (f"{neighbours}; {mine}", f"{mine}; {neighbours}"):
            assert ask(app, "GET", "/api/ledger", headers={"Cookie": sent.encode()}).status_code == 200
        assert ask(app, "POST", LOGOUT_PATH, headers={"Cookie": f"{neighbours}; {mine}".encode()}).status_code == 303
        assert ask(app, "GET", "/api/ledger", headers={"Cookie": mine}).status_code == 401

    def test_who_logs_in_at_one_port_is_not_logged_out_at_another(self) -> None:
        """Kind: cookies know no ports: of two monitors on one machine each ended the session at the other."""
        plants = {8000: monitor(monitor_api_token=TOKEN), 8001: monitor(monitor_api_token=TOKEN)}
        jar: dict[str, str] = {}
        for port, app in plants.items():
            answer = ask(
                app, "POST", LOGIN_PATH, headers={"Host": f"plant:{port}"}, content=urlencode({"token": TOKEN})
            )
            jar |= dict(part.split(";")[0].split("=", 1) for part in answer.headers.get_list("set-cookie"))
        for port, app in plants.items():
            headers = {"Host": f"plant:{port}", "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
            assert ask(app, "GET", "/api/ledger", headers=headers).status_code == 200

    def test_a_strangers_cookie_is_not_unquoted(self, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
        """Kind: work that grows with the square of what is sent: 15 kB of backslashes took 1.5 s of the loop."""
        seen: list[str] = []
        monkeypatch.setattr("http.cookies._unquote", seen.append)
        quoted = '="' + "\\" * 100 + '"'
        for path in (DASHBOARD_PATH, LOGIN_PATH, "/api/ledger"):
            cookies = f"{COOKIE}{quoted}; tagpipe_language{quoted}; other{quoted}"
            assert ask(app, "GET", path, headers={"Cookie": cookies}).status_code in {200, 401}
        assert seen == []

    def test_cookie_of_another_token_opens_nothing(self, app: FastAPI) -> None:
        other = log_in(monitor(monitor_api_token="another-token-of-the-tests"), "another-token-of-the-tests").cookies[
            COOKIE
        ]
        assert ask(app, "GET", "/api/ledger", headers={"Cookie": f"{COOKIE}={other}"}).status_code == 401

    def test_a_login_is_a_session_of_its_own_and_ends_by_logging_out(self, app: FastAPI) -> None:
        one, other = log_in(app, TOKEN).cookies[COOKIE], log_in(app, TOKEN).cookies[COOKIE]
        assert one != other
        ended = ask(app, "POST", LOGOUT_PATH, headers={"Cookie": f"{COOKIE}={one}"})
        assert (ended.status_code, leads_to(ended)) == (303, LOGIN_PATH)
        statuses = [
            ask(app, "GET", "/api/ledger", headers={"Cookie": f"{COOKIE}={key}"}).status_code for key in (one, other)
        ]
        assert statuses == [401, 200]

    def test_a_stream_ends_with_its_session(self, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
        """Kind: who was admitted once hears everything for ever."""
        monkeypatch.setattr("services.monitor.api.stream.STREAM_INTERVAL_S", 0.01)
        cookie = f"{COOKIE}={log_in(app, TOKEN).cookies[COOKIE]}"

        async def listen_and_log_out() -> None:
            began, never = asyncio.Event(), asyncio.Event()

            async def send(message: Message) -> None:
                if message["type"] == "http.response.body":
                    began.set()

            async def receive() -> Message:
                await never.wait()
                raise AssertionError

            headers = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
            scope = {"type": "http", "method": "GET", "path": "/api/stream", "query_string": b"", "headers": headers}
            stream = asyncio.create_task(app(scope, receive, send))
            await asyncio.wait_for(began.wait(), 10)
            assert not stream.done()
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                await client.post(LOGOUT_PATH, headers={"Cookie": cookie})
            await asyncio.wait_for(stream, 10)

        asyncio.run(listen_and_log_out())

    def test_wrong_tokens_beside_it_keep_no_stream_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Kind: not asked now, taken for yes: whose token was changed heard on, as long as he guessed beside it."""
        monkeypatch.setattr("services.monitor.http.gate._ASK_AGAIN_S", 0.0)
        tokens = [TOKEN]
        gate = Gate(lambda: tokens[-1])
        headers = Headers({"authorization": f"Bearer {TOKEN}"})

        async def listen() -> list[bool]:
            visitor = gate.visitor(headers, "192.0.2.1")
            assert visitor is not None
            async with AsyncExitStack() as held:
                monkeypatch.setattr("services.monitor.http.gate.WRONG_COSTS_S", 0.0)
                for _ in range(MAX_WRONG_OF_ONE_ADDRESS):
                    await held.enter_async_context(gate.holding_back("192.0.2.1"))
                assert gate.is_beset("192.0.2.1")
                admitted = [gate.still_admits(visitor, headers, "192.0.2.1")]
                tokens.append("another-token-of-the-tests")
                return [*admitted, gate.still_admits(visitor, headers, "192.0.2.1")]

        assert asyncio.run(listen()) == [True, False]

    @pytest.mark.parametrize("path", [LOGIN_PATH, LOGOUT_PATH])
    def test_another_sites_page_can_not_log_in_or_out(self, app: FastAPI, path: str) -> None:
        answer = ask(app, "POST", path, headers={"Origin": "https://evil.example"}, content=urlencode({"token": TOKEN}))
        assert (answer.status_code, answer.json()["error"]) == (403, "ORIGIN_NOT_ALLOWED")

    def test_another_token_ends_all_sessions(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("services.monitor.http.gate._ASK_AGAIN_S", 0.0)
        file = tmp_path / "token"
        file.write_text(TOKEN)
        app = monitor(monitor_api_token=TOKEN, monitor_api_token_file=file)
        cookies = {"Cookie": f"{COOKIE}={log_in(app, TOKEN).cookies[COOKIE]}"}
        assert ask(app, "GET", "/api/ledger", headers=cookies).status_code == 200
        file.write_text("another-token-of-the-tests")
        assert ask(app, "GET", "/api/ledger", headers=cookies).status_code == 401
        assert log_in(app, "another-token-of-the-tests").status_code == 303

    def test_metrics_want_the_token_too(self, app: FastAPI) -> None:
        assert ask(app, "GET", "/metrics").status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert "tagpipe_buffer_values" in ask(app, "GET", "/metrics", headers=bearer).text


class TestRoles:
    """Readers read, operators may act."""

    ACT = {ACTION_HEADER: "1"}  # noqa: RUF012 - nobody changes it

    @staticmethod
    def monitor(**settings: Any) -> FastAPI:
        """One with a path that acts."""
        app = monitor(**settings)

        @app.post("/api/actions/probe")
        async def act(asker: Operator) -> str:
            return str(asker)

        return app

    def session(self, app: FastAPI, **headers: str) -> tuple[str, bool]:
        answer = ask(app, "GET", "/api/session", headers=headers).json()
        return answer["role"], answer["may_act"]

    def act(self, app: FastAPI, **headers: str) -> int:
        return ask(app, "POST", "/api/actions/probe", headers=headers).status_code

    @pytest.mark.parametrize("way", ["token", "login"])
    def test_readers_read_and_operators_act(self, way: str) -> None:
        app = self.monitor(monitor_api_token=TOKEN, monitor_operator_token=OPERATORS)
        expected = {TOKEN: (("reader", False), 403), OPERATORS: (("operator", True), 200)}
        for token, (session, status) in expected.items():
            shown = {"Authorization": f"Bearer {token}"}
            if way == "login":
                shown = {"Cookie": f"{COOKIE}={log_in(app, token).cookies[COOKIE]}"}
            assert ask(app, "GET", "/api/ledger", headers=shown).status_code == 200
            # Whoever asks second is not answered what the first one was.
            assert self.session(app, **shown) == session
            assert self.act(app, **shown, **self.ACT) == status
        assert self.act(app, **self.ACT) == 401

    def test_where_everyone_may_read_only_an_operator_may_act_and_guesses_are_held_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.monitor.http.gate.WRONG_COSTS_S", 0.0)
        app = self.monitor(monitor_operator_token=OPERATORS)
        assert self.session(app) == ("open", False)
        assert self.act(app) == 403
        assert self.act(app, Authorization="Bearer a guess") == 401
        assert self.session(app, Authorization=f"Bearer {OPERATORS}") == ("operator", True)

    def test_without_the_operators_token_nobody_may_act_and_the_answer_names_it(self) -> None:
        app = self.monitor(monitor_api_token=TOKEN)
        answer = ask(app, "POST", "/api/actions/probe", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, answer.json()["error"]) == (403, "FORBIDDEN")
        assert "MONITOR_OPERATOR_TOKEN" in answer.json()["message"]

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({ACTION_HEADER: "1", "Origin": "http://localhost"}, 200),
            ({}, 403),
            ({ACTION_HEADER: "yes"}, 403),
            ({ACTION_HEADER: "1", "Origin": "https://evil.example"}, 403),
            ({ACTION_HEADER: "1", "Origin": "null"}, 403),
            ({ACTION_HEADER: "1", "Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, 403),
        ],
    )
    def test_what_another_site_can_send_is_no_action(self, headers: dict[str, str], status: int) -> None:
        """Kind: a browser sends its cookie whoever wrote the form."""
        app = self.monitor(monitor_operator_token=OPERATORS)
        cookie = {"Cookie": f"{COOKIE}={log_in(app, OPERATORS).cookies[COOKIE]}"}
        assert self.act(app, **cookie, **headers) == status
        preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        answer = ask(app, "OPTIONS", "/api/actions/probe", headers=preflight | cookie)
        assert answer.status_code == 405
        assert not any(name.startswith("access-control") for name in answer.headers)

    @pytest.mark.parametrize("which", ["api", "operator"])
    def test_a_new_token_of_either_ends_all_sessions(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
    ) -> None:
        monkeypatch.setattr("services.monitor.http.gate._ASK_AGAIN_S", 0.0)
        tokens = {"api": TOKEN, "operator": OPERATORS}
        files = {f"monitor_{name}_token_file": tmp_path / name for name in tokens}
        for name, token in tokens.items():
            (tmp_path / name).write_text(token)
        app = self.monitor(**{f"monitor_{name}_token": token for name, token in tokens.items()}, **files)
        cookies = [{"Cookie": f"{COOKIE}={log_in(app, token).cookies[COOKIE]}"} for token in tokens.values()]
        assert [self.session(app, **cookie)[0] for cookie in cookies] == ["reader", "operator"]
        (tmp_path / which).write_text("a-third-token-of-the-tests")
        assert [ask(app, "GET", "/api/ledger", headers=cookie).status_code for cookie in cookies] == [401, 401]

    def test_the_readers_token_is_never_that_of_operators(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(ValidationError, match="whoever reads could act"):
            monitor(monitor_api_token=TOKEN, monitor_operator_token=TOKEN)
        monkeypatch.setattr("services.monitor.http.gate._ASK_AGAIN_S", 0.0)
        file = tmp_path / "operator"
        file.write_text(OPERATORS)
        app = self.monitor(monitor_api_token=TOKEN, monitor_operator_token=OPERATORS, monitor_operator_token_file=file)
        file.write_text(TOKEN)
        assert self.session(app, Authorization=f"Bearer {TOKEN}") == ("reader", False)

    def test_every_path_that_changes_something_is_for_operators(self) -> None:
        """Kind: a path that is added later and forgets to ask."""
        app = self.monitor(monitor_api_token=TOKEN, monitor_operator_token=OPERATORS)
        acting = [
            (method, re.sub(r"{.*?}", "x", path))
            for path, methods in app.openapi()["paths"].items()
            for method in methods
            if method not in {"get", "head"}
        ]
        assert ("post", "/api/actions/probe") in acting
        assert len(acting) > 10
        reader = {"Authorization": f"Bearer {TOKEN}", **self.ACT}
        for method, path in acting:
            for body in ({}, {"target": "x", "rate": 1, "reason": "x"}):
                assert ask(app, method.upper(), path, headers=reader, json=body).status_code == 403, path
                assert ask(app, method.upper(), path, headers=self.ACT, json=body).status_code == 401, path
