"""`python -m services.monitor acknowledge`: a person says that the losses up to now are known."""

from msgspec.structs import replace

from services.monitor.assess.findings.losses import total_loss
from services.monitor.assess.humanize import count_of
from shared.acting.actor import Duty, Outcome
from shared.keys import Keys
from shared.queues.snapshot import take_snapshot
from shared.records.actions import ActionKind, ActionState
from shared.records.losses import Loss
from shared.records.reading import from_hash, to_hash
from shared.redis.link import RedisLink


def acknowledge(link: RedisLink, keys: Keys) -> Loss:
    """Write the totals of all losses up to now to Redis; return what was not acknowledged before.

    Raises: RedisUnavailableError: it may have been written; doing it again does no harm.
    """
    ledger = take_snapshot(link, keys)
    total = total_loss(ledger)
    known = from_hash(Loss, link.hash(keys.loss_acknowledged)) or Loss()
    # In whole seconds, and not before what was just lost.
    acknowledged = replace(total, at=int(ledger.taken_at) + 1)
    link.command("HSET", keys.loss_acknowledged, *(part for field in to_hash(acknowledged).items() for part in field))
    return total.beyond(known)


def acknowledges(link: RedisLink, keys: Keys) -> Duty:
    """Return the duty to do it because a person asked through the API."""
    return Duty(
        ActionKind.ACKNOWLEDGE,
        lambda _job: Outcome(ActionState.DONE, said(acknowledge(link, keys))),
        lane="acknowledge",
    )


def said(loss: Loss) -> str:
    """Return a line that says what was acknowledged."""
    parts = [
        count_of(loss.overflowed, "value") + " overflowed" if loss.overflowed else "",
        count_of(loss.rejected_dropped, "rejected entry", "rejected entries") + " dropped"
        if loss.rejected_dropped
        else "",
        count_of(loss.rows_dropped, "rejected row") + " lost" if loss.rows_dropped else "",
        count_of(loss.backup_lost, "row") + " gone from backup files" if loss.backup_lost else "",
        f"{count_of(abs(loss.difference), 'value')} by which the ledger does not balance" if loss.difference else "",
        f"{count_of(loss.excess, 'row')} recovered beyond what went to files" if loss.excess else "",
    ]
    return "Acknowledged: " + (", ".join(part for part in parts if part) or "nothing that the counters know of")
