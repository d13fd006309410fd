"""How many the monitor answers at once, and that one reading serves all of them."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from starlette.types import Message

from services.monitor.api.state import Newest
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessment, Assessor
from services.monitor.dashboard.pages import DASHBOARD_PATH, static
from services.monitor.http.answer_cache import MAX_KEPT, AnswerCache
from services.monitor.http.gate import MAX_WRONG_OF_ONE_ADDRESS, Gate
from services.monitor.http.guard import MAX_AT_ONCE, MAX_OF_ONE_ADDRESS, MAX_STRANGERS, Guard
from services.monitor.http.login import LOGIN_PATH
from services.monitor.http.rate_limiter import RateLimiter
from services.monitor.read.overview import Overview
from services.monitor.settings import MonitorSettings
from tests.contract.asking import TOKEN, Inner, ask, call, monitor
from tests.fakes import FakeClock
from tests.unit.monitor.overviews import healthy_overview, make_overview


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
        monkeypatch.setattr("services.monitor.http.answer_cache.MAX_KEPT_BYTES", 3)
        inner = Inner()
        self.run([f"/api/{number}" for number in range(4)] * 2, newest, inner)
        assert inner.reached == 4 + 1

    @pytest.mark.parametrize("path", ["/livez", "/monitoring/buffer", "/api/stream"])
    def test_what_depends_on_more_is_not_kept(self, newest: Newest, path: str) -> None:
        assert self.run([path] * 2, newest, Inner()) == [b"1", b"2"]
