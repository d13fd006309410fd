"""The last hour as it is answered."""

from services.monitor.api.answers.history import history
from services.monitor.read.buckets import HISTORY_S
from shared.counters import WINDOW_BUCKET_S
from tests.unit.monitor.overviews import NOW, make_overview

_BUCKETS = HISTORY_S // WINDOW_BUCKET_S + 1


class TestHistory:
    """The last hour as the API answers it."""

    def test_point_holds_what_its_bucket_counted(self) -> None:
        now = make_overview(
            window={
                1: {
                    "inserted": 30, "written": 20, "backed_up": 6, "overflowed": 4, "batches_written": 2,
                    "batches_failed": 1, "depth": 5, "depth_max": 9, "latency:10": 2, "lag:300": 20,
                }
            }
        )  # fmt: skip
        answer = history(now, 1)
        assert answer.resolution_seconds == 10
        assert len(answer.points) == 7
        point = answer.points[-2]
        assert point.model_dump(exclude={"at"}) == {
            "inserted": 30, "written": 20, "backed_up": 6, "overflowed": 4, "batches_written": 2, "batches_failed": 1,
            "depth": 5, "depth_max": 9, "write_latency_p50_ms": 10.0, "write_latency_p95_ms": 10.0,
            "lag_p50_ms": 300.0, "lag_p95_ms": 300.0,
        }  # fmt: skip
        assert point.at.timestamp() == NOW // 10 * 10 - 10

    def test_depth_stays_what_it_was_where_nothing_moved(self) -> None:
        points = history(make_overview(window={30: {"depth": 70, "depth_max": 90}}), 10).points
        assert {point.depth for point in points[-30:]} == {70}
        assert points[-31].depth_max == 90
        assert {point.depth_max for point in points[-30:]} == {70}

    def test_before_anything_is_known_the_depth_is_null(self) -> None:
        assert {point.depth for point in history(make_overview(), 60).points} == {None}

    def test_an_hour_is_kept(self) -> None:
        assert len(history(make_overview(), 60).points) == 361
