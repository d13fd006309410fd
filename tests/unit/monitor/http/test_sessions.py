from services.monitor.http.sessions import IDLE_S, MAX_SESSIONS, Sessions


def test_session_is_open_while_it_is_used_and_ends_unused() -> None:
    sessions = Sessions()
    key = sessions.begin(0.0)
    assert sessions.holds(key, IDLE_S)
    assert sessions.holds(key, 2 * IDLE_S)
    assert not sessions.holds(key, 3 * IDLE_S + 1)
    assert not sessions.holds(key, 3 * IDLE_S + 1)


def test_every_session_has_a_key_of_its_own_and_ends_alone() -> None:
    sessions = Sessions()
    one, other = sessions.begin(0.0), sessions.begin(0.0)
    assert one != other
    sessions.end(one)
    sessions.end("none of ours")
    assert (sessions.holds(one, 1.0), sessions.holds(other, 1.0)) == (False, True)
    sessions.end_all()
    assert not sessions.holds(other, 1.0)


def test_more_sessions_than_there_may_be_end_the_longest_unused() -> None:
    sessions = Sessions()
    keys = [sessions.begin(float(number)) for number in range(MAX_SESSIONS + 1)]
    assert not sessions.holds(keys[0], 2000.0)
    assert all(sessions.holds(key, 2000.0) for key in keys[1:])
