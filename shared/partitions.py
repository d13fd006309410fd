"""Partitions: one pipeline in N parts, for more values than one Redis carries.

A partition is a place in Redis (an address and a namespace) with consumers and writers of its own; nothing of one waits
for another. Which one a message goes to follows from its PLC, so that the values of a tag stay in order. N is the same
for all who take part; nobody moves what is there when N changes (docs/scaling.md says how it is changed).
"""

import re
from zlib import crc32

#: Where one address of a list ends: those of sentinels and clusters hold commas of their own.
_BETWEEN_ADDRESSES = re.compile(r",(?=[a-z+]+://)")

#: Stands in an address for the partition's number.
_NUMBER = "{partition}"

#: Partitions at most: each costs the monitor and the poller connections of their own.
MAX_PARTITIONS = 64


def partition_of(plc_code: str, partitions: int) -> int:
    """Return the partition, from 0, that a PLC's messages go to.

    >>> [partition_of(plc_code, 4) for plc_code in ("PLC01", "PLC02", "PLC03")]
    [3, 1, 3]
    """
    return crc32(plc_code.encode()) % partitions


def url_of(redis_url: str, partition: int, partitions: int) -> str:
    """Return one partition's address out of REDIS_URL: of a list, with its number in it, or the one that all share.

    >>> url_of("redis://a:6379/0,redis://b:6379/0", 1, 2)
    'redis://b:6379/0'
    >>> url_of("redis://redis-{partition}:6379/0", 1, 2)
    'redis://redis-1:6379/0'

    Raises: ValueError: it is a list of another length.
    """
    addresses = _BETWEEN_ADDRESSES.split(redis_url)
    if len(addresses) == 1:
        return redis_url.replace(_NUMBER, str(partition))
    if len(addresses) != partitions:
        raise ValueError(f"it holds {len(addresses)} addresses, and PARTITIONS is {partitions}")
    return addresses[partition]


def namespace_of(namespace: str, partition: int, partitions: int) -> str:
    """Return a partition's namespace; where there is only one, it is the pipeline's.

    >>> namespace_of("tagpipe", 0, 1), namespace_of("tagpipe", 3, 4)
    ('tagpipe', 'tagpipe.3')
    """
    return namespace if partitions == 1 else f"{namespace}.{partition}"
