"""What tests ask of a sink that fails, and of one that must work again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.waiting import wait_until
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import SinkError
from shared.models import TagValue
from tests.fakes import tag_values

T = TypeVar("T")


Fault = Callable[[OracleControl], None]


def failure(sink: OracleSink, values: list[TagValue]) -> SinkError:
    with pytest.raises(SinkError) as caught:
        sink.write(values)
    return caught.value


def failure_or_none(sink: OracleSink, values: list[TagValue]) -> SinkError | None:
    try:
        sink.write(values)
    except SinkError as error:
        return error
    return None


def at_once(count: int, call: Callable[[int], T]) -> list[T]:
    """Make calls in threads of their own; return their answers in order."""
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(call, range(count)))


def at_most(times: int, call: Callable[[], None]) -> None:
    for _ in range(times):
        call()


def works_again(sink: OracleSink) -> None:
    """A write that must succeed soon: what is left of the fault may cost tries, never time without end."""

    def written() -> bool:
        try:
            outcome = sink.write(tag_values(5))
        except SinkError:
            return False
        return outcome.written + len(outcome.duplicates) == 5

    wait_until(written, 15, "the sink to work again")
