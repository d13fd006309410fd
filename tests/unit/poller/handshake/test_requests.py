from datetime import UTC, datetime, timedelta

import pytest

from services.poller.handshake.requests import decode_request
from shared.errors import RejectedError


def test_a_request_needs_only_its_group() -> None:
    request = decode_request(b'{"group": "line 1", "more": 1}')
    assert request.group == "line 1"
    assert len(request.request_id) == 16
    assert request.age_s(datetime.now(UTC)) < 60
    assert decode_request(b'{"group": "line 1"}').request_id != request.request_id


@pytest.mark.parametrize(
    ("asked", "age_s"),
    [("2026-01-02T03:04:05Z", 60.0), ("2026-01-02T12:04:05+09:00", 60.0), ("2026-01-02T03:06:00+00:00", 0.0)],
)
def test_a_request_has_an_age_whatever_its_offset_and_never_a_negative_one(asked: str, age_s: float) -> None:
    request = decode_request(f'{{"group": "line 1", "requested_at": "{asked}"}}'.encode())
    assert request.age_s(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(minutes=1)) == age_s


@pytest.mark.parametrize("raw", [b"", b"line 1", b"{}", b'{"group": 5}', b'{"group": "a", "requested_at": "soon"}'])
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    with pytest.raises(RejectedError, match="not a poll request: "):
        decode_request(raw)
