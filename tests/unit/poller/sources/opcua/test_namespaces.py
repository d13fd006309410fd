"""What an index of a namespace stands for, whatever the server makes of it later."""

import pytest

from services.poller.sources.opcua.namespaces import Namespaces

FIRST = ["http://opcfoundation.org/UA/", "urn:host:server", "urn:line", "urn:plant"]
WELL_KNOWN = FIRST[:2]


@pytest.mark.parametrize(
    ("now", "nodes"),
    [
        (FIRST, {"ns=2;s=A": "ns=2;s=A", "ns=3;i=7": "ns=3;i=7", "nsu=urn:plant;s=A": "ns=3;s=A"}),
        ([*WELL_KNOWN, "urn:new", "urn:line", "urn:plant"], {"ns=2;s=A": "ns=3;s=A", "ns=3;i=7": "ns=4;i=7"}),
        ([*WELL_KNOWN, "urn:plant"], {"ns=2;s=A": "ns=2 was urn:line, which", "ns=3;i=7": "ns=2;i=7", "i=85": "i=85"}),
        ([*WELL_KNOWN, "urn:line:v2", "urn:plant"], {"ns=2;s=A": "ns=2;s=A"}),
        ([WELL_KNOWN[0], "urn:renamed", *FIRST[2:]], {"ns=1;s=A": "ns=1;s=A"}),
        ([], {"ns=3;s=A": "ns=3;s=A"}),
        (WELL_KNOWN, {"ns=3;s=A": "ns=3 was urn:plant, which"}),
        ([*FIRST, "urn:more"], {"ns=4;s=A": "ns=4;s=A"}),
    ],
    ids=[
        "the same",
        "one before",
        "one is gone",
        "renamed",
        "the server's own",
        "not said",
        "not yet there",
        "one more",
    ],
)
def test_where_a_node_is_now(now: list[str], nodes: dict[str, str]) -> None:
    namespaces = Namespaces()
    namespaces.met(FIRST)
    namespaces.met(now)
    for text, wanted in nodes.items():
        if " was " in wanted:
            with pytest.raises(LookupError, match=wanted):
                namespaces.node(text)
        else:
            assert namespaces.node(text).to_string() == wanted


def test_what_moved_is_told() -> None:
    namespaces = Namespaces()
    assert namespaces.met(FIRST) == []
    assert namespaces.met([*WELL_KNOWN, "urn:plant"]) == [
        "ns=2 was urn:line, which is gone now",
        "ns=3 was urn:plant, which is ns=2 now",
    ]
