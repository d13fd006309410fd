"""A message of more values than the buffer holds, in parts that fit: it would overflow the buffer by itself. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec.structs import replace

from shared.messages import encode_polling_data
from shared.messages.salvage import Fault
from shared.models import PollingData


def in_parts(data: PollingData, faults: Sequence[Fault], most: int) -> Iterator[bytes]:
    """Return messages of at most `most` tags or rows each, in order; then one of each tag that was left out of it."""
    addresses = iter(dict.fromkeys([*data.tag_values, *data.error_tags]))
    while some := list(islice(addresses, most)):
        yield encode_polling_data(
            replace(
                data,
                tag_values=_of(data.tag_values, some),
                error_tags=_of(data.error_tags, some),
                tag_qualities=_of(data.tag_qualities, some),
                tag_timestamps=_of(data.tag_timestamps, some),
                rows=(),
            )
        )
    without_tags = replace(data, tag_values={}, error_tags={}, tag_qualities={}, tag_timestamps={})
    for start in range(0, len(data.rows), most):
        yield encode_polling_data(replace(without_tags, rows=data.rows[start : start + most]))
    # In ASCII: what is no character stays as it came.
    yield from (json.dumps(fault.alone).encode() for fault in faults)


def _of(by_tag: Mapping[str, Any], addresses: Sequence[str]) -> dict[str, Any]:
    return {address: by_tag[address] for address in addresses if address in by_tag} if by_tag else {}
