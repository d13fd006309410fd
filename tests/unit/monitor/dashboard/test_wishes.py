"""How a page is wanted: the address first, then what was chosen before, then what the browser asks for."""

import pytest
from starlette.datastructures import Headers

from services.monitor.dashboard.wishes import Wishes


def wishes(query: str = "", **headers: str) -> Wishes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Wishes.of(query, Headers(named), {"en", "ko"})


def test_language_is_that_of_the_address_then_of_the_cookie_then_of_the_browser() -> None:
    assert wishes().language == "en"
    assert wishes(accept_language="ko").language == "ko"
    assert wishes(accept_language="ko", cookie="a=b; tagpipe_language=en").language == "en"
    assert wishes("lang=ko", accept_language="en", cookie="tagpipe_language=en").language == "ko"
    assert wishes("lang=xx", cookie="tagpipe_language=../etc", accept_language="ko").language == "ko"


def test_what_was_wanted_goes_on_into_the_next_address() -> None:
    assert wishes("theme=dark&range=1+h&wall=1").address("/x") == "../x?theme=dark&range=1h&wall=1"
    assert wishes("theme=dark&lang=en").address("/x", lang="ko") == "../x?theme=dark&lang=ko"
    assert wishes().address("/x") == "../x"


@pytest.mark.parametrize(
    "query",
    [
        "theme=//evil.example",
        "theme=dark%0d%0aSet-Cookie:x",
        "next=https://evil.example",
        "theme",
        "&" * 1_000,
        "%ff=%00",
    ],
)
def test_nothing_of_a_stranger_goes_on_into_the_next_address(query: str) -> None:
    assert wishes(query).address("/x") == "../x"
