"""Every Redis key of the pipeline: its type, who writes it, who reads it, when it expires.

The braces make all keys of a namespace fall in one slot of a cluster, which is what lets one script move values
between them.
"""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Keys:
    """The keys of one namespace."""

    namespace: str

    @property
    def _ns(self) -> str:
        return f"{{{self.namespace}}}"

    @property
    def data_queue(self) -> str:
        """List of PollingData (JSON). Written by polling engines (RPUSH), read by consumers.

        Bounded by who puts: `DataQueue.put` refuses above DATA_QUEUE_MAX_MESSAGES.
        """
        return f"{self._ns}:data_queue"

    @property
    def claimed(self) -> str:
        """Set of the keys of all claimed lists. Written by the scripts that claim and push messages."""
        return f"{self._ns}:data_queue:claimed"

    def claimed_list(self, consumer: str, batch: str) -> str:
        """List of the PollingData that one consumer expands now. Gone when they are pushed."""
        return f"{self._ns}:data_queue:claimed:{consumer}:{batch}"

    @property
    def rejected_messages(self) -> str:
        """List of messages and tags that could not be understood, with reasons: 1,000 entries, 16 MB.

        Written by consumers, read by `rejected`.
        """
        return f"{self._ns}:data_queue:rejected"

    @property
    def rejected_bytes(self) -> str:
        """Number: the bytes of all entries of `rejected_messages`. Written by the scripts that change that list."""
        return f"{self._ns}:data_queue:rejected:bytes"

    @property
    def buffer(self) -> str:
        """List of TagValue (JSON arrays), oldest at the head. Written by consumers, drained by writers.

        At most BUFFER_MAX_SIZE.
        """
        return f"{self._ns}:buffer"

    @property
    def ready_token(self) -> str:
        """List of at most one token: the buffer is not empty. Left by push and claim; writers wait on it."""
        return f"{self._ns}:buffer:ready"

    @property
    def full_token(self) -> str:
        """List of at most one token: a whole batch is there. Left by push and claim; writers wait on it."""
        return f"{self._ns}:buffer:full"

    @property
    def pressure_token(self) -> str:
        """List of at most one token: the buffer is above its alert threshold, or a push needs room.

        The token is the depth to fall to, with `!` after it when values overflow otherwise.
        Left by consumers; the writers' spill waits on it.
        """
        return f"{self._ns}:buffer:pressure"

    @property
    def room_wanted(self) -> str:
        """The depth to which the buffer must fall for the push of a consumer that waits; of the last that said so.

        Left by consumers for some seconds; who claims looks at it.
        """
        return f"{self._ns}:buffer:room_wanted"

    @property
    def room_token(self) -> str:
        """List of at most one token: the buffer has fallen to where a push wanted it.

        Left by the script that claims; the consumer whose push needs room waits on it.
        """
        return f"{self._ns}:buffer:room"

    @property
    def inflight(self) -> str:
        """Set of the keys of all in-flight lists. Written by the scripts that claim, settle and reclaim."""
        return f"{self._ns}:inflight"

    def inflight_list(self, writer: str, batch: str) -> str:
        """List of the TagValues that one writer writes now. Gone when they are settled."""
        return f"{self._ns}:inflight:{writer}:{batch}"

    @property
    def counters(self) -> str:
        """Hash of totals (`shared/counters.py`). Written by the scripts that move values, read by all; stays."""
        return f"{self._ns}:counters"

    @property
    def window_prefix(self) -> str:
        """Start of the key of a window: a hash of counts and histograms of WINDOW_BUCKET_S seconds; expires."""
        return f"{self._ns}:window:"

    def window(self, bucket: int) -> str:
        """Hash of counts and histograms of 10 seconds; bucket: the seconds since 1970 divided by 10.

        Written by the scripts that move values, read by monitors; expires after 65 minutes.
        """
        return f"{self.window_prefix}{bucket}"

    @property
    def services(self) -> str:
        """Sorted set of `role:instance` by the time of its last beat (seconds since 1970).

        Written by every service, read by monitors and pollers; a name goes after a week.
        """
        return f"{self._ns}:services"

    def service(self, role: str, instance: str) -> str:
        """Hash: one process's heartbeat with its state. Written by the service itself, read by monitors and pollers.

        Renewed once a second; expires after 10 s.
        """
        return f"{self._ns}:service:{role}:{instance}"

    @property
    def events(self) -> str:
        """Stream of what happened, about 10,000 entries. Written by every service, read by monitors."""
        return f"{self._ns}:events"

    @property
    def overflow_episodes(self) -> str:
        """Hash: overflow episode -> JSON of when, how many, which tags; the last 100.

        Written by consumers, read by monitors.
        """
        return f"{self._ns}:overflows"

    @property
    def rejected_rows(self) -> str:
        """List of rejected rows (JSON arrays of cells) that no file could take yet: 10,000 rows, 16 MB.

        Written by the script that settles; writers put them into their rejected_*.csv.
        """
        return f"{self._ns}:rejected_rows"

    @property
    def rejected_rows_bytes(self) -> str:
        """Bytes of all rejected rows that wait. Changed by the scripts that change the list."""
        return f"{self._ns}:rejected_rows:bytes"

    @property
    def actions(self) -> str:
        """Hash: what tells an action from others -> JSON of the action; those that are open, 100 at most.

        A monitor puts them there; whoever carries one out says there how far it is, and takes it away at its end.
        """
        return f"{self._ns}:actions"

    @property
    def actions_audit(self) -> str:
        """Stream of the steps of all actions, who asked and what came of it, about 5,000 entries.

        Written by the scripts that change `actions`, read by monitors.
        """
        return f"{self._ns}:actions:audit"

    @property
    def rejected_codes(self) -> str:
        """Hash: `<row, message or tag>:<code>` -> JSON of when it was rejected first and last; 64 codes.

        How often stands in `counters`, as `rejected:<code>`, `messages_rejected:<code>`, `tags_rejected:<code>`.
        Written by consumers, writers and `recover`, read by monitors.
        """
        return f"{self._ns}:rejected_codes"

    def rejected_examples(self, what: str, code: str) -> str:
        """List of the newest examples of a code (JSON): 200, 256 kB. Written and read as `rejected_codes`."""
        return f"{self._ns}:rejected_examples:{what}:{code}"

    @property
    def paused(self) -> str:
        """Hash: `role:name` -> JSON of who paused that process, and when. Written by the process itself; stays."""
        return f"{self._ns}:paused"

    @property
    def loss_acknowledged(self) -> str:
        """Hash: the totals of losses when a person acknowledged them, and when (`at`). Written and read by monitors."""
        return f"{self._ns}:loss_acknowledged"

    @property
    def went_back(self) -> str:
        """Hash: how often Redis went back (`times`) since the last acknowledgement, what it forgot, when last (`at`).

        Written by whoever sees it first, read by monitors.
        """
        return f"{self._ns}:went_back"

    def notices(self, receiver: str) -> str:
        """Hash: alert -> JSON of what a receiver of notices was told of it, and when. Written and read by monitors.

        An alert that ended goes within the hour; the hash expires two weeks after the last monitor that had the turn.
        """
        return f"{self._ns}:notices:{receiver}"

    def notices_turn(self, receiver: str) -> str:
        """String: the monitor that sends notices to a receiver now. Written by monitors; expires after 60 s."""
        return f"{self._ns}:notices:{receiver}:turn"

    @property
    def backup_files(self) -> str:
        """Hash: backup file name -> JSON of rows, bytes, created, state.

        Written by writers and `recover`, read by monitors. Of each directory 1,000 files that wait, the others as one
        entry, and 100 that are recovered.
        """
        return f"{self._ns}:backup_files"

    def refused_logons(self, secret: str) -> str:
        """Hash: how often Oracle refused a secret (by a digest), why, when it may be tried again.

        Written by writers; deleted by a logon that succeeds; expires.
        """
        return f"{self._ns}:refused_logons:{secret}"

    @property
    def trial(self) -> str:
        """String: written by `check`, to see whether Redis takes what services write; expires within a second."""
        return f"{self._ns}:trial"

    @property
    def logon_turn(self) -> str:
        """String: the writer that logs on to Oracle now. Taken (SET NX) and deleted by writers; expires."""
        return f"{self._ns}:logon_turn"

    @property
    def last_values(self) -> str:
        """Hash: tag name -> its last value, as `buffer` has it; 50,000 tags, an entry of 1,300 bytes at most.

        Written by consumers every 5 to 75 s (TAG_SNAPSHOT), read by the monitor; others may read it, too.
        """
        return f"{self._ns}:last_values"

    @property
    def polling(self) -> str:
        """Hash: `polling_field` -> JSON of a polling group's state, `plc_code` and `group_name` in it; 20,000 groups.

        Written by consumers, read by the monitor. Until a group's next poll an older version's field is there instead,
        `<plc_code>/<group_name>`: readers take the names from the JSON.
        """
        return f"{self._ns}:polling"

    @property
    def polling_seen(self) -> str:
        """Sorted set: the fields of `polling` by when they were last seen (s since 1970). Written by consumers."""
        return f"{self._ns}:polling:seen"

    @property
    def polling_leases(self) -> str:
        """Hash: who polls a group, by the field of `polling`: `<incarnation> <instance> <outbox> <since> <until>` (ms).

        Written by pollers.
        """
        return f"{self._ns}:polling:leases"

    @property
    def polling_configured(self) -> str:
        """Hash: which poller has a polling group in its file, by the field of `polling`: `<name> <ms>`.

        `! <ms>`: it was taken out of the file then. Written by pollers, read by monitors; an entry goes after a day.
        """
        return f"{self._ns}:polling:configured"

    @property
    def poll_requests(self) -> str:
        """List of requests (JSON) to poll a HANDSHAKE group once. Written by whoever wants one, taken by pollers.

        A request has 4,096 bytes at most; one that is older than 10 s is not carried out.
        """
        return f"{self._ns}:poll_requests"

    def forwarded_poll_requests(self, poller: str) -> str:
        """List of requests that another poller took and that are this one's, 10,000. Written by pollers; expires."""
        return f"{self._ns}:poll_requests:to:{poller}"

    def claimed_poll_requests(self, poller: str) -> str:
        """List of the requests that one poller carries out now; expires."""
        return f"{self._ns}:poll_requests:claimed:{poller}"

    def poll_result(self, request_id: str) -> str:
        """List of one element (JSON): what became of a request. Written by pollers; expires after 60 s."""
        return f"{self._ns}:poll_results:{request_id}"


def polling_field(plc_code: str, group_name: str) -> str:
    """Return the field of a polling group: no two groups share one, whatever their names hold.

    >>> polling_field("A/B", "C"), polling_field("A", "B/C")
    ('["A/B","C"]', '["A","B/C"]')
    """
    return json.dumps([plc_code, group_name], ensure_ascii=False, separators=(",", ":"))


def list_owner(list_key: str) -> str:
    """Return the instance that a claimed or in-flight list belongs to.

    >>> list_owner("{tagpipe}:inflight:host-2:6f3a-17")
    'host-2'
    """
    return list_key.rsplit(":", 2)[1]


def list_takeovers(list_key: str) -> int:
    """Return how often a claimed or in-flight list was opened by one who had taken it over from the dead.

    >>> list_takeovers("{tagpipe}:inflight:host-2:6f3a-17+2")
    2
    >>> list_takeovers("{tagpipe}:inflight:host-2:6f3a-17")
    0
    """
    takeovers = list_key.rsplit(":", 1)[1].partition("+")[2]
    return int(takeovers) if takeovers.isdecimal() else 0
