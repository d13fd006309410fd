"""Who polls: of the pollers that have a group, one. The others stand by, and take over when it is gone.

Each group has a lease in the Redis that its messages go to: whose it is, since when, until when. It is renewed once a
second, runs out after LEASE_S, and is taken over by who saw for RUN_OUT_S that it has, with Redis there all the while:
after an outage of Redis all leases have run out, and whoever polled is first to go on.

The lease says who should poll; that nothing is stored of what two read of one group is for the put to see to
(`shared/lua/put_held.lua`). It compares when a message was read, by Redis' clock, with when the group was taken over:
one that was paused, or cut off, and reads on without knowing puts nothing of what it read since. So nobody need stop
polling when Redis is away: what it reads waits in its outbox, and is sent if nobody else took over.

A poller that has never heard from Redis polls: it can't know, and to lose readings is worse. Two pollers that both
begin while Redis is away both poll until it is back: the one case in which two read, and what both read is stored.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from services.poller.groups.lease import Lease
from services.poller.news import Tell
from services.poller.outbox.message import ReadBy
from services.poller.threads import in_own_thread
from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.life.heartbeat import HEARTBEAT_EXPIRY_S, Heartbeat
from shared.logs import get_logger
from shared.records.events import Event
from shared.redis.link import RedisLink

#: Seconds for which a lease is good, and between two renewals.
LEASE_S, RENEW_S = HEARTBEAT_EXPIRY_S, 1.0

#: Seconds for which a lease must be seen to have run out before it is taken over, looking again within so many seconds
#: each time: 14 s at most after its holder died.
RUN_OUT_S, SEEN_WITHIN_S = 2.0, 2.5

#: Seconds that the start waits to hear who polls.
FIRST_ANSWER_S = 2.0

#: Seconds after which the groups of the file are said again, and for which Redis keeps it: while a silent one is shown.
SAY_S, SAID_KEPT_S = 60.0, 86_400

_log = get_logger()


@dataclass(kw_only=True)
class Leases:
    """The leases of one poller's groups in one Redis."""

    link: RedisLink
    keys: Keys
    process: Heartbeat
    clock: Clock
    tell: Tell
    outbox_id: Callable[[], str]  #: names the directory on the disk that this process alone has; empty: it has none

    def __post_init__(self) -> None:
        self._said: tuple[str, ...] = ()
        self._said_at_s = -SAY_S
        self._leases: dict[str, Lease] = {}
        self._given_up: list[str] = []
        self._wanted = asyncio.Event()
        self._has_answer = False
        self._run_out_since_s: float | None = None
        self._seen_at_s = 0.0
        #: Redis' clock less ours; the wall clock's until Redis has said.
        self._ahead_s = self.clock.now().timestamp() - self.clock.monotonic()

    @property
    def elsewhere(self) -> int:
        """How many groups another poller polls."""
        return sum(bool(lease.holder) for lease in self._leases.values())

    def read_by(self, group: str) -> ReadBy:
        """Return what a message of the group carries that is read now."""
        lease = self._leases.get(group)
        return ReadBy(self.process.incarnation, lease.since_ms if lease else 0, self.now_ms())

    def now_ms(self) -> int:
        """Return the milliseconds since 1970 by Redis' clock."""
        return round((self.clock.monotonic() + self._ahead_s) * 1000)

    def of(self, group: str) -> Lease:
        """Return the lease of a group; from now on it is sought."""
        lease = self._leases.setdefault(group, Lease())
        self._wanted.set()
        return lease

    def give_up(self, group: str) -> None:
        """Let the lease of a group go, at the next renewal."""
        if self._leases.pop(group, None) is not None:
            self._given_up.append(group)
            self._wanted.set()

    async def run(self, named: asyncio.Event) -> None:
        """Seek and renew, until cancelled; the name that others should see comes first, if it comes soon."""
        with suppress(TimeoutError):
            await asyncio.wait_for(named.wait(), FIRST_ANSWER_S)
        while True:
            self._wanted.clear()
            renewing = asyncio.ensure_future(in_own_thread(self._renew, [*self._leases]))
            await asyncio.wait([renewing], timeout=FIRST_ANSWER_S)
            if not renewing.done():
                self._poll_without_knowing()
            try:
                self._note(await renewing)
            except RedisUnavailableError:
                self._run_out_since_s = None
                self._poll_without_knowing()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), RENEW_S)

    async def free(self) -> None:
        """Give all leases back, so that another may poll at once; what Redis does not hear runs out."""
        groups = [group for group, lease in self._leases.items() if lease.is_held]
        if not groups:
            return
        with suppress(RedisUnavailableError):
            await in_own_thread(
                self.link.run, "free_groups", [self.keys.polling_leases], [self.process.incarnation, *groups]
            )
            # Recordings may have come to their end since the last renewal.
            await in_own_thread(self._say_configured, [*self._leases], self.clock.monotonic())

    def _renew(self, groups: Sequence[str]) -> "list[tuple[str, int, str, int]]":
        """Return of each group: state, who holds it, since when."""
        given_up, self._given_up = self._given_up, []
        if given_up:
            self.link.run("free_groups", [self.keys.polling_leases], [self.process.incarnation, *given_up])
        now_s, since_s = self.clock.monotonic(), self._run_out_since_s
        may_take = since_s is not None and now_s - since_s >= RUN_OUT_S and now_s - self._seen_at_s <= SEEN_WITHIN_S
        instance, outbox = self.process.instance or "-", self.outbox_id() or "-"
        now, *found = self.link.run(
            "hold_groups",
            [self.keys.polling_leases],
            [self.process.incarnation, instance, outbox, int(LEASE_S * 1000), int(may_take), *groups],
        )
        # As of the question: however late the answer is heard, no reading is dated earlier than it was read.
        self._ahead_s = int(now) / 1000 - now_s
        self._say_configured(groups, now_s)
        return [
            (group, state, holder.decode(errors="replace"), int(since))
            for group, (state, holder, since) in zip(groups, found, strict=True)
        ]

    def _say_configured(self, groups: Sequence[str], now_s: float) -> None:
        """Say which groups the file has, when they change and now and then: one that was taken out is not silent."""
        name = self.process.instance
        finished = {group for group, lease in [*self._leases.items()] if lease.is_finished}
        said = tuple(f"={group}" if group in finished else group for group in groups)
        if name and (said != self._said or now_s - self._said_at_s >= SAY_S):
            # The lease goes before: whatever is wrong here, it is said again with the next renewal.
            with suppress(RedisUnavailableError):
                self.link.run("have_groups", [self.keys.polling_configured], [name, SAID_KEPT_S * 1000, *said])
                self._said, self._said_at_s = said, now_s

    def _note(self, found: "list[tuple[str, int, str, int]]") -> None:
        now_s = self.clock.monotonic()
        self._note_run_out(any(state < 0 for _, state, _, _ in found), now_s)
        won, lost = Counter[str](), Counter[str]()
        for group, state, holder, since_ms in found:
            lease = self._leases.get(group)
            if lease is None:
                continue
            before, is_ours = lease.holder, state == 1
            if is_ours:
                lease.since_ms = since_ms
            if lease.set(is_held=is_ours, holder="" if is_ours else holder) and is_ours and before:
                won[before] += 1
            elif not is_ours and holder != before:
                lost[holder] += 1
        self._has_answer = True
        for holder, count in won.items():
            self._say(Event.TOOK_OVER, f"Took over {count} polling groups from poller {holder}, which is gone")
        for holder, count in lost.items():
            self._say(Event.STANDS_BY, f"Stands by: {count} polling groups are polled by poller {holder}")

    def _note_run_out(self, has_run_out: bool, now_s: float) -> None:
        is_prompt = now_s - self._seen_at_s <= SEEN_WITHIN_S
        self._seen_at_s = now_s
        if not has_run_out:
            self._run_out_since_s = None
        elif self._run_out_since_s is None or not is_prompt:
            self._run_out_since_s = now_s

    def _say(self, kind: Event, message: str) -> None:
        _log.warning(message)
        self.tell(kind, message)

    def _poll_without_knowing(self) -> None:
        if not self._has_answer:
            if not any(lease.is_held for lease in self._leases.values()):
                _log.warning(
                    "Redis can't tell yet who polls: this poller polls all its groups, and so would another one that "
                    "starts now; what both read is stored"
                )
            for lease in self._leases.values():
                lease.set(is_held=True)
