import socket

import pytest

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
    [(None, True), ("http://monitor:8000", True), ("https://evil.example", False), ("null", False), ("", False)],
)
def test_origin_is_that_of_the_host(origin: str | None, is_same: bool) -> None:
    assert is_same_origin(origin, "monitor:8000") is is_same
