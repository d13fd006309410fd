"""What the tests of processes that die put meanwhile."""

from sandbox.harness.feed import Load
from sandbox.harness.waiting import wait_until


def put_until(load: Load, values: int) -> None:
    wait_until(lambda: load.values >= values, 60, f"{values} values put")
