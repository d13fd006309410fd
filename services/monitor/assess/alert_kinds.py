"""Every alert there is: its code, how bad it is, what it means and what to do. docs/alerts.md shows the same table."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad an alert is."""

    CRITICAL = "critical"  #: values are lost, or will be unless a person acts
    WARNING = "warning"  #: nothing is lost; a person should look


class Status(StrEnum):
    """How the pipeline is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  #: nothing is being lost, but a person should look
    UNHEALTHY = "unhealthy"  #: values are being lost, or will be when the buffer is full


@dataclass(frozen=True)
class Kind:
    """One kind of alert."""

    code: str
    severity: Severity  #: as a rule; a finding may be worse
    cause: str  #: when it is raised
    remedy: str  #: what a person does about it
    hold_s: float = 0.0  #: seconds that the cause must last before anyone is told: shorter ones are no news
    #: What it makes of the pipeline's health, where that is not what its severity says: some concern single rows, files
    #: or groups, while values are written.
    status: Status | None = None


def _kinds(*kinds: Kind) -> dict[str, Kind]:
    return {kind.code: kind for kind in kinds}


_CRITICAL, _WARNING = Severity.CRITICAL, Severity.WARNING

#: By code, the ones to look at first in front.
KINDS = _kinds(
    Kind(
        "redis_away", _CRITICAL,
        "Redis gives the monitor no answer, or holds something that no service wrote.",
        "Start Redis or mend the network to it; every service goes on by itself once it answers. Pollers of ours keep "
        "their readings in memory meanwhile.",
    ),
    Kind(
        "monitor_behind", _CRITICAL,
        "The monitor's newest reading is older than 3 s although Redis answers: nobody sees what happens now.",
        "The pipeline goes on without it. See its log for a fault, and whether its machine has time to spare; "
        "restart it if it does not catch up.",
    ),
    Kind(
        "redis_refuses", _CRITICAL,
        "Redis answers the monitor but refuses what is written there: it was demoted to a replica, lacks its replicas, "
        "or the user may not.",
        "Let REDIS_URL lead to the master, or grant the user its rights (docs/operations.md). Every service asks again "
        "by itself, at the address resolved anew; heartbeats can't be written meanwhile, so services may be shown as "
        "gone.",
        hold_s=2.0,
    ),
    Kind(
        "redis_full", _CRITICAL,
        "Redis refuses what is put there, or is about to: polls don't come in. A warning from 80 % of maxmemory.",
        "See what fills it: the DataQueue (is a consumer running, do the writers keep up?) or another program's keys. "
        "Make room on its disk if it can't write its append-only file, or raise maxmemory. Pollers of ours wait.",
    ),
    Kind(
        "ledger_unbalanced", _CRITICAL,
        "Some values are in no place, or in two: inserted is not the sum of all places.",
        "Something else than tagpipe wrote or deleted keys of this namespace, or Redis came back from an older copy. "
        "Keep the logs of all services, compare the table with the source, and report it.",
        hold_s=2.0,
    ),
    Kind(
        "queue_grows", _CRITICAL,
        "The DataQueue has grown for a minute, or stands still, although a consumer runs.",
        "See whether the buffer is full: then the writers are too slow, or stand. If not, it is the consumer: see its "
        "log, and start another one. The DataQueue's bound and Redis' memory are what is left.",
    ),
    Kind(
        "nothing_written", _WARNING,
        "Values are there to be written and none reached the table for 5 s; critical from a minute.",
        "See the writers' log: what do they wait for? Values wait in Redis or go to the backup meanwhile.",
    ),
    Kind(
        "buffer_overflowing", _CRITICAL,
        "The buffer is full and the oldest values were discarded in the last seconds.",
        "See whether a writer runs and can write to Oracle or to its backup directory. More writers or a larger "
        "WRITER_CONCURRENCY drain faster; /api/overflows says which tags and times were lost.",
    ),
    Kind(
        "values_lost", _WARNING,
        "Values overflowed, and nobody has acknowledged it yet.",
        "/api/overflows says which tags and times are lost. When that is known to whom it concerns: "
        "`python -m services.monitor acknowledge`. Until then health is degraded.",
    ),
    Kind(
        "redis_went_back", _WARNING,
        "Redis came back from an earlier moment: a failover, a restored copy, a lost file, FLUSHALL. The ledger "
        "balances, for it went back too; nobody has acknowledged it yet.",
        "What was claimed or settled since then was done again. Compare the table with the source for the time before: "
        "what was put on the DataQueue last may be missing (DATA_QUEUE_REPLICAS=1 and `appendfsync always` prevent "
        "it: docs/redis.md). Then `python -m services.monitor acknowledge`.",
        status=Status.DEGRADED,
    ),
    Kind(
        "oracle_went_back", _CRITICAL,
        "Oracle came back without values that it had committed (a standby took over that lagged, a copy was restored, "
        "somebody deleted them), or the table does not keep or show what it takes (a trigger, a policy). They count as "
        "written; nobody has acknowledged it yet.",
        "`python -m services.writer verify`, with --from some minutes before the outage, says what is missing. What "
        "the source still has can be imported; a backup file of that time lies in recovered/, and "
        "`python -m services.writer recover` takes it by its path. DBA: Data Guard in MAXIMUM AVAILABILITY loses "
        "nothing. Then `python -m services.monitor acknowledge`.",
        status=Status.DEGRADED,
    ),
    Kind(
        "readings_lost", _WARNING,
        "A poller discarded readings because Redis took nothing for too long, and nobody has acknowledged it yet.",
        "The event says which times are lost. Then `python -m services.monitor acknowledge`.",
    ),
    Kind(
        "rejected_dropped", _WARNING,
        "Rejected entries were dropped because their list is bounded, or Redis was short of memory.",
        "Their values are lost. Mend what is rejected (`python -m services.consumer rejected`), see maxmemory if Redis "
        "is short, then `python -m services.monitor acknowledge`.",
    ),
    Kind(
        "overflow_soon", _WARNING,
        "At the present rates the buffer is full within a minute; critical within 15 s.",
        "See why the writers take less than comes in: Oracle slow, backup disk slow, too few writers.",
        hold_s=2.0,
        status=Status.HEALTHY,
    ),
    Kind(
        "buffer_high", _WARNING,
        "The buffer is above BUFFER_ALERT_THRESHOLD; critical when it is nearly full and Oracle is away.",
        "Watch whether it falls again. If not, writers are too slow: see write latency, and start another writer.",
    ),
    Kind(
        "no_writer", _CRITICAL,
        "No writer is running: nothing goes to Oracle or to the backup.",
        "Start one: `python -m services.writer`. If it ends at once, its log's last line says why.",
        hold_s=2.0,
    ),
    Kind(
        "no_consumer", _CRITICAL,
        "No consumer is running: polls pile up in the DataQueue.",
        "Start one: `python -m services.consumer`. If it ends at once, its log's last line says why.",
        hold_s=2.0,
        status=Status.DEGRADED,
    ),
    Kind(
        "service_paused", _WARNING,
        "A person paused a writer or a consumer: it lives and takes nothing up. Critical when all of them are.",
        "Resume it: on the dashboard, or by `POST /api/actions/resume`. /api/actions says who asked and when. While no "
        "writer writes, values wait and then go to the backup as in an outage; while no consumer takes polls, they "
        "wait in the DataQueue, and pollers keep theirs once it is full.",
        status=Status.DEGRADED,
    ),
    Kind(
        "oracle_configuration", _CRITICAL,
        "Oracle answers and refuses: credentials, table, column, grant, or whatever it refuses every row for (no "
        "partition, a new NOT NULL column, a trigger). No retry can mend that.",
        "Run `python -m services.writer check` with the writer's settings; it says what is wrong. Mend it; a "
        "new password in ORACLE_PASSWORD needs a restart. A wrong password is not tried again, a locked account each "
        "hour: where only the account was mended, run check again, and the writers go on at once.",
    ),
    Kind(
        "oracle_away", _WARNING,
        "Oracle can't be reached or does not answer; values go to the backup. Critical when they can't.",
        "Nothing is lost while the backup can be written. See whether the database and its listener run and the "
        "network is up; writing goes on by itself. Afterwards put the backup files into the table.",
        hold_s=2.0,
    ),
    Kind(
        "fewer_connections", _WARNING,
        "A writer wanted one more connection to Oracle and did not get it; it goes on with those it has.",
        "The alert says why. SESSIONS_PER_USER of the account's profile, SESSIONS and PROCESSES of the database: raise "
        "them, or lower ORACLE_POOL_MAX; a password that changed: set the new one.",
        hold_s=2.0,
        status=Status.HEALTHY,
    ),
    Kind(
        "logon_warning", _WARNING,
        "Oracle let a writer log on and warned: the password of its account expires. Once it has, no writer logs on.",
        "DBA: ALTER USER ... IDENTIFIED BY ... before that day, or a profile with PASSWORD_LIFE_TIME UNLIMITED for "
        "this account. With ORACLE_PASSWORD_FILE the new password needs no restart. The alert ends with the next logon "
        "that brings no warning.",
        status=Status.HEALTHY,
    ),
    Kind(
        "key_missing", _WARNING,
        "The table has no key any more, or it is disabled: what comes twice (a batch whose answer was lost, a file "
        "that is recovered again) is stored twice, and no counter tells.",
        "DBA: put the primary key back (deploy/oracle/*.sql has it); rows that are there twice must go first, "
        "docs/oracle.md has the query. Values are written meanwhile; BACKUP_AUTO_RECOVER waits, and recover takes "
        "files with --anyway alone. The alert ends within a minute after the key is back.",
    ),
    Kind(
        "backup_failed", _CRITICAL,
        "A writer can't write its backup directory: disk full, read-only or no permission.",
        "Make room in BACKUP_DIR or grant the writer's user access to it; it tries again by itself. Until then values "
        "stay in Redis, which holds BUFFER_MAX_SIZE of them.",
        status=Status.DEGRADED,
    ),
    Kind(
        "backup_lost", _CRITICAL,
        "A backup file was cut short or emptied by somebody while a writer wrote it: rows that were backed up are "
        "gone.",
        "Find out who changes files in BACKUP_DIR (log rotation, clean-up, an editor) and keep it away. The writer's "
        "log names the file and how many rows; what its open file still held is in a new file. Then "
        "`python -m services.monitor acknowledge`.",
        status=Status.DEGRADED,
    ),
    Kind(
        "rejected_rows_dropped", _CRITICAL,
        "No file could be written and more rejected rows came than may wait in Redis: the oldest are lost.",
        "Make room in BACKUP_DIR. Then see why so many rows are refused: `rows_rejected` and the writer's log say it. "
        "Then `python -m services.monitor acknowledge`.",
        status=Status.DEGRADED,
    ),
    Kind(
        "rejected_rows_waiting", _WARNING,
        "Rejected rows wait in Redis since no writer can write a rejected_*.csv; all other values go on.",
        "Make room in BACKUP_DIR or grant the writer's user access to it; the rows go into the file by themselves. Up "
        "to 10,000 rows or 16 MB wait, then the oldest are dropped.",
    ),
    Kind(
        "backup_waiting", _WARNING,
        "Backup files hold values that are not in the table yet.",
        "When Oracle works again: `python -m services.writer recover` on the host that has them. It can be repeated. "
        "Where that host is gone for good: docs/operations.md.",
        status=Status.HEALTHY,
    ),
    Kind(
        "recovered_exceeds", _WARNING,
        "More rows were recovered than went to files here: rows of another pipeline or another time are in the table.",
        "See which files were recovered (events of kind recovered) and whether they belong here. If so, `python -m "
        "services.monitor acknowledge`.",
        status=Status.HEALTHY,
    ),
    Kind(
        "redis_may_lose", _WARNING,
        "Redis may lose what it acknowledged: nothing is on disk, or later; a rewrite of its file failed; replicas "
        "that it does not wait for. Critical when it evicts keys.",
        "Set `appendonly yes`, `appendfsync always`, `maxmemory-policy noeviction` and, with replicas, "
        "`min-replicas-to-write 1`; docs/redis.md says what it costs.",
        status=Status.HEALTHY,
    ),
    Kind(
        "replicas_missing", _WARNING,
        "Fewer replicas of Redis confirm what is put on the DataQueue than DATA_QUEUE_REPLICAS wants.",
        "Nothing is lost while the primary lives. Bring its replicas back before it fails over: the last readings "
        "would be lost then.",
        status=Status.HEALTHY,
    ),
    Kind(
        "rows_rejected", _WARNING,
        "Oracle refused values for their own fault in the last 5 minutes: too long, wrong type, a constraint.",
        "/monitoring/rejected shows them with their reasons, "
        "`python -m services.writer rejected rejected_....csv --view` a whole file. Mend the table or the source, then "
        "`python -m services.writer recover rejected_....csv`.",
        status=Status.HEALTHY,
    ),
    Kind(
        "import_rejected", _WARNING,
        "Rows of imported files were refused in the last 5 minutes: they can't be read, or Oracle refused them.",
        "`python -m services.writer rejected rejected_....csv --view` on the host of the import shows them with their "
        "reasons. Mend them there, then `python -m services.writer recover rejected_....csv`.",
        status=Status.HEALTHY,
    ),
    Kind(
        "messages_rejected", _WARNING,
        "Messages on the DataQueue could not be understood in the last 5 minutes.",
        "`python -m services.consumer rejected` lists them by reason. Mend the polling engine, then put them back: "
        "`python -m services.consumer rejected --retry`.",
        status=Status.HEALTHY,
    ),
    Kind(
        "tags_rejected", _WARNING,
        "Tags of messages can't be values: a time that is none, an address or a text that no column holds; the other "
        "tags of the same messages went on. In the last 5 minutes.",
        "`python -m services.consumer rejected` names them with the reason. Mend the polling engine, then put them "
        "back: `python -m services.consumer rejected --retry`.",
        status=Status.HEALTHY,
    ),
    Kind(
        "readings_unsupported", _WARNING,
        "Readings of the last 5 minutes were lists or objects, which no column holds: their tags were stored as BAD, "
        "without a value; what they held is kept nowhere.",
        "Let the polling engine send each element as a tag of its own (`line.temp[0]`, `line.temp[1]`), or as a text.",
        status=Status.HEALTHY,
    ),
    Kind(
        "tag_names_clash", _CRITICAL,
        "Two tags of different PLCs have one tag name: in the table each takes the other's rows for its own.",
        "Set TAG_NAME_SEPARATOR to what no PLC code holds (`|`, say) for all consumers and writers, or use "
        "ORACLE_TABLE_LAYOUT=tag_values. What was written under the common name must be told apart by hand.",
        status=Status.DEGRADED,
    ),
    Kind(
        "times_ahead", _WARNING,
        "Values were written in the last 5 minutes whose times lie in the future.",
        "Where sources write local time without a zone, set SOURCE_TIME_ZONE (Asia/Seoul, say) for consumers, writers "
        "and monitor: what is stored stays as it is. Else mend the source's clock.",
        status=Status.HEALTHY,
    ),
    Kind(
        "clocks_differ", _WARNING,
        "The clock of a service's host differs from that of Redis' host by more than 30 s.",
        "See which one is wrong (`timedatectl`), and have it follow a time server. Readings of our pollers have the "
        "time of their host: rows of the meantime stand in the table with it.",
        hold_s=5.0,
        status=Status.HEALTHY,
    ),
    Kind(
        "conflicts", _WARNING,
        "The table held another value or quality under the keys of values that came in the last 5 minutes.",
        "Two sources write one tag, or a source repeats its time stamps (an hour that comes twice, naive local time). "
        "The table keeps what was there first; rejected_*.csv holds what came, each row with code CONFLICT.",
        status=Status.HEALTHY,
    ),
    Kind(
        "success_rate_low", _WARNING,
        "Fewer than 99.9 % of the batches of the last 5 minutes were taken by Oracle.",
        "Nothing is lost: what was not taken is in the backup. The events and the writer's log say what Oracle said.",
        status=Status.HEALTHY,
    ),
    Kind(
        "unforeseen_fault", _WARNING,
        "A service met what it did not foresee in the last 5 minutes, gave back what it held and went on.",
        "Nothing is lost. The service's log holds the traceback: send it with the versions to who maintains tagpipe. "
        "If it repeats, the service ends and a new process begins afresh.",
        status=Status.HEALTHY,
    ),
    Kind(
        "inflight_orphaned", _WARNING,
        "A dead process still holds values or messages, and no living one took them over.",
        "A living process of the same role takes them over within seconds: start one, if none runs.",
        hold_s=20.0,
        status=Status.HEALTHY,
    ),
    Kind(
        "batch_stuck", _WARNING,
        "A consumer or a writer takes up the same batch every few seconds and never gets it done, while others may go "
        "on: the connection to Redis is cut at it.",
        "Nothing is lost, it waits. An answer is larger than Redis or a proxy lets through: set "
        "`client-output-buffer-limit normal 0 0 0` in Redis, or raise the proxy's limit.",
        status=Status.DEGRADED,
    ),
    Kind(
        "poller_overflowing", _CRITICAL,
        "A poller of ours discarded readings in the last 5 minutes: more waited for the DataQueue than it may keep.",
        "See why the DataQueue takes none: Redis away or full, or no consumer that keeps up. The event says which "
        "times were lost; POLLER_OUTBOX_DIR, or a larger POLLER_RING_MAX_BYTES (and _VALUES, _MESSAGES) without it, "
        "bridges a longer outage.",
    ),
    Kind(
        "outbox_failing", _WARNING,
        "A poller of ours can't write its outbox, so that readings that wait are in memory alone; or its file was "
        "damaged and set aside.",
        "Make room on the disk of POLLER_OUTBOX_DIR, or mend it; the poller tries again by itself. Of a file that was "
        "set aside `sqlite3 FILE .recover` saves what can be read; the alert ends when it is moved away.",
    ),
    Kind(
        "poller_waiting", _WARNING,
        "A poller of ours waits with its readings: the DataQueue holds its maximum of messages.",
        "Nothing is lost until the poller's memory is full. See whether a consumer runs and whether what comes after "
        "it keeps up: a full buffer holds up the consumer.",
        hold_s=5.0,
    ),
    Kind(
        "partitions_differ", _CRITICAL,
        "Services were told different numbers of partitions: messages go where nobody looks, or two go to one place.",
        "Give all services the same PARTITIONS. The order in which it is changed: docs/scaling.md.",
        status=Status.DEGRADED,
    ),
    Kind(
        "polling_silent", _WARNING,
        "A polling group in FIXED mode has sent nothing for several of its intervals.",
        "See whether its poller runs, whether the PLC or its server answers, and whether the consumer keeps up.",
        status=Status.HEALTHY,
    ),
    Kind(
        "source_failing", _WARNING,
        "A polling group of a poller of ours can't be read: its server is away or refuses, or the group has ended with "
        "a fault. Its tags are BAD meanwhile, or nothing comes of them.",
        "The alert says why, and the poller's log since when. A server that comes back is read again by itself. A "
        "group that has ended begins anew when the file of groups is saved again (SIGHUP: at once): mend what it names "
        "first.",
        hold_s=10.0,
        status=Status.HEALTHY,
    ),
    Kind(
        "readings_missed", _WARNING,
        "Readings never came to a poller of ours: polls were skipped, since one took longer than its interval, or "
        "changes were lost in a queue of an OPC UA server or on the way from it.",
        "The last poll's duration is in /api/polling/status beside the interval: give the group a longer one, or fewer "
        "tags. For changes raise queue_size, or sampling_ms (docs/sources.md).",
        hold_s=10.0,
        status=Status.HEALTHY,
    ),
    Kind(
        "notices_failing", _WARNING,
        "Notices of alerts are not taken by their webhook or mail server: people may not know what is raised.",
        "The alert says why. Mend ALERT_WEBHOOK_URL or ALERT_SMTP_... of the monitor, or the way there; "
        "`python -m services.monitor notify --test` tries it. What is raised is told once it is taken.",
        status=Status.HEALTHY,
    ),
    Kind(
        "not_all_shown", _WARNING,
        "Entries in Redis are too long, too many or unreadable, and the monitor leaves them out.",
        "Something else than tagpipe wrote them, or a polling engine invents names. Look at the keys that the message "
        "names, and delete what does not belong there. All the rest is shown.",
        status=Status.HEALTHY,
    ),
)  # fmt: skip
