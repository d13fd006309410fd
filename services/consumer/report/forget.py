"""A polling group that is gone is forgotten, because a person asked for it: what consumers saw of it is theirs."""

import msgspec

from shared.acting.actor import Duty, Job, Outcome
from shared.keys import Keys
from shared.records.actions import ActionKind, ActionState
from shared.records.reading import json_array
from shared.redis.link import RedisLink

#: Seconds for which it must have been silent: who is polled would only come back.
SILENT_S = 10.0


def forgets_groups(link: RedisLink, keys: Keys) -> Duty:
    """Return the duty to forget a group: the target is its field."""

    def carry_out(job: Job) -> Outcome:
        group = job.action.target or ""
        seen = link.command("ZSCORE", keys.polling_seen, group)
        if seen is not None and link.server_time() - float(seen) < SILENT_S:
            return Outcome(
                ActionState.FAILED, f"polling group {group} was seen in the last {SILENT_S:g} s: it is polled"
            )
        # The other name is what older versions gave it.
        names = [group, "/".join(names_in(group))]
        known, _ = link.commands(("HDEL", keys.polling, *names), ("ZREM", keys.polling_seen, *names))
        text = f"polling group {group} is forgotten" if known else f"polling group {group} was not known any more"
        return Outcome(ActionState.DONE, text)

    return Duty(ActionKind.FORGET_GROUP, carry_out, lane="forget")


def names_in(group: str) -> list[str]:
    """Return PLC and name of a group by its field; nothing where it is none."""
    return [part for raw in json_array(group) if isinstance(part := msgspec.json.decode(raw), str)]
