"""Which processes beat, and what each says of itself: read within bounds, whoever wrote it."""

from collections.abc import Callable

from services.monitor.read.bounded_scan import BoundedScan, read_scans
from services.monitor.read.decoding import text_of, texts_of
from services.monitor.read.overview import FORGET_AFTER_S, Service, service_of
from shared.keys import Keys
from shared.life.heartbeat import HEARTBEAT_EXPIRY_S
from shared.records.heartbeats import ServiceStatus
from shared.redis.link import RedisLink

#: Services shown at most.
MAX_SERVICES = 500

#: Fields of a heartbeat, and bytes of those of all pollers together: they list their groups there.
_SERVICE_FIELDS, _POLLERS_BYTES = 200, 32 * 1024 * 1024


class HeartbeatsReader:
    """Reads the heartbeats that `scan`, when it was read last, found."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self.scan = BoundedScan(keys.services, "ZSCAN", max_entries=5_000)
        self._heartbeats: dict[str, BoundedScan] = {}

    def read(self, taken_at: float, on_piece: Callable[[], None]) -> tuple[tuple[Service[ServiceStatus], ...], int]:
        """Return the services that beat lately (the last to beat where there are too many), and how many are left out.

        Raises: RedisUnavailableError.
        """
        beats = {member: float(beat_at) for member, beat_at in self.scan.entries.items()}
        lately = [
            member for member, at in beats.items() if taken_at - FORGET_AFTER_S <= at <= taken_at + FORGET_AFTER_S
        ]
        newest = sorted(lately, key=lambda member: -beats[member])[:MAX_SERVICES]
        names = sorted((*text_of(member).partition(":")[::2], beats[member]) for member in newest)
        pollers = sum(role == "poller" for role, *_ in names)
        hashes = []
        for role, instance, _ in names:
            key = self._keys.service(role, instance)
            hashes.append(_heartbeat(self._heartbeats.get(key) or BoundedScan(key), role, pollers))
        # The next reading finds them again: a poller with thousands of groups is not read each time.
        self._heartbeats = {scan.key: scan for scan in hashes}
        read_scans(self._link, hashes, on_piece=on_piece)
        spoiled: list[str] = []
        # Before Redis' clock was put back: who lives beats anew within a second; what is left of others expires late.
        ahead = taken_at + HEARTBEAT_EXPIRY_S
        services = tuple(
            service_of(role, instance, beat_at, {} if beat_at > ahead else texts_of(scan.entries), spoiled)
            for (role, instance, beat_at), scan in zip(names, hashes, strict=True)
        )
        unread = sum(scan.left_out for scan in hashes) + len(spoiled)
        return services, self.scan.left_out + len(lately) - len(newest) + unread


def _heartbeat(scan: BoundedScan, role: str, pollers: int) -> BoundedScan:
    """Return a heartbeat's scan with its bounds: a poller lists its groups there, the others say little."""
    scan.max_entries, scan.max_bytes = _SERVICE_FIELDS, 64 * 1024
    if role == "poller":
        scan.max_bytes = scan.max_value_bytes = _POLLERS_BYTES // pollers
    return scan
