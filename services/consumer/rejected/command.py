"""`rejected`: what is on the rejected list, by reason; put back on the DataQueue, or dropped."""

from collections import Counter, OrderedDict

import typer
from msgspec import UNSET

from services.consumer.rejected.entries import message_of
from services.consumer.rejected.rejected_list import RejectedList
from services.consumer.settings import ConsumerSettings
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.lifecycle import EXIT_FATAL
from shared.records.reading import from_json
from shared.records.rejected import RejectedEntry
from shared.redis.link import RedisLink
from shared.texts import cut, tamed

#: Reasons that are listed; the others are summed up.
REASONS_LISTED = 30


def rejected(settings: ConsumerSettings, *, retry: bool, drop: bool) -> int:
    """Do what the command of this name is for; return its exit status."""
    link = RedisLink.of(settings, "tagpipe-rejected")
    kept_list = RejectedList(link, Keys(settings.namespace))
    try:
        if retry:
            return _retry(kept_list)
        if drop:
            typer.echo(f"{kept_list.drop().done} entries dropped")
            return 0
        _list(kept_list)
    except RedisUnavailableError as error:
        typer.echo(f"error: Redis at {link.address}: {error}", err=True)
        return EXIT_FATAL
    finally:
        link.close()
    return 0


def _retry(kept_list: RejectedList) -> int:
    cleared = kept_list.retry()
    typer.echo(f"{cleared.done} entries put back on the DataQueue; what is still not understood comes here again")
    if cleared.kept:
        typer.echo(f"{cleared.kept} entries stay: only the beginning of their message is kept (--drop removes them)")
    if cleared.unseen:
        typer.echo(f"{cleared.unseen} entries were not looked at: the DataQueue is full (run this again)")
    return EXIT_FATAL if cleared.kept or cleared.unseen else 0


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
