"""Who gets an answer from the monitor, how many at once, and that one reading serves all of them."""

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
from starlette.types import Message, Receive, Scope, Send

from services.monitor.api.roles import ACTION_HEADER, Operator
from services.monitor.api.state import MAX_KEPT, Newest
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessment, Assessor
from services.monitor.dashboard.pages import DASHBOARD_PATH, PAGES, static
from services.monitor.http.answer_cache import AnswerCache
from services.monitor.http.app import create_app
from services.monitor.http.gate import COOKIE, MAX_WRONG_OF_ONE_ADDRESS, Gate
from services.monitor.http.guard import MAX_AT_ONCE, MAX_OF_ONE_ADDRESS, MAX_STRANGERS, Guard
from services.monitor.http.login import LOGIN_PATH, LOGOUT_PATH
from services.monitor.http.rate_limiter import RateLimiter
from services.monitor.read.overview import Overview
from services.monitor.settings import MonitorSettings
from tests.fakes import FakeClock
from tests.unit.monitor.overviews import healthy_overview, make_overview

TOKEN = "s3cret-token-of-the-tests"


def monitor(**settings: Any) -> FastAPI:
    chosen = MonitorSettings.model_validate(settings)
    newest = Newest(FakeClock())  # a state that does not get old, however busy the machine is
    newest.publish(Assessor(chosen).assess(healthy_overview()))
    return create_app(Whole([newest]), chosen)


def ask(app: FastAPI, method: str, path: str, **parts: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **parts)

    return asyncio.run(send())


def log_in(app: FastAPI, token: str) -> httpx.Response:
    return ask(app, "POST", LOGIN_PATH, content=urlencode({"token": token}))


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """A monitor that wants a token."""
    return monitor(monitor_api_token=TOKEN)


class TestLogin:
    """People give the token once, for a cookie."""

    @pytest.mark.parametrize("path", ["/", DASHBOARD_PATH, "/monitoring/other"])
    def test_page_without_a_cookie_is_the_form(self, app: FastAPI, path: str) -> None:
        answer = ask(app, "GET", path)
        assert answer.status_code == 401
        assert f'action="{LOGIN_PATH}"' in answer.text
        assert "Ledger" not in answer.text
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]

    def test_right_token_gives_a_cookie_that_opens_everything(self, app: FastAPI) -> None:
        answer = log_in(app, TOKEN)
        assert (answer.status_code, answer.headers["location"]) == (303, DASHBOARD_PATH)
        given = answer.headers["set-cookie"]
        assert "HttpOnly" in given
        assert "SameSite=strict" in given
        assert TOKEN not in given
        cookies = {"Cookie": f"other=1; {COOKIE}={answer.cookies[COOKIE]}"}
        assert "Ledger" in ask(app, "GET", DASHBOARD_PATH, headers=cookies).text
        assert ask(app, "GET", "/api/ledger", headers=cookies).status_code == 200
        assert ask(app, "GET", "/", headers=cookies).headers["location"] == DASHBOARD_PATH

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
        assert (ended.status_code, ended.headers["location"]) == (303, LOGIN_PATH)
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

    OPERATORS = "another-token-for-operators"
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
        app = self.monitor(monitor_api_token=TOKEN, monitor_operator_token=self.OPERATORS)
        expected = {TOKEN: (("reader", False), 403), self.OPERATORS: (("operator", True), 200)}
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
        app = self.monitor(monitor_operator_token=self.OPERATORS)
        assert self.session(app) == ("open", False)
        assert self.act(app) == 403
        assert self.act(app, Authorization="Bearer a guess") == 401
        assert self.session(app, Authorization=f"Bearer {self.OPERATORS}") == ("operator", True)

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
        ],
    )
    def test_what_another_site_can_send_is_no_action(self, headers: dict[str, str], status: int) -> None:
        """Kind: a browser sends its cookie whoever wrote the form."""
        app = self.monitor(monitor_operator_token=self.OPERATORS)
        cookie = {"Cookie": f"{COOKIE}={log_in(app, self.OPERATORS).cookies[COOKIE]}"}
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
        tokens = {"api": TOKEN, "operator": self.OPERATORS}
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
        file.write_text(self.OPERATORS)
        app = self.monitor(
            monitor_api_token=TOKEN, monitor_operator_token=self.OPERATORS, monitor_operator_token_file=file
        )
        file.write_text(TOKEN)
        assert self.session(app, Authorization=f"Bearer {TOKEN}") == ("reader", False)

    def test_every_path_that_changes_something_is_for_operators(self) -> None:
        """Kind: a path that is added later and forgets to ask."""
        app = self.monitor(monitor_api_token=TOKEN, monitor_operator_token=self.OPERATORS)
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


