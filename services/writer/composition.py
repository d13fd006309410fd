"""The writer put together: every edge is made here and handed on by name; no connection is opened."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Self

from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.index import Manifest
from services.writer.backup.waiting_rows import file_waiting_rows
from services.writer.deliver.batches import Batches, WorkInHand
from services.writer.deliver.breaker import Breaker
from services.writer.deliver.delivery import Delivery
from services.writer.deliver.housekeeping import Housekeeping
from services.writer.deliver.report import Report
from services.writer.deliver.spill import Spill
from services.writer.deliver.worker import Worker
from services.writer.logons import Logons
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.recover.auto import AutoRecover
from services.writer.recover.file_recovery import Recovery
from services.writer.recover.progress import RecoveryProgress
from services.writer.recover.rejected_files import RequestedRejects
from services.writer.recover.requested import RequestedRecovery
from services.writer.service import WriterService
from services.writer.settings import WriterSettings
from shared.acting.actor import Actor
from shared.acting.board import Board
from shared.acting.pausing import Pause
from shared.clock import Clock, SystemClock
from shared.life.faults import Faults, outliving
from shared.life.presence import Presence
from shared.lifecycle import StopFlag
from shared.queues.buffer import TagBuffer
from shared.queues.claims import Claims


class Files(NamedTuple):
    """Where rows go that the sink did not take, and what is told of that."""

    manifest: Manifest
    report: Report
    backup: CsvBackup
    rejects: CsvBackup

    @classmethod
    def of(cls, settings: WriterSettings, presence: Presence, sink: OracleSink, breaker: Breaker, clock: Clock) -> Self:
        """Return what these settings ask for; every file says which table it was meant for."""
        link, keys, events, _ = presence
        manifest = Manifest(link, keys, settings.backup_dir)
        report = Report(events, breaker, manifest, link, keys)
        manifest.on_gone = report.file_gone
        backup, rejects = (
            CsvBackup.of(
                settings, kind, clock, on_change=manifest.note, on_fault=report.file_fault, target=lambda: sink.target
            )
            for kind in ("backup", "rejected")
        )
        return cls(manifest, report, backup, rejects)


def compose(settings: WriterSettings) -> WriterService:
    """Put the writer together from its settings; opens no connection."""
    clock = SystemClock()
    presence = Presence.of(settings, "writer")
    link, keys, events, heartbeat = presence
    claims = Claims(link, keys, heartbeat, events, role="writer", index_key=keys.inflight, list_key=keys.inflight_list)
    buffer = TagBuffer(link, keys, settings, heartbeat.history)
    sink = OracleSink(settings, Logons(settings, clock, link))
    breaker = Breaker(settings.oracle_probe_interval)
    files = Files.of(settings, presence, sink, breaker, clock)
    manifest, report, backup, rejects = files
    work = WorkInHand()
    batches = Batches(
        link=link, buffer=buffer, claims=claims, work=work, max_values=settings.buffer_batch_size_max,
        delivery=Delivery(
            sink=sink, breaker=breaker, backup=backup, rejects=rejects, report=report, clock=clock,
            retry_delays_s=settings.retry_delays_s,
        ),
    )  # fmt: skip
    pause = Pause(link, keys, heartbeat, "writer")
    loops: dict[str, Callable[[StopFlag], None]] = {
        "spill": Spill(batches=batches, breaker=breaker, clock=clock, faults=Faults(events, clock, "spill")).run,
        "actions": _actor(settings, presence, files, sink, batches, pause).run,
    }
    if settings.backup_auto_recover:
        # No retries: it pauses and comes back, and asks first whether there is time.
        by_itself = AutoRecover(_recovery(presence, files, sink, clock, []), breaker, buffer, settings, pause)
        loops["auto-recover"] = outliving(by_itself.run, Faults(events, clock, "auto-recover", ends_the_process=False))
    return WriterService(
        link=link, keys=keys, events=events, heartbeat=heartbeat, claims=claims, sink=sink, breaker=breaker,
        backup=backup, rejects=rejects, report=report, work=work, clock=clock, pause=pause, loops=loops,
        workers=[
            Worker(
                batches=batches, breaker=breaker, settings=settings, clock=clock,
                faults=Faults(events, clock, f"worker-{number}"), pause=pause, number=number,
            )
            for number in range(1, settings.workers + 1)
        ],
        housekeeping=Housekeeping(
            backup=backup, rejects=rejects, file_waiting_rows=partial(file_waiting_rows, link, keys, rejects),
            manifest=manifest, breaker=breaker, report=report, clock=clock,
            faults=Faults(events, clock, "housekeeping", ends_the_process=False),
        ),
    )  # fmt: skip


def _recovery(
    presence: Presence, files: Files, sink: OracleSink, clock: Clock, retry_delays_s: Sequence[float]
) -> Recovery:
    progress = RecoveryProgress(presence.link, presence.keys, presence.events, files.manifest, clock)
    return Recovery(sink, files.rejects, progress, clock, retry_delays_s)


def _actor(
    settings: WriterSettings, presence: Presence, files: Files, sink: OracleSink, batches: Batches, pause: Pause
) -> Actor:
    link, keys, events, heartbeat = presence
    clock = batches.delivery.clock
    # With retries, as the command: who asked is told when they are used up.
    asked = _recovery(presence, files, sink, clock, settings.retry_delays_s)
    requested = RequestedRecovery(asked, files.backup, files.manifest, settings)
    duties = [
        requested.duty,
        *RequestedRejects(requested, files.report.examples).duties,
        *pause.duties(lambda: bool(batches.work.attempts) or batches.claims.has_adopted),
    ]
    faults = Faults(events, clock, "actions", ends_the_process=False)
    return Actor(Board(link, keys, events), heartbeat, "writer", duties, clock=clock, faults=faults)
