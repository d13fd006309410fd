"""Why rows may be missing, as Redis tells it: what is on its way, overflowed, was rejected, or never polled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import count, islice
from pathlib import Path
from typing import Any

from services.writer.backup.format import value_of
from services.writer.backup.place import lies_in
from services.writer.backup.waiting_rows import waiting_cells
from services.writer.verify.events import event_causes, time_of
from services.writer.verify.gaps import EVER, EXACT_S, Cause
from shared.errors import AnswerTooLargeError, RejectedError
from shared.keys import Keys
from shared.messages import read_message
from shared.models import TagValue, decode_values
from shared.queues.snapshot import take_snapshot
from shared.records.events import EventRecord, OverflowEpisode
from shared.records.files import HEADER, REJECTED_HEADER, BackupFile, FileStage
from shared.records.polling import SeenGroup
from shared.records.reading import from_hash, from_json
from shared.records.rejected import RejectedEntry
from shared.redis.link import RedisLink
from shared.zones import as_stored

#: Entries of a stream and of a list that are read at once, and in-flight lists whose oldest value is looked at.
_AT_ONCE, _LISTED_AT_ONCE, _MOST_LISTS = 500, 20, 1_000


@dataclass(frozen=True)
class RedisCauses:
    """What the Redis of one partition knows. Every method raises RedisUnavailableError."""

    link: RedisLink
    keys: Keys
    zone: tzinfo
    begin: datetime
    separator: str
    notes: list[str] = field(default_factory=list)  #: sentences about losses whose times nobody knows

    def all(self) -> Iterator[Cause]:
        """Yield the causes, those that know most first."""
        yield from self._overflows()
        yield from self._rejected()
        yield from self._on_the_way()
        yield from event_causes(self._event_records(), self.zone, self.begin, self.notes)

    def waiting_rows(self) -> Iterator[TagValue]:
        """Yield the rejected rows that wait here for a file."""
        for raw in self._listed(self.keys.rejected_rows):
            cells = [cell or "" for cell in waiting_cells(raw)]
            try:
                yield value_of(cells, len(REJECTED_HEADER) if len(cells) > len(HEADER) else len(HEADER))
            except (ValueError, OverflowError):
                continue

    def intervals(self) -> Iterator[tuple[str, float | None]]:
        """Yield the PLC of each polling group with the seconds between its polls; None where it has no interval."""
        for raw in self.link.hash(self.keys.polling).values():
            group = from_json(SeenGroup, raw)
            if group is not None:
                is_fixed = group.mode == "FIXED" and group.interval_ms
                yield group.plc_code, (group.interval_ms or 0) / 1000 if is_fixed else None

    def files_elsewhere(self, directory: Path) -> Iterator[str]:
        """Yield a sentence for each directory of another host, or of this one, whose files wait and were not read."""
        waiting: dict[tuple[str, str], int] = {}
        for raw in self.link.hash(self.keys.backup_files).values():
            file = from_json(BackupFile, raw)
            if file is not None and file.state != FileStage.RECOVERED and not lies_in(directory, file):
                place = file.host or "another host", file.directory or "its BACKUP_DIR"
                waiting[place] = waiting.get(place, 0) + file.rows
        for (host, where), rows in sorted(waiting.items()):
            yield f"{rows:,} rows wait in files of {where} on {host}: `verify` there knows which"

    def _overflows(self) -> Iterator[Cause]:
        for raw in self.link.hash(self.keys.overflow_episodes).values():
            episode = from_json(OverflowEpisode, raw)
            if episode is None:
                continue
            begin, end = time_of(episode.oldest_timestamp), time_of(episode.newest_timestamp)
            if begin is None or end is None:
                continue
            known = frozenset(episode.tags) if (episode.tags_hit or 0) <= len(episode.tags) else None
            when = as_stored(episode.began_at, self.zone)
            what = f"overflow of the buffer at {when:%m-%d %H:%M:%S}: lost; /api/overflows tells of it"
            yield Cause(what, begin, end, EXACT_S, tags=known, left=episode.values)

    def _rejected(self) -> Iterator[Cause]:
        what = "on the rejected list: `rejected` of the consumer shows why, --retry puts it back"
        for raw in self._listed(self.keys.rejected_messages):
            entry = from_json(RejectedEntry, raw)
            message = entry.message if entry is not None else None
            if not isinstance(message, str):
                continue
            try:
                poll, faults = read_message(message.encode())
            except (RejectedError, UnicodeError):
                continue
            own = {row.tag_address for row in poll.rows}
            addresses = {*poll.tag_values, *poll.error_tags, *own, *(fault.address for fault in faults)}
            times = [
                poll.timestamp,
                *poll.tag_timestamps.values(),
                *(row.timestamp for row in poll.rows if row.timestamp),
            ]
            tags = frozenset(f"{poll.plc_code}{self.separator}{address}" for address in addresses)
            yield Cause(what, min(times), max(times), EXACT_S, tags=tags, left=max(len(tags), len(poll.rows)))

    def _on_the_way(self) -> Iterator[Cause]:
        ledger = take_snapshot(self.link, self.keys, self.zone)
        if not ledger.balances:
            self.notes.append(f"the ledger does not balance: {ledger.difference:,} values are in no place, or in two")
        count = ledger.in_buffer + ledger.in_flight
        messages = ledger.queued_messages + ledger.claimed_messages
        oldest = [] if ledger.oldest_value_at is None else [as_stored(ledger.oldest_value_at, self.zone)]
        for key in islice(self.link.command("SMEMBERS", self.keys.inflight), _MOST_LISTS):
            oldest += [value.timestamp for value in decode_values(self._elements(key, 0, 0)).values]
        for raw in self._elements(self.keys.data_queue, 0, 0):
            try:
                oldest.append(read_message(raw)[0].timestamp)
            except RejectedError:
                continue
        if oldest:
            what = f"on its way: {count:,} values in buffer and in flight, {messages:,} messages queued"
            yield Cause(what, min(oldest), EVER, EXACT_S)

    def _event_records(self) -> Iterator[EventRecord]:
        next_id = "-"
        while True:
            some: Sequence[Any] = self.link.command("XRANGE", self.keys.events, next_id, "+", "COUNT", _AT_ONCE)
            for id_, fields in some:
                record = from_hash(
                    EventRecord, {**{_text(name): _text(value) for name, value in fields.items()}, "id": _text(id_)}
                )
                if record is not None:
                    yield record
            if len(some) < _AT_ONCE:
                return
            next_id = f"({_text(some[-1][0])}"

    def _listed(self, key: str) -> Iterator[bytes]:
        """Yield the elements of a list, read in pieces: each may have some hundred kB."""
        for at in count(0, _LISTED_AT_ONCE):
            some = self._elements(key, at, at + _LISTED_AT_ONCE - 1)
            yield from some
            if len(some) < _LISTED_AT_ONCE:
                return

    def _elements(self, key: str | bytes, at: int, to: int) -> list[bytes]:
        """Return elements of a list; an empty one in the place of each that is too large to be read."""
        try:
            found: list[bytes] = self.link.command("LRANGE", key, at, to)
        except AnswerTooLargeError:
            if at == to:
                return [b""]
            return [raw for place in range(at, to + 1) for raw in self._elements(key, place, place)]
        return found


def _text(raw: str | bytes) -> str:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw
