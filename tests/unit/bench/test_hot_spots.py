import pytest

from bench.benchmarks.price.hot_spots import shares

STACKS = [
    "run (a/services/writer/worker.py:10);claim (a/shared/queues/buffer.py:20);recv (a/shared/redis/link.py:5) 6",
    "run (a/services/writer/worker.py:12);claim (a/shared/queues/buffer.py:22) 2",
    "run (a/services/writer/worker.py:12);run (a/services/writer/worker.py:12) 2",
    "",
]


def test_own_time_is_the_innermost_functions_and_whole_time_counts_a_function_once() -> None:
    own, whole = shares(STACKS)
    assert own == pytest.approx(
        {"recv (redis/link.py)": 0.6, "claim (queues/buffer.py)": 0.2, "run (writer/worker.py)": 0.2}
    )
    assert whole["run (writer/worker.py)"] == 1.0
    assert whole["claim (queues/buffer.py)"] == pytest.approx(0.8)


def test_nothing_seen_is_no_share() -> None:
    assert shares([]) == ({}, {})
