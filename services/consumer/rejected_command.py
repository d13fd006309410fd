"""`rejected`: what is on the rejected list, by reason; put back on the DataQueue, or dropped."""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterator

import typer
from msgspec import UNSET

from services.consumer.rejections import message_of
from services.consumer.settings import ConsumerSettings
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.lifecycle import EXIT_FATAL
from shared.queues.data_queue import DEFAULT_MAX_MESSAGES, drop_rejected
from shared.records.reading import from_json
from shared.records.rejected import RejectedEntry
from shared.redis.link import RedisLink
from shared.texts import cut, tamed

#: Entries read, and put back, in one step: each may have some hundred kB.
ENTRIES_AT_ONCE = 20

#: Reasons that are listed; the others are summed up.
REASONS_LISTED = 30

#: Answers of retry_rejected.lua.
_CHANGED, _NO_ROOM = -1, -2


class RejectedList:
    """The rejected list of one namespace."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._places = [keys.rejected_messages, keys.rejected_bytes, keys.counters]

    def __len__(self) -> int:
        return int(self._link.command("LLEN", self._keys.rejected_messages))

    def entries(self) -> Iterator[bytes]:
        """Return the entries, the oldest first."""
        start = 0
        while some := self._read(start):
            yield from some
            start += len(some)

    def retry(self) -> tuple[int, int]:
        """Put every entry that is there now back on the DataQueue; return how many, and how many can't be.

        The latter stay on the list, at its end; so do all when the DataQueue is full.
        Raises: RedisUnavailableError: some may be put back; calling it again is safe.
        """
        left, retried, kept = len(self), 0, 0
        while left > 0:
            entries = self._read(0)[:left]
            if not entries:
                break
            messages = [message_of(entry) or b"" for entry in entries]
            digest = hashlib.sha1(b"".join(entries), usedforsecurity=False).hexdigest()
            (answer,) = self._link.run(
                "retry_rejected", [*self._places, self._keys.data_queue], [digest, DEFAULT_MAX_MESSAGES, *messages]
            )
            if answer == _NO_ROOM:
                return retried, kept + left
            if answer != _CHANGED:
                retried += answer
                kept += len(entries) - answer
                left -= len(entries)
        return retried, kept

    def drop(self) -> int:
        """Drop all entries, counted; return how many.

        Raises: RedisUnavailableError.
        """
        return drop_rejected(self._link, self._keys)

    def _read(self, start: int) -> list[bytes]:
        entries: list[bytes] = self._link.command(
            "LRANGE", self._keys.rejected_messages, start, start + ENTRIES_AT_ONCE - 1
        )
        return entries


def rejected(settings: ConsumerSettings, *, retry: bool, drop: bool) -> int:
    """Do what the command of this name is for; return its exit status."""
    link = RedisLink.of(settings, "tagpipe-rejected")
    kept_list = RejectedList(link, Keys(settings.namespace))
    try:
        if retry:
            return _retry(kept_list)
        if drop:
            typer.echo(f"{kept_list.drop()} entries dropped")
            return 0
        _list(kept_list)
    except RedisUnavailableError as error:
        typer.echo(f"error: Redis at {link.address}: {error}", err=True)
        return EXIT_FATAL
    finally:
        link.close()
    return 0


def _retry(kept_list: RejectedList) -> int:
    retried, kept = kept_list.retry()
    typer.echo(f"{retried} entries put back on the DataQueue; what is still not understood comes here again")
    if kept:
        typer.echo(
            f"{kept} entries stay: only the beginning of their message is kept (--drop removes them), or the "
            "DataQueue is full (run this again)"
        )
    return EXIT_FATAL if kept else 0


def _list(kept_list: RejectedList) -> None:
    counts: Counter[str] = Counter()
    examples: OrderedDict[str, str] = OrderedDict()
    whole = 0
    for entry in kept_list.entries():
        reason, example = _told(entry)
        counts[reason] += 1
        examples[reason] = example
        whole += message_of(entry) is not None
    typer.echo(f"{counts.total()} entries on the rejected list, {whole} of them can be put back (--retry)")
    for reason, count in counts.most_common(REASONS_LISTED):
        typer.echo(f"{count:>8}  {reason}")
        typer.echo(f"{'':>10}last: {examples[reason]}")
    others = counts.total() - sum(count for _, count in counts.most_common(REASONS_LISTED))
    if others:
        typer.echo(f"{others:>8}  other reasons")


def _told(entry: bytes) -> tuple[str, str]:
    """Return an entry's reason, and what it is about, on one line."""
    known = from_json(RejectedEntry, entry)
    if known is None:
        return "no entry of a consumer's", cut(repr(entry), 80)
    what = next((text for text in (known.message, known.head, known.message_base64) if text is not UNSET), "")
    about = f"{known.tags} tags, {known.tag!r}: {known.detail!r}: " if known.tag is not UNSET else ""
    size = f" ({known.size_bytes} bytes)" if known.size_bytes is not UNSET else ""
    return tamed(cut(known.reason)), tamed(f"{cut(known.at)} {cut(about)}{cut(repr(what), 80)}{size}")
