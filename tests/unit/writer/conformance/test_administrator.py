"""A DBA's account: how it is written down, and whom it may touch."""

import pytest

from services.writer.conformance.administrator import NAMES, Administrator, Credentials, credentials_of
from services.writer.settings import WriterSettings


@pytest.mark.parametrize(
    ("text", "user", "password"),
    [
        ("system/Secret", "system", "Secret"),
        (" system/Secret ", "system", "Secret"),
        ('system/"Se/cr@t "', "system", "Se/cr@t "),
        ("system/a/b", "system", "a/b"),
        ('system/"', "system", '"'),
    ],
)
def test_an_account_is_read_as_people_write_it(text: str, user: str, password: str) -> None:
    assert credentials_of(text) == Credentials(user, password)
    assert password not in repr(credentials_of(text)).replace(user, "")


@pytest.mark.parametrize("text", ["", "system", "system/", "/secret"])
def test_half_an_account_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="user/password"):
        credentials_of(text)


@pytest.mark.parametrize(
    "name", ["SYSTEM", "TT_12345678", "TT_12345678_TAGPIPE", "TT_12345678_TAGPIPE_1X", "XTT_12345678_TAGPIPE_1"]
)
def test_nobodys_sessions_are_killed_but_those_of_users_that_a_run_made(name: str) -> None:
    """Before anything is asked of a database: there is none here."""
    settings = WriterSettings(oracle_dsn="127.0.0.1:1/none", oracle_user="u", oracle_password="p")
    with pytest.raises(ValueError, match="made by no run"):
        Administrator(settings, Credentials("system", "x"), "TT_0000000A").kill_sessions_of(name)
    assert NAMES.fullmatch("TT_12345678_TAGPIPE_12")
