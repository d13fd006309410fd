"""What the monitor carries out itself: losses are acknowledged, the dead are forgotten, for nobody else owns them.

A person says that the losses up to now are known: at the terminal, or through the page. What is acknowledged is what
was told: what was lost since then is told again. Who said so, and when, stands with the totals, and is an event.
"""

from msgspec.structs import replace

from services.monitor.assess.findings.losses import AHEAD_S, sentences, total_loss
from shared.acting.actor import Duty, Job, Outcome
from shared.counters import Counter
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.queues.snapshot import take_snapshot
from shared.records.actions import ActionKind, ActionState
from shared.records.events import Event
from shared.records.losses import Loss, WentBackTotal
from shared.records.reading import from_hash, to_hash
from shared.redis.link import RedisLink


def acknowledge(link: RedisLink, keys: Keys, events: EventLog, by: str, told: Loss | None = None) -> str:
    """Write totals of losses to Redis as known; return what was not acknowledged before, in the words of the alerts.

    told: the totals that the person was told; None for those of this moment.
    Raises: RedisUnavailableError: it may have been written; doing it again does no harm.
    """
    ledger = take_snapshot(link, keys)
    total = told or total_loss(ledger)
    known = from_hash(Loss, link.hash(keys.loss_acknowledged)) or Loss()
    if (total.at or 0) < (known.at or 0) <= ledger.taken_at + AHEAD_S:
        return f"{known.by or 'somebody'} has acknowledged it, and what came later, already"
    went_back = from_hash(WentBackTotal, link.hash(keys.went_back)) or WentBackTotal()
    if went_back.at > ledger.taken_at + AHEAD_S:
        link.command("HSET", keys.went_back, "at", int(ledger.taken_at))
    fields = to_hash(replace(total, by=by)).items()
    link.command("HSET", keys.loss_acknowledged, *(part for field in fields for part in field))
    said = "; ".join(text for _, text in sentences(total.beyond(known), ledger[Counter.INSERTED]))
    said = f"Acknowledged: {said or 'nothing that the counters know of'}"
    events.add(Event.ACKNOWLEDGED, f"{said}, by {by}")
    return said


def acknowledges_losses(link: RedisLink, keys: Keys, events: EventLog) -> Duty:
    """Return the duty to note what a person acknowledges through the page."""

    def carry_out(job: Job) -> Outcome:
        told = from_hash(Loss, {name: str(figure) for name, figure in job.action.options.items()}) or Loss()
        return Outcome(ActionState.DONE, acknowledge(link, keys, events, job.action.asked_by, told))

    return Duty(ActionKind.ACKNOWLEDGE, carry_out, lane="acknowledge")


def forgets_services(link: RedisLink, keys: Keys) -> Duty:
    """Return the duty to take a dead process off the list of services."""

    def carry_out(job: Job) -> Outcome:
        target = job.action.target or ""
        role, _, instance = target.partition(":")
        if link.hash(keys.service(role, instance)):
            return Outcome(ActionState.FAILED, f"{target} is running")
        known = link.command("ZREM", keys.services, target)
        return Outcome(ActionState.DONE, f"{target} is forgotten" if known else f"{target} was not known any more")

    return Duty(ActionKind.FORGET_SERVICE, carry_out, lane="forget")
