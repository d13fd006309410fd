"""What each service asks of Redis, as it stands in deploy/redis and as `check` tries it, is what the source says."""

from pathlib import Path

from tools.redis_rights import CHECKED, FILES, PRODUCER, SERVICES, USERS, acl, checked, rights, written_keys


def test_the_files_and_the_check_are_up_to_date() -> None:
    hint = "make rights"
    written = {path.stem: path.read_text("utf-8") for path in FILES.glob("*.acl")}
    assert written == {user: acl(user) for user in USERS}, hint
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


def test_who_only_reads_or_only_puts_changes_nothing_else() -> None:
    """Kind: rights as wide as the namespace, for who needs one list."""
    assert written_keys(PRODUCER) == ["{tagpipe}:data_queue"]
    assert not {"lpop", "lrange", "del", "blmove"} & set(rights(PRODUCER))
    values = {"buffer", "data_queue", "inflight:*:*", "data_queue:claimed:*:*", "polling:leases", "backup_files"}
    assert not {f"{{tagpipe}}:{key}" for key in values} & set(written_keys("monitor"))
    for service in SERVICES:
        others = {f"{{tagpipe}}:service:{other}:*" for other in SERVICES if other != service}
        assert not others & set(written_keys(service))
