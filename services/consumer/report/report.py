"""What the consumer tells people: log lines, events, overflow records, the state of polling groups.

Nothing here moves a value, and all of it is said at most once a second, however fast values move.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from services.consumer.rejected.entries import example_of
from services.consumer.report.groups import PollingGroups
from services.consumer.report.last_values import LastValues
from services.consumer.report.names import NameWatch
from services.consumer.report.overflow import Episode, is_high
from services.consumer.report.redis_memory import RedisMemory
from services.consumer.report.unanswered import UnansweredRequests
from services.consumer.settings import ConsumerSettings
from shared.clock import Clock
from shared.counters import Counter
from shared.journal.events import EventLog
from shared.journal.rejected_examples import RejectedExamples
from shared.keys import Keys
from shared.logs import get_logger
from shared.messages.salvage import Fault
from shared.models import PollingData, decode_values
from shared.queues.lifetimes import let_stay
from shared.queues.snapshot import take_snapshot
from shared.records.actions import Paused
from shared.records.events import BufferLevel, Event, HowMany, LoopNamed, OverflowEpisode, TagNamed
from shared.records.heartbeats import ConsumerStatus
from shared.records.reading import to_json
from shared.redis.link import RedisLink
from shared.texts import cut

#: Overflow episodes kept for the monitor.
MAX_EPISODES = 100

#: Pairs of tags of one name that are told one by one; the heartbeat says how many there are.
MAX_CLASHES_TOLD = 10

#: What is said of what was rejected.
_REJECTED = {Event.MESSAGE_REJECTED: "messages could not be understood", Event.TAGS_REJECTED: "tags can't be values"}

_log = get_logger()


@dataclass
class Report:
    """Collects what happened and says it once a second, by `tick`."""

    link: RedisLink
    keys: Keys
    events: EventLog
    settings: ConsumerSettings
    _: KW_ONLY
    clock: Clock
    incarnation: str

    def __post_init__(self) -> None:
        self._episode: Episode | None = None  # of overflow, while it goes on
        self._unsaid = 0  # values discarded
        self._is_high = False  # the buffer
        self._groups = PollingGroups(self.link, self.keys)
        keys = self.keys
        self._stay = [
            keys.data_queue, keys.claimed, keys.buffer, keys.inflight, keys.counters, keys.rejected_messages,
            keys.rejected_bytes,
        ]  # fmt: skip
        self._requests = UnansweredRequests(self.link, keys, self.clock)
        #: Told of what is rejected; whoever clears the rejected list tells them of it, too.
        self.examples = RejectedExamples(self.link, self.keys)
        separator = self.settings.tag_name_separator
        self._names = NameWatch(separator)
        #: What was last seen of each tag.
        self.last_values = LastValues(self.link, self.keys, separator, self.clock, is_on=self.settings.tag_snapshot)
        self._clashes = 0
        self._first_clash = ""
        self._rejected: dict[Event, tuple[int, str]] = {}  # how many, and why the last, not said yet
        self._depth = 0

    def pushed(self, depth: int, dropped: Sequence[bytes], rejected: Sequence[bytes] = ()) -> None:
        """Take note of a push: the buffer's depth after it, what it discarded, and what it put on the rejected list."""
        self._depth = depth
        for entry in rejected:
            what, code, example = example_of(entry)
            self.examples.note(what, code, example.at, example)
        if dropped:
            at = self.clock.now().timestamp()
            self._episode = self._episode or Episode(began_at=at, last_at=at)
            self._episode.add(decode_values(dropped).values, len(dropped), at)
            self._unsaid += len(dropped)
        self._watch_utilization()

    def rejected(self, reason: str) -> None:
        """Take note of a message that could not be understood."""
        self._note_rejected(1, cut(reason), Event.MESSAGE_REJECTED)

    def unforeseen(self, error: Exception) -> None:
        """Tell of a message that was read in a way that nobody foresaw, with the traceback."""
        message = f"Reading a message met what nobody foresaw; it is rejected, the others go on: {cut(repr(error))}"
        _log.error(message, exc_info=error)
        self.events.add(Event.FAULT, message, LoopNamed(loop="consumer"))

    def tags_rejected(self, plc_code: str, faults: Sequence[Fault]) -> None:
        """Take note of tags that can't be values."""
        fault = faults[-1]
        reason = cut(f"{plc_code}, tag {fault.address!r}: {fault.reason}: {fault.detail!r}")
        self._note_rejected(len(faults), reason, Event.TAGS_REJECTED)

    def _note_rejected(self, count: int, reason: str, kind: Event) -> None:
        before, _ = self._rejected.get(kind, (0, ""))
        self._rejected[kind] = before + count, reason

    def message(self, data: PollingData, values: int, errors: int) -> None:
        """Take note of a poll: the state of its group, and names that it shares with others."""
        self._groups.see(data, values, errors, self.clock.now().timestamp())
        of_rows = [row.tag_address for row in data.rows] if data.rows else ()
        for clash in self._names.see(data.plc_code, data.tag_values, data.error_tags, of_rows):
            self._first_clash = self._first_clash or cut(clash.told)
            self._clashes += 1
            message = (
                f"Two tags, one name: {cut(clash.told)}. In the table each takes the other's rows for its own. Set "
                "another TAG_NAME_SEPARATOR for consumers and writers, or ORACLE_TABLE_LAYOUT=tag_values, which is "
                "free of it"
            )
            if self._clashes <= MAX_CLASHES_TOLD:
                _log.error(message)
                self.events.add(Event.NAME_CLASH, message, TagNamed(tag_name=clash.tag_name))

    def status(self, memory: RedisMemory, paused: Paused | None = None) -> ConsumerStatus:
        """Return what the heartbeat says. Called by any thread."""
        return ConsumerStatus(
            paused_by=paused.by if paused else None,
            paused_at=paused.at if paused else None,
            push_refused=memory.refused,
            push_refused_since=memory.refused_since,
            name_clash=self._first_clash or None,
            name_clashes=self._clashes or None,
            groups_left_out=self._groups.left_out or None,
            tags_left_out=self.last_values.left_out or None,
            requests_unanswered=self._requests.waiting,
            requests_dropped=self._requests.dropped,
        )

    def tick(self, depth: int, *, is_short: bool = False) -> None:
        """Say what is new since the last tick; call it about once a second with the buffer's depth.

        `is_short`: Redis needs its memory for data.

        Raises: RedisUnavailableError: what could not be said is said by a later tick.
        """
        self._depth = depth
        self._watch_utilization()
        self._say_rejected()
        self.examples.flush()
        self._say_overflow()
        self._groups.save()
        self.last_values.save(is_short=is_short)
        let_stay(self.link, self._stay)
        self._requests.look()

    def _watch_utilization(self) -> None:
        size, cap = self._depth, self.settings.buffer_max_size
        utilization, was_high = 100 * size / cap, self._is_high
        self._is_high = is_high(utilization, self.settings.buffer_alert_threshold, was_high=was_high)
        if self._is_high == was_high:
            return
        if self._is_high:
            message = f"Buffer utilization high: {utilization:.1f}% ({size}/{cap} items). Approaching capacity!"
            _log.warning(message)
            self.events.add(Event.BUFFER_HIGH, message, BufferLevel(size=size, cap=cap))
        else:
            message = f"Buffer utilization normal again: {utilization:.1f}% ({size}/{cap} items)"
            _log.info(message)
            self.events.add(Event.BUFFER_NORMAL, message, BufferLevel(size=size, cap=cap))

    def _say_rejected(self) -> None:
        rejected, self._rejected = self._rejected, {}
        for kind, (count, reason) in rejected.items():
            message = f"{count} {_REJECTED[kind]} and went to the rejected list; last: {reason}"
            _log.error(message, kind=kind)
            self.events.add(kind, message, HowMany(count=count))

    def _say_overflow(self) -> None:
        if self._episode is None:
            return
        if lost := self._unsaid:
            totals = take_snapshot(self.link, self.keys)
            total, inserted = totals[Counter.OVERFLOWED], totals[Counter.INSERTED]
            rate = 100 * total / max(1, inserted)
            _log.warning(
                f"Buffer overflow: discarded {lost} oldest (FIFO). Total overflow: {total}, overflow rate: {rate:.3f}%"
            )
            self._save_episode(self._episode.record(ended=False))
            # Not before: Redis may be away, or so full that it takes no record of what it could not hold.
            self._unsaid -= lost
        if self._episode.is_over(self.clock.now().timestamp()):
            record = self._episode.record(ended=True)
            self._save_episode(record)
            message = (
                f"Overflow ended: {record.values} values of {record.tags_hit} tags lost, "
                f"timestamps {record.oldest_timestamp} to {record.newest_timestamp}"
            )
            _log.error(message)
            self.events.add(Event.OVERFLOW, message, record)
            self._episode = None

    def _save_episode(self, record: OverflowEpisode) -> None:
        key = self.keys.overflow_episodes
        field = f"{record.began_at:.3f}-{self.incarnation}"
        self.link.command("HSET", key, field, to_json(record))
        fields = sorted(self.link.command("HKEYS", key))
        if len(fields) > MAX_EPISODES:
            self.link.command("HDEL", key, *fields[:-MAX_EPISODES])