@pytest.mark.parametrize("path", ["/livez", "/api/ledger", "/metrics", DASHBOARD_PATH, "/api/stream", f"{PAGES}/news"])
def test_head_has_the_headers_of_get_and_nothing_after_them(path: str) -> None:
    """Kind: 405 for what every client may ask; and a stream that would never end."""
    answer = ask(monitor(), "HEAD", path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"]


def test_a_name_that_is_none_of_ours_is_not_answered_without_a_token() -> None:
    """Kind: DNS rebinding: a page's own name leads to this machine."""
    for path in ("/api/ledger", DASHBOARD_PATH, "/metrics"):
        answer = ask(monitor(), "GET", path, headers={"Host": "evil.example"})
        assert (answer.status_code, answer.json()["error"]) == (421, "HOST_NOT_ALLOWED")
    assert ask(monitor(), "GET", "/livez", headers={"Host": "evil.example"}).status_code == 200
    named = monitor(monitor_allowed_hosts="monitor, monitor.plant")
    assert ask(named, "GET", "/api/ledger", headers={"Host": "monitor.plant:8000"}).status_code == 200


def test_without_a_token_everyone_may_see_the_page() -> None:
    app = monitor()
    assert ask(app, "GET", "/").headers["location"] == DASHBOARD_PATH
    assert "Ledger" in ask(app, "GET", DASHBOARD_PATH).text


class Inner:
    """An application that counts who reaches it, and holds them until told."""

    def __init__(self) -> None:
        self.reached = 0
        self.release = asyncio.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.reached += 1
        await self.release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(self.reached).encode()})


