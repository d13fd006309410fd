"""A process that is dead is forgotten: the one action that the monitor carries out itself, for nobody owns the dead."""

from shared.acting.actor import Duty, Job, Outcome
from shared.keys import Keys
from shared.records.actions import ActionKind, ActionState
from shared.redis.link import RedisLink


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
