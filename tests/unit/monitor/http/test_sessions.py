from services.monitor.api.roles import Role
from services.monitor.http.sessions import IDLE_S, MAX_SESSIONS, Sessions

READER = Role.READER


def test_session_is_open_while_it_is_used_and_ends_unused() -> None:
    sessions = Sessions()
    key = sessions.begin(READER, 0.0)
    assert sessions.role(key, IDLE_S) is READER
    assert sessions.role(key, 2 * IDLE_S) is READER
    assert sessions.role(key, 3 * IDLE_S + 1) is None
    assert sessions.role(key, 3 * IDLE_S + 1) is None


def test_every_session_has_a_key_of_its_own_and_ends_alone() -> None:
    sessions = Sessions()
    one, other = sessions.begin(READER, 0.0), sessions.begin(Role.OPERATOR, 0.0)
    assert one != other
    sessions.end(one)
    sessions.end("none of ours")
    assert (sessions.role(one, 1.0), sessions.role(other, 1.0)) == (None, Role.OPERATOR)
    sessions.end_all()
    assert sessions.role(other, 1.0) is None


def test_more_sessions_than_there_may_be_end_the_longest_unused() -> None:
    sessions = Sessions()
    keys = [sessions.begin(READER, float(number)) for number in range(MAX_SESSIONS + 1)]
    assert sessions.role(keys[0], 2000.0) is None
    assert all(sessions.role(key, 2000.0) is READER for key in keys[1:])
