"""Every Redis key of the pipeline: its type, who writes it, who reads it, when it expires.

The braces make all keys of a namespace fall in one slot of a cluster, which is what lets one script move values
between them.
"""

import json
from dataclasses import dataclass


class Key:
    """A key by its name behind the namespace."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, keys: "Keys", _kind: type) -> str:
        """Return the key as Redis knows it."""
        return f"{{{keys.namespace}}}:{self._name}"


@dataclass(frozen=True)
class Keys:
    """The keys of one namespace. The comment of each says what it is: docs/contract.md is made of them."""

    namespace: str

    def _of(self, name: str) -> str:
        return f"{{{self.namespace}}}:{name}"

    #: List of PollingData (JSON). Written by polling engines (RPUSH), read by consumers. Bounded by who puts:
    #: `DataQueue.put` refuses above DATA_QUEUE_MAX_MESSAGES.
    data_queue = Key("data_queue")

    #: Set of the keys of all claimed lists. Written by the scripts that claim and push messages.
    claimed = Key("data_queue:claimed")

    def claimed_list(self, consumer: str, batch: str) -> str:
        """List of the PollingData that one consumer expands now. Gone when they are pushed."""
        return self._of(f"data_queue:claimed:{consumer}:{batch}")

    #: List of messages and tags that could not be understood, with reasons: 1,000 entries, 16 MB. Written by consumers,
    #: read by `rejected`.
    rejected_messages = Key("data_queue:rejected")

    #: Number: the bytes of all entries of `rejected_messages`. Written by the scripts that change that list.
    rejected_bytes = Key("data_queue:rejected:bytes")

    #: List of TagValue (JSON arrays), oldest at the head. Written by consumers, drained by writers. At most
    #: BUFFER_MAX_SIZE.
    buffer = Key("buffer")

    #: List of at most one token: the buffer is not empty. Left by push and claim; writers wait on it.
    ready_token = Key("buffer:ready")

    #: List of at most one token: a whole batch is there. Left by push and claim; writers wait on it.
    full_token = Key("buffer:full")

    #: List of at most one token: the buffer is above its alert threshold, or a push needs room. The token is the depth
    #: to fall to, with `!` after it when values overflow otherwise. Left by consumers; the writers' spill waits on it.
    pressure_token = Key("buffer:pressure")

    #: The depth to which the buffer must fall for the push of a consumer that waits; of the last that said so. Left by
    #: consumers for some seconds; who claims looks at it.
    room_wanted = Key("buffer:room_wanted")

    #: List of at most one token: the buffer has fallen to where a push wanted it. Left by the script that claims; the
    #: consumer whose push needs room waits on it.
    room_token = Key("buffer:room")

    #: Set of the keys of all in-flight lists. Written by the scripts that claim, settle and reclaim.
    inflight = Key("inflight")

    def inflight_list(self, writer: str, batch: str) -> str:
        """List of the TagValues that one writer writes now. Gone when they are settled."""
        return self._of(f"inflight:{writer}:{batch}")

    #: Hash of totals (`shared/counters.py`). Written by the scripts that move values, read by all; stays.
    counters = Key("counters")

    #: Start of the key of a window: a hash of counts and histograms of WINDOW_BUCKET_S seconds; expires.
    window_prefix = Key("window:")

    def window(self, bucket: int) -> str:
        """Hash of counts and histograms of 10 seconds; bucket: the seconds since 1970 divided by 10.

        Written by the scripts that move values, read by monitors; expires after 65 minutes.
        """
        return f"{self.window_prefix}{bucket}"

    #: Sorted set of `role:instance` by the time of its last beat (seconds since 1970). Written by every service, read
    #: by monitors and pollers; a name goes after a week, or when 500 others have beaten since.
    services = Key("services")

    def service(self, role: str, instance: str) -> str:
        """Hash: one process's heartbeat with its state. Written by the service itself, read by monitors and pollers.

        Renewed once a second; expires after 10 s.
        """
        return self._of(f"service:{role}:{instance}")

    #: Stream of what happened, about 10,000 entries. Written by every service, read by monitors.
    events = Key("events")

    #: Hash: overflow episode -> JSON of when, how many, which tags; the last 100. Written by consumers, read by
    #: monitors.
    overflow_episodes = Key("overflows")

    #: List of rejected rows (JSON arrays of cells) that no file could take yet: 10,000 rows, 16 MB. Written by the
    #: script that settles; writers put them into their rejected_*.csv.
    rejected_rows = Key("rejected_rows")

    #: Bytes of all rejected rows that wait. Changed by the scripts that change the list.
    rejected_rows_bytes = Key("rejected_rows:bytes")

    #: Hash: what tells an action from others -> JSON of the action; those that are open, 100 at most. A monitor puts
    #: them there; whoever carries one out says there how far it is, and takes it away at its end.
    actions = Key("actions")

    #: Stream of the steps of all actions, who asked and what came of it, about 5,000 entries. Written by the scripts
    #: that change `actions`, read by monitors.
    actions_audit = Key("actions:audit")

    #: Hash: `<row, message or tag>:<code>` -> JSON of when it was rejected first and last; 64 codes. How often stands
    #: in `counters`, as `rejected:<code>`, `messages_rejected:<code>`, `tags_rejected:<code>`. Written by consumers,
    #: writers and `recover`, read by monitors.
    rejected_codes = Key("rejected_codes")

    def rejected_examples(self, what: str, code: str) -> str:
        """List of the newest examples of a code (JSON): 200, 256 kB. Written and read as `rejected_codes`."""
        return self._of(f"rejected_examples:{what}:{code}")

    #: Hash: `role:name` -> JSON of who paused that process, and when. Written by the process itself; stays.
    paused = Key("paused")

    #: Hash: the totals of losses when a person acknowledged them, and when (`at`). Written and read by monitors.
    loss_acknowledged = Key("loss_acknowledged")

    #: Hash: how often Redis went back (`times`) since the last acknowledgement, what it forgot, when last (`at`).
    #: Written by whoever sees it first, read by monitors.
    went_back = Key("went_back")

    def notices(self, receiver: str) -> str:
        """Hash: alert -> JSON of what a receiver of notices was told of it, and when. Written and read by monitors.

        An alert that ended goes within the hour; the hash expires two weeks after the last monitor that had the turn.
        """
        return self._of(f"notices:{receiver}")

    def notices_turn(self, receiver: str) -> str:
        """String: the monitor that sends notices to a receiver now. Written by monitors; expires after 60 s."""
        return self._of(f"notices:{receiver}:turn")

    #: Hash: backup file name -> JSON of rows, bytes, created, state. Written by writers and `recover`, read by
    #: monitors. Of each directory 1,000 files that wait, the others as one entry, and 100 that are recovered.
    backup_files = Key("backup_files")

    def refused_logons(self, secret: str) -> str:
        """Hash: how often Oracle refused a secret (by a digest), why, when it may be tried again.

        Written by writers; deleted by a logon that succeeds; expires.
        """
        return self._of(f"refused_logons:{secret}")

    #: String: written by `check`, to see whether Redis takes what services write; expires within a second.
    probe = Key("trial")

    #: String: the writer that logs on to Oracle now. Taken (SET NX) and deleted by writers; expires.
    logon_turn = Key("logon_turn")

    #: Hash: tag name -> its last value, as `buffer` has it; 50,000 tags, an entry of 1,300 bytes at most. Written by
    #: consumers every 5 to 75 s (TAG_SNAPSHOT), read by the monitor; others may read it, too.
    last_values = Key("last_values")

    #: Hash: `polling_field` -> JSON of a polling group's state, `plc_code` and `group_name` in it; 20,000 groups.
    #: Written by consumers, read by the monitor. Until a group's next poll an older version's field is there instead,
    #: `<plc_code>/<group_name>`: readers take the names from the JSON.
    polling = Key("polling")

    #: Sorted set: the fields of `polling` by when they were last seen (s since 1970). Written by consumers.
    polling_seen = Key("polling:seen")

    #: Hash: who polls a group, by the field of `polling`: `<incarnation> <instance> <outbox> <since> <until>` (ms).
    #: Written by pollers.
    polling_leases = Key("polling:leases")

    #: Hash: which poller has a polling group in its file, by the field of `polling`: `<name> <ms>`. `= <ms>`: it was
    #: at its end then, `! <ms>`: taken out of the file. Written by pollers, read by monitors; entries go after a day.
    polling_configured = Key("polling:configured")

    #: List of requests (JSON) to poll a HANDSHAKE group once. Written by whoever wants one, taken by pollers. A request
    #: has 4,096 bytes at most; one that is older than 10 s is not carried out.
    poll_requests = Key("poll_requests")

    def forwarded_poll_requests(self, poller: str) -> str:
        """List of requests that another poller took and that are this one's, 10,000. Written by pollers; expires."""
        return self._of(f"poll_requests:to:{poller}")

    def claimed_poll_requests(self, poller: str) -> str:
        """List of the requests that one poller carries out now; expires."""
        return self._of(f"poll_requests:claimed:{poller}")

    def poll_result(self, request_id: str) -> str:
        """List of one element (JSON): what became of a request. Written by pollers; expires after 60 s."""
        return self._of(f"poll_results:{request_id}")


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