async def call(app: Any, path: str = "/api/ledger", *, address: str = "", headers: Any = ()) -> list[Message]:
    """Call an ASGI application; return what it sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": "GET", "query_string": b"", "headers": headers}
    scope["client"] = (address, 1)
    await app(scope, receive, send)
    return sent


def test_more_than_so_many_at_once_are_refused_but_not_livez() -> None:
    async def flood() -> tuple[list[Message], list[Message], int]:
        inner = Inner()
        guard = Guard(inner, Gate(), rate=RateLimiter(per_s=1e6, burst=MAX_AT_ONCE))
        addresses = [f"192.0.2.{number % 10}" for number in range(MAX_AT_ONCE)]
        held = [asyncio.create_task(call(guard, "/api/stream", address=address)) for address in addresses]
        await asyncio.sleep(0)
        assert inner.reached == MAX_AT_ONCE
        refused = await call(guard)
        inner.release.set()
        alive = await call(guard, "/livez")
        await asyncio.gather(*held)
        again = await call(guard)
        return refused, alive, again[0]["status"]

    refused, alive, again = asyncio.run(flood())
    assert refused[0]["status"] == 503
    assert b"TOO_MANY_CLIENTS" in refused[1]["body"]
    assert (alive[0]["status"], again) == (200, 200)


def test_one_address_has_not_all_the_room_and_who_watches_has_some() -> None:
    """Kind: a cap for all that one of them can use up: 305 streams of one client locked everybody out."""

    async def flood() -> tuple[list[Message], ...]:
        inner = Inner()
        guard = Guard(inner, Gate(), rate=RateLimiter(per_s=1e6, burst=MAX_AT_ONCE))
        held = [asyncio.create_task(call(guard, "/api/stream", address="192.0.2.1")) for _ in range(MAX_OF_ONE_ADDRESS)]
        await asyncio.sleep(0)
        refused = await call(guard, address="192.0.2.1")
        inner.release.set()
        answers = [await call(guard, address="192.0.2.2"), await call(guard, "/metrics", address="192.0.2.1")]
        await asyncio.gather(*held)
        return refused, *answers

    refused, *answers = asyncio.run(flood())
    assert refused[0]["status"] == 503
    assert [answer[0]["status"] for answer in answers] == [200, 200]


def test_who_has_not_shown_who_it_is_leaves_room_for_those_who_have() -> None:
    """Kind: a login that costs nothing to begin: 305 unfinished ones locked out all who were logged in."""

    async def flood() -> tuple[list[Message], ...]:
        inner = Inner()
        guard = Guard(inner, Gate(lambda: TOKEN), rate=RateLimiter(per_s=1e6, burst=MAX_AT_ONCE))
        addresses = [f"192.0.2.{number}" for number in range(MAX_STRANGERS)]
        held = [asyncio.create_task(call(guard, LOGIN_PATH, address=address)) for address in addresses]
        await asyncio.sleep(0)
        refused = await call(guard, LOGIN_PATH, address="192.0.2.99")
        inner.release.set()
        known = await call(guard, headers=[(b"authorization", f"Bearer {TOKEN}".encode())])
        await asyncio.gather(*held)
        return refused, known

    refused, known = asyncio.run(flood())
    assert (refused[0]["status"], known[0]["status"]) == (503, 200)


def test_while_wrong_tokens_of_an_address_are_held_back_none_of_it_is_read_not_even_the_right_one() -> None:
    """Kind: a limit that lets the right guess through is what whoever guesses wants."""
    right = [(b"authorization", f"Bearer {TOKEN}".encode())]

    async def guess() -> tuple[int, ...]:
        inner = Inner()
        inner.release.set()
        guard = Guard(inner, Gate(lambda: TOKEN), rate=RateLimiter(per_s=1e6, burst=MAX_AT_ONCE))
        wrong = [(b"authorization", b"Bearer wrong")]
        held = [
            asyncio.create_task(call(guard, address=f"192.0.2.{number % 20}", headers=wrong))
            for number in range(20 * MAX_WRONG_OF_ONE_ADDRESS)
        ]
        await asyncio.sleep(0)
        answers = [
            await call(guard, address="192.0.2.1", headers=right),
            # However many addresses guess, those of others are read.
            await call(guard, address="192.0.2.99", headers=right),
        ]
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        answers.append(await call(guard, address="192.0.2.1", headers=right))
        return tuple(answer[0]["status"] for answer in answers)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("services.monitor.http.guard.MAX_STRANGERS", 1_000)
        assert asyncio.run(guess()) == (429, 200, 200)


def test_logins_that_are_begun_together_are_guesses_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: asked before the wait, done after it: fifty forms were begun, and all of them read at once."""

    async def guess(app: FastAPI, number: int, together: asyncio.Event) -> int:
        sent: list[Message] = []
        body = urlencode({"token": f"guess-{number}"}).encode()

        async def receive() -> Message:
            await together.wait()
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())]
        scope = {"type": "http", "method": "POST", "path": LOGIN_PATH, "query_string": b"", "headers": headers}
        await app({**scope, "client": ("192.0.2.1", 1)}, receive, send)
        return int(sent[0]["status"])

    async def guess_all() -> list[int]:
        app, together = monitor(monitor_api_token=TOKEN), asyncio.Event()
        guesses = [asyncio.create_task(guess(app, number, together)) for number in range(20)]
        await asyncio.sleep(0.1)
        together.set()
        return await asyncio.gather(*guesses)

    monkeypatch.setattr("services.monitor.http.gate.WRONG_COSTS_S", 0.2)
    statuses = asyncio.run(guess_all())
    assert statuses.count(401) == MAX_WRONG_OF_ONE_ADDRESS
    assert statuses.count(429) == 20 - MAX_WRONG_OF_ONE_ADDRESS


