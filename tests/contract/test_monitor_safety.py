"""What the monitor answers to whom it does not know or does not understand: strictly, and no fault of ours."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from services.monitor.dashboard.pages import DASHBOARD_PATH, PAGES, static
from services.monitor.http.login import LOGIN_PATH
from tests.contract.asking import OPERATORS, TOKEN, ask, leads_to, monitor


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
    for path in ("/", "/monitoring", "/monitoring/", f"{DASHBOARD_PATH}/"):
        assert leads_to(ask(app, "GET", path)) == DASHBOARD_PATH
    for other in ("//evil.example/", "%2F%2Fevil.example/", "\\evil.example/"):
        answer = ask(app, "GET", f"{PAGES}/{other}")
        assert answer.status_code == 404 or answer.url.join(answer.headers["location"]).host == "localhost"
    assert "Ledger" in ask(app, "GET", DASHBOARD_PATH).text


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
    return monitor(monitor_operator_token=OPERATORS)


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
        headers = {"Authorization": f"Bearer {OPERATORS}".encode(), "Content-Type": media.encode("latin-1")}
        answer = ask(acting, "POST", "/api/actions/pause", headers=headers, content=body)
        assert answer.status_code in {400, 409, 422}
        assert answer.json()["error"] in {"BAD_REQUEST", "CONFLICT", "INVALID_PARAMETER"}
        assert len(answer.content) < 3_000


def test_json_without_its_header_is_told_which_header(acting: FastAPI) -> None:
    """Kind: at 3 in the morning, `curl -d '{"target": "writer"}'` is told that its dictionary is no dictionary."""
    headers = {"Authorization": f"Bearer {OPERATORS}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = ask(acting, "POST", "/api/actions/pause", headers=headers, content=b'{"target": "writer"}')
    assert answer.status_code == 422
    assert answer.json()["message"] == "body: It came without the header Content-Type: application/json"


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


def test_page_of_another_version_has_style_and_script_all_the_same() -> None:
    """Kind: two versions behind one address, as in a rollout: a page without style and script, and no way back."""
    answer = ask(monitor(), "GET", static("main.js").replace("/static/", "/static/0"))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "EventSource" in answer.text


@pytest.mark.parametrize(
    "path", ["static/x/other.js", "static/main.js", "static/../pages.py", "static/%2e%2e/pages.py", "other"]
)
def test_other_paths_below_the_pages_are_a_404_and_keep_nothing(path: str) -> None:
    """Kind: a flood of 404s below /monitoring kept 471 MB: each made a page."""
    answer = ask(monitor(), "GET", f"{PAGES}/{path}")
    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
