"""What each service asks of Redis, as it stands in docs/redis.md and as `check` tries it, is what the source says."""

from pathlib import Path

from tools.redis_rights import CHECKED, PAGE, SERVICES, checked, rights, table


def test_the_page_and_the_check_are_up_to_date() -> None:
    hint = "make rights"
    assert table() in PAGE.read_text("utf-8"), hint
    assert CHECKED.read_text("utf-8") == checked(), hint


def test_every_script_is_some_services() -> None:
    """Kind: a tool that overlooks. A script that no service seems to run would be asked of nobody."""
    assert {"lmove", "renamenx"} <= set(rights("writer"))
    assert {"hscan", "xrevrange"} <= set(rights("monitor"))
    assert "blmove" not in rights("monitor")
    assert {"wait", "lpop"} <= set(rights("poller"))
    for service in SERVICES:
        assert not {"config|set", "flushall", "keys"} & set(rights(service))
    assert Path(CHECKED).name in {path.name for path in CHECKED.parent.iterdir()}
