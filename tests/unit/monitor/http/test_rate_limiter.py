import pytest

from services.monitor.http.rate_limiter import RateLimiter


def test_a_burst_goes_at_once_and_then_turns_come_at_the_rate() -> None:
    pace = RateLimiter(per_s=10, burst=3, max_wait_s=1.0)
    waits = [pace.turn(100.0) for _ in range(6)]
    assert waits == pytest.approx([0, 0, 0, 0, 0.1, 0.2])


def test_who_would_wait_too_long_is_refused_and_takes_no_turn() -> None:
    pace = RateLimiter(per_s=10, burst=1, max_wait_s=0.25)
    assert [pace.turn(0.0) for _ in range(6)] == pytest.approx([0, 0, 0.1, 0.2, None, None])
    assert pace.turn(0.1) == pytest.approx(0.2)


def test_a_quiet_time_earns_no_more_than_one_burst() -> None:
    pace = RateLimiter(per_s=10, burst=2, max_wait_s=1.0)
    for _ in range(9):
        pace.turn(0.0)
    assert [pace.turn(1000.0) for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


def test_fifty_clients_that_ask_twice_a_second_never_wait() -> None:
    pace = RateLimiter()
    assert all(pace.turn(number / 100) == 0 for number in range(2000))
