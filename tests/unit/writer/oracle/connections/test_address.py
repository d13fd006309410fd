"""Where Oracle is: what can be understood, what may be understood later, what never will."""

import os
from pathlib import Path

import pytest

from services.writer.oracle.connections.address import addresses, connect_params
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from shared.errors import SettingsError


def settings(dsn: str, **changes: object) -> WriterSettings:
    return WriterSettings.model_validate(
        {"oracle_dsn": dsn, "oracle_user": "u", "oracle_password": "secret", **changes}
    )


DESCRIPTION = (
    "(DESCRIPTION=(RETRY_COUNT=20)(RETRY_DELAY=3)(TRANSPORT_CONNECT_TIMEOUT=60)(ADDRESS_LIST=(LOAD_BALANCE=ON)"
    "(ADDRESS=(PROTOCOL=TCP)(HOST=a)(PORT=1))\n  "
    "(ADDRESS=(PROTOCOL=TCPS)(HOST=b)(PORT=2)))(CONNECT_DATA=(SERVICE_NAME=s)))"
)


@pytest.mark.parametrize(
    ("dsn", "where"),
    [
        ("db.plant:1521/PROD", [("db.plant", 1521)]),
        ("tcps://a:2484,b:2485/svc?retry_count=20", [("a", 2484), ("b", 2485)]),
        (DESCRIPTION, [("a", 1), ("b", 2)]),
        (f"(DESCRIPTION_LIST=(FAILOVER=ON){DESCRIPTION}{DESCRIPTION})", [("a", 1), ("b", 2)] * 2),
    ],
)
def test_every_address_is_found_and_the_driver_makes_no_retries(dsn: str, where: list[tuple[str, int]]) -> None:
    params = connect_params(settings(dsn, oracle_connect_timeout=7))
    assert addresses(params) == where
    assert "RETRY" not in params.get_connect_string().upper()
    assert "TRANSPORT_CONNECT_TIMEOUT=60" not in params.get_connect_string()
    assert params.tcp_connect_timeout in (7, [7] * 2)


@pytest.mark.parametrize(
    "dsn",
    ["db:1521", "db:x/PROD", "db:99999/PROD", "(DESCRIPTION=(ADDRESS=", "(X=1)", "a b"],
)
def test_what_no_file_can_make_sense_of_is_a_wrong_setting_and_is_not_repeated(dsn: str, tmp_path: Path) -> None:
    """Kind: a start that ends with a traceback; a password in a log."""
    for changes in ({}, {"oracle_config_dir": tmp_path}):
        with pytest.raises(SettingsError) as caught:
            connect_params(settings(dsn, **changes))
        assert "ORACLE_DSN is not understood" in str(caught.value)
        assert "tiger" not in str(caught.value)


def test_what_was_copied_from_jdbc_is_told_as_that() -> None:
    """Kind: words that do not help: "it holds a user or a password", where it holds none."""
    for dsn in ("jdbc:oracle:thin:@//db:1521/PROD", "jdbc:oracle:thin:@db:1521:XE"):
        with pytest.raises(ValueError, match="URL of JDBC: give what stands behind its @"):
            settings(dsn)
    with pytest.raises(SettingsError, match=r"\(SID=\.\.\.\)"):
        connect_params(settings("db:1521:XE"))


def test_an_alias_is_looked_up_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a file that comes later than the process that wants it."""
    monkeypatch.delenv("TNS_ADMIN", raising=False)
    with pytest.raises(SettingsError, match="ORACLE_DSN=PLANT is an alias: ORACLE_CONFIG_DIR"):
        connect_params(settings("PLANT"))
    wanted = settings("PLANT", oracle_config_dir=tmp_path)
    names = tmp_path / "tnsnames.ora"
    for age_s, (content, reason) in enumerate((
        (None, "tnsnames.ora is missing or can't be read"),
        (f"OTHER={DESCRIPTION}", "holds no alias PLANT, or no descriptor for it"),
        ("PLANT=(X=1)", "is no connect descriptor"),
    )):  # fmt: skip
        if content is not None:
            names.write_text(content + "\n")
            # The driver reads the file again when its time has changed.
            os.utime(names, (age_s, age_s))
        with pytest.raises(SinkError, match=reason) as caught:
            connect_params(wanted)
        assert caught.value.verdict is Verdict.CONFIGURATION
    names.write_text(f"PLANT={DESCRIPTION}\n")
    assert addresses(connect_params(wanted)) == [("a", 1), ("b", 2)]


ENTRY = f"PLANT={DESCRIPTION}\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xef\xbb\xbf" + ENTRY.encode(), "byte order mark"),
        (ENTRY.encode("utf-16"), "not in UTF-8"),
        (b"# Pr\xfcfstand\n" + ENTRY.encode(), "not in UTF-8"),
        (f"PLANT.WORLD={DESCRIPTION}\n".encode(), "only PLANT.WORLD: .* no domain"),
        (b"OLD=(DESCRIPTION=(ADDRESS=\n" + ENTRY.encode(), "only OLD: .* parenthesis that is not closed"),
    ],
)
def test_an_alias_that_anybody_sees_and_the_driver_does_not(tmp_path: Path, content: bytes, reason: str) -> None:
    """Kind: words that do not help: "there is no such alias", of one that stands in the file."""
    (tmp_path / "tnsnames.ora").write_bytes(content)
    with pytest.raises(SinkError, match=reason) as caught:
        connect_params(settings("PLANT", oracle_config_dir=tmp_path))
    assert caught.value.verdict is Verdict.CONFIGURATION


@pytest.mark.parametrize(
    "entry", [f"OTHER, PLANT ={DESCRIPTION}", f"plant =\r\n # a comment\r\n {DESCRIPTION}\r\n", "IFILE = more.ora"]
)
def test_an_alias_may_stand_in_a_file_in_several_ways(tmp_path: Path, entry: str) -> None:
    (tmp_path / "tnsnames.ora").write_text(entry + "\n")
    (tmp_path / "more.ora").write_text("PLANT = a:1/s\n")
    assert ("a", 1) in addresses(connect_params(settings("PLANT", oracle_config_dir=tmp_path)))


@pytest.mark.parametrize(
    ("host", "address"), [("db", "db"), ("10.0.0.7", "10.0.0.7"), ("::1", "::1"), ("[::1]", "::1")]
)
def test_a_host_may_be_an_address_of_ipv6(host: str, address: str) -> None:
    """Kind: two notations of one thing. The start ended with advice on an ORACLE_DSN that nobody had set."""
    where = {"oracle_host": host, "oracle_service_name": "PROD"}
    assert addresses(connect_params(settings("", **where))) == [(address, 1521)]
