import socket

import pytest
from starlette.datastructures import Headers

from services.monitor.http.hosts import AllowedHosts, is_same_origin


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "monitor.localhost", "127.0.0.1:8000", "[::1]:8000", "192.0.2.7", "localhost.", ""],
)
def test_addresses_and_this_machine_are_ours(host: str) -> None:
    assert AllowedHosts((), is_open=True).allow(host)
    assert AllowedHosts((), is_open=True).allow(socket.gethostname())


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "[::1", "a@b"]
)
def test_other_names_lead_here_only_where_a_token_is_asked_for(host: str) -> None:
    """Kind: a page that is open in the operator's browser, whose own name leads to this machine (DNS rebinding)."""
    assert not AllowedHosts((), is_open=True).allow(host)
    assert AllowedHosts((), is_open=False).allow(host)
    assert AllowedHosts(("*",), is_open=True).allow(host)


@pytest.mark.parametrize("is_open", [True, False])
def test_names_that_are_given_are_the_only_ones_beside(is_open: bool) -> None:
    hosts = AllowedHosts(("Monitor.Plant",), is_open=is_open)
    assert hosts.allow("monitor.plant:8000")
    assert not hosts.allow("other.plant")


@pytest.mark.parametrize(
    ("origin", "is_same"),
    [
        (None, True),
        ("http://monitor:8000", True),
        ("http://Monitor:8000", True),
        ("http://monitor:3000", False),
        ("http://monitor", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
        ("http://[::1", False),
        ("http://monitor:port", False),
    ],
)
def test_origin_is_that_of_the_host(origin: str | None, is_same: bool) -> None:
    sent = {} if origin is None else {"origin": origin}
    assert is_same_origin(Headers({"host": "monitor:8000", **sent})) is is_same


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://monitor.plant", "monitor.plant:443"),
        ("http://monitor.plant", "monitor.plant:80"),
        ("https://[2001:db8::7]", "[2001:db8::7]:443"),
    ],
)
def test_a_port_that_goes_without_saying_makes_no_other_place(origin: str, host: str) -> None:
    """Kind: two notations of one place: some proxies write the port, and nobody could log in behind them."""
    assert is_same_origin(Headers({"origin": origin, "host": host}))


@pytest.mark.parametrize(
    ("verdict", "is_same"), [("same-origin", True), ("none", True), ("same-site", False), ("cross-site", False)]
)
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "monitor.plant", "monitor.plant:8443"])
def test_the_browsers_own_verdict_goes_before_the_name_that_a_proxy_asks_by(
    verdict: str, is_same: bool, host: str
) -> None:
    """Kind: nginx asks by the name in `proxy_pass`, or by `$host` without a port: nobody could log in behind it."""
    sent = {"origin": "https://monitor.plant:8443", "host": host, "sec-fetch-site": verdict}
    assert is_same_origin(Headers(sent)) is is_same
