"""What people ask of a consumer through the monitor: put rejected messages back on the DataQueue, or drop them."""

from functools import partial

from services.consumer.rejected.rejected_list import Choice, Cleared, RejectedList
from shared.acting.actor import Duty, Job, Outcome
from shared.journal.rejected_examples import RejectedExamples
from shared.keys import Keys
from shared.records.actions import ActionKind, ActionState
from shared.redis.link import RedisLink

#: Of actions on the list one is carried out at a time.
_LANE = "rejected list"


def clears_rejected(link: RedisLink, keys: Keys, examples: RejectedExamples) -> list[Duty]:
    """Return the duties to retry and to drop messages. What Redis is away for goes on when it is asked for again."""
    kept_list = RejectedList(link, keys, examples)

    def retry(job: Job) -> Outcome:
        cleared = kept_list.retry(_choice(job), partial(_goes_on, job))
        text = f"{cleared.done} entries put back on the DataQueue; what is still not understood comes here again"
        if cleared.kept:
            text += f"; {cleared.kept} stay, only the beginning of their message is kept"
        return _outcome(job, cleared, text)

    def drop(job: Job) -> Outcome:
        cleared = kept_list.drop(_choice(job), partial(_goes_on, job))
        return _outcome(job, cleared, f"{cleared.done} entries dropped")

    return [Duty(ActionKind.RETRY_MESSAGES, retry, lane=_LANE), Duty(ActionKind.DROP_MESSAGES, drop, lane=_LANE)]


def _choice(job: Job) -> Choice:
    def words(name: str) -> frozenset[str]:
        return frozenset(str(job.action.options.get(name, "")).split())

    most = job.action.options.get("most")
    return Choice(words("ids"), words("codes"), most if isinstance(most, int) else None)


def _goes_on(job: Job, looked_at: int) -> bool:
    job.unit, job.done = "entries", looked_at
    return not job.stop.is_set()


def _outcome(job: Job, cleared: Cleared, text: str) -> Outcome:
    if cleared.is_full:
        return Outcome(ActionState.FAILED, f"{text}; the DataQueue is full: ask again once consumers have caught up")
    if job.stop.is_set() and cleared.unseen:
        return Outcome(ActionState.STOPPED, f"{text}; {cleared.unseen} entries were not looked at")
    return Outcome(ActionState.DONE, text)