def test_an_address_is_counted_however_a_proxy_writes_it() -> None:
    """Kind: counted by how it is written: with the port beside it every request is another address."""

    async def guess() -> int:
        inner = Inner()
        inner.release.set()
        guard = Guard(inner, Gate(lambda: TOKEN), rate=RateLimiter(per_s=1e6, burst=MAX_AT_ONCE))
        wrong = [(b"authorization", b"Bearer wrong")]
        forms = ["192.0.2.1:{}", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:{}", "192.0.2.1"]
        held = [
            asyncio.create_task(call(guard, address=forms[number % len(forms)].format(number), headers=wrong))
            for number in range(MAX_WRONG_OF_ONE_ADDRESS)
        ]
        await asyncio.sleep(0)
        answer = await call(guard, address="192.0.2.1:99", headers=wrong)
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        return int(answer[0]["status"])

    assert asyncio.run(guess()) == 429


@pytest.mark.parametrize(
    "headers",
    [
        {"Transfer-Encoding": "chunked"},
        {"Transfer-Encoding": "chunked", "Content-Length": "3"},
        {"Content-Length": "9" * 9},
    ],
    ids=["chunked", "both", "long"],
)
def test_what_follows_the_headers_has_one_end_and_is_short(app: FastAPI, headers: dict[str, str]) -> None:
    """Kind: two ends of one request: who stands between sees the other one, and what is left begins somebody's next."""
    for method in ("GET", "HEAD", "POST", "PUT", "BREW"):
        for path in ("/livez", "/api/ledger", LOGIN_PATH, static("main.js")):
            answer = ask(app, method, path, headers=headers, content=b"abc")
            assert (answer.status_code, answer.headers["connection"]) == (413, "close"), (method, path)


@pytest.fixture(scope="module")
def acting() -> FastAPI:
    """A monitor with operators, and nothing to act on."""
    return monitor(monitor_operator_token=TestRoles.OPERATORS)


@pytest.mark.parametrize(
    "body",
    [
        b'{"target": NaN}',
        b'{"target": {"deep": [1e999]}}',
        b'{"target": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"target": ' + b"[" * 400 + b"]" * 400 + b"}",
        b'{"target": "writer:\\u0000\\u001b[2J"}',
        b"[" * 16_000,
        b'{"partition": ' + b"9" * 4_000 + b"}",
        b'{"partition": ' + b"9" * 5_000 + b"}",
        b"\xff\xfe\xfd",
        b"\x1f\x8b" + bytes(100),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_an_action_can_not_understand_is_said_and_no_fault_of_ours(acting: FastAPI, body: bytes) -> None:
    """Kind: an answer that quotes what JSON can't say: a 500, and 60 lines of traceback for each."""
    for media in ("application/json", "text/plain", "multipart/form-data; boundary=x", "application/\xff"):
        headers = {"Authorization": f"Bearer {TestRoles.OPERATORS}".encode(), "Content-Type": media.encode("latin-1")}
        answer = ask(acting, "POST", "/api/actions/pause", headers=headers, content=body)
        assert answer.status_code in {400, 409, 422}
        assert answer.json()["error"] in {"BAD_REQUEST", "CONFLICT", "INVALID_PARAMETER"}
        assert len(answer.content) < 3_000


def test_a_fault_of_ours_is_answered_as_strictly_as_all_else() -> None:
    """Kind: an answer that goes past what stands before every answer."""
    app = monitor()

    @app.get("/api/fault")
    async def fault() -> None:
        raise RuntimeError("s3cret in a message")

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/api/fault")

    answer = asyncio.run(send())
    assert (answer.status_code, answer.json()["error"]) == (500, "INTERNAL_ERROR")
    assert "s3cret" not in answer.text
    strict = ask(app, "GET", "/api/ledger").headers
    for name in (
        "content-security-policy",
        "x-content-type-options",
        "x-frame-options",
        "referrer-policy",
        "cache-control",
    ):
        assert answer.headers[name] == strict[name]


def test_a_flood_waits_its_turn_and_is_refused_beyond_that_but_not_livez_nor_a_pages_files() -> None:
    async def flood() -> tuple[Inner, list[int], list[int]]:
        inner = Inner()
        inner.release.set()
        guard = Guard(inner, Gate(), rate=RateLimiter(per_s=1000, burst=10, max_wait_s=0.02))
        answers = await asyncio.gather(*(call(guard) for _ in range(60)))
        free = [await call(guard, path) for path in ("/livez", static("main.js"))]
        return inner, [answer[0]["status"] for answer in answers], [answer[0]["status"] for answer in free]

    inner, statuses, free = asyncio.run(flood())
    assert 10 < statuses.count(200) < 60, "a burst, and those whose turn came soon"
    assert statuses.count(503) == 60 - statuses.count(200)
    assert free == [200, 200]
    assert inner.reached == statuses.count(200) + 2


@pytest.mark.parametrize("path", ["/", DASHBOARD_PATH, LOGIN_PATH, "/monitoring/other"])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_pages_run_and_style_nothing_that_stands_in_them(path: str, token: str | None) -> None:
    answer = ask(monitor(monitor_api_token=token), "GET", path)
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    # With no-referrer, browsers send the form as a stranger's (`Origin: null`), and nobody could log in.
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert " style=" not in answer.text
    assert "<style" not in answer.text


@pytest.mark.parametrize("name", ["dashboard.css", "main.js", "icon.svg"])
def test_style_and_script_need_no_token_and_may_be_kept(app: FastAPI, name: str) -> None:
    answer = ask(app, "GET", static(name))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["static/x/main.js", "static/main.js", "static/../pages.py", "static/%2e%2e/pages.py", "other"]
)
def test_other_paths_below_the_pages_are_a_404_and_keep_nothing(path: str) -> None:
    """Kind: a flood of 404s below /monitoring kept 471 MB: each made a page."""
    answer = ask(monitor(), "GET", f"{PAGES}/{path}")
    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")


def test_page_is_open_to_more_than_ask_for_it_once() -> None:
    """Kind: a slot that a plain GET takes: 50 of them locked everybody out for a minute."""
    app = monitor()
    statuses = [ask(app, "GET", DASHBOARD_PATH).status_code for _ in range(60)]
    assert statuses == [200] * 60


def assessed(overview: Overview) -> Assessment:
    return Assessor(MonitorSettings.model_validate({})).assess(overview)


class TestOneAnswerAState:
    """However many ask, an answer is made once a reading."""

    @staticmethod
    def run(paths: list[str], newest: Newest, inner: Inner, between: Any = None) -> list[bytes]:
        async def ask_all() -> list[bytes]:
            inner.release.set()
            app = AnswerCache(inner, Whole([newest]))
            bodies = []
            for path in paths:
                bodies.append((await call(app, path))[1]["body"])
                if between is not None:
                    between()
            return bodies

        return asyncio.run(ask_all())

    @pytest.fixture
    def newest(self) -> Newest:
        newest = Newest(FakeClock())  # a state that does not get old, however busy the machine is
        newest.publish(assessed(healthy_overview()))
        return newest

    def test_same_question_has_the_same_answer_until_the_next_reading(self, newest: Newest) -> None:
        inner = Inner()
        assert self.run(["/api/ledger"] * 100 + ["/api/events"], newest, inner) == [b"1"] * 100 + [b"2"]

    def test_new_reading_has_a_new_answer(self, newest: Newest) -> None:
        assessor, times = Assessor(MonitorSettings.model_validate({})), iter(range(9))

        def read_again() -> None:
            newest.publish(assessor.assess(make_overview(taken_at=next(times))))

        bodies = self.run(["/api/ledger"] * 3, newest, Inner(), read_again)
        assert bodies == [b"1", b"2", b"3"]

    def test_failure_of_redis_shows_at_once(self, newest: Newest) -> None:
        assert self.run(["/api/ledger"] * 2, newest, Inner(), lambda: newest.fail("away")) == [b"1", b"2"]

    def test_what_is_kept_is_bounded(self, newest: Newest) -> None:
        inner = Inner()
        self.run([f"/api/{number}" for number in range(2 * MAX_KEPT)] * 2, newest, inner)
        assert inner.reached == 3 * MAX_KEPT

    def test_what_is_kept_is_bounded_in_bytes_too(self, newest: Newest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Kind: a bound in counts where one thing may be large."""
        monkeypatch.setattr("services.monitor.api.state.MAX_KEPT_BYTES", 3)
        inner = Inner()
        self.run([f"/api/{number}" for number in range(4)] * 2, newest, inner)
        assert inner.reached == 4 + 1

    @pytest.mark.parametrize("path", ["/livez", "/monitoring/buffer", "/api/stream"])
    def test_what_depends_on_more_is_not_kept(self, newest: Newest, path: str) -> None:
        assert self.run([path] * 2, newest, Inner()) == [b"1", b"2"]
