"""What the writer's loops run on in their tests: the real delivery, breaker and claims over fakes, and one clock."""

from collections.abc import Sequence
from pathlib import Path

from services.writer.backup.index import Manifest
from services.writer.deliver.batches import Batches, WorkInHand
from services.writer.deliver.breaker import Breaker
from services.writer.deliver.delivery import Delivery
from services.writer.deliver.report import Report
from services.writer.deliver.spill import Spill
from services.writer.deliver.worker import Worker
from services.writer.settings import WriterSettings
from shared.keys import Keys
from shared.life.faults import Faults
from shared.life.heartbeat import Heartbeat
from shared.models import TagValue
from shared.queues.claims import Claims
from tests.fakes import FakeClock, FakeEvents, FakeLink, FakeStop, NeverPaused, ScriptedSink, Step
from tests.unit.writer.fakes import FakeBuffer, FakeFile

KEYS = Keys("unit")

SETTINGS = WriterSettings.model_validate(
    {
        "oracle_dsn": "db:1521/x", "oracle_user": "u", "oracle_password": "p", "buffer_batch_size_max": 10,
        "buffer_batch_threshold": 5, "buffer_write_interval_sec": 0.5,
    }
)  # fmt: skip


class LoopStage:
    """A worker and a spill over one buffer; the sink follows a script."""

    def __init__(self, values: Sequence[TagValue] = (), *script: Step) -> None:
        self.clock = FakeClock()
        self.stop = FakeStop(self.clock)
        self.link, self.events = FakeLink(), FakeEvents()
        self.buffer = FakeBuffer(self.clock, values)
        self.sink = ScriptedSink(*script)
        self.breaker = Breaker(5.0)
        self.backup, self.rejects = FakeFile(), FakeFile()
        heartbeat = Heartbeat(self.link, KEYS, self.events, "writer", "one")
        self.claims = Claims(
            self.link, KEYS, heartbeat, self.events, role="writer", index_key=KEYS.inflight,
            list_key=KEYS.inflight_list,
        )  # fmt: skip
        self.work = WorkInHand()
        manifest = Manifest(self.link, KEYS, Path("none"))
        self.report = Report(self.events, self.breaker, manifest, self.link, KEYS)
        batches = Batches(
            link=self.link, buffer=self.buffer, claims=self.claims, work=self.work, max_values=10,
            delivery=Delivery(
                sink=self.sink, breaker=self.breaker, backup=self.backup, rejects=self.rejects, report=self.report,
                clock=self.clock, retry_delays_s=[1.0, 2.0, 4.0],
            ),
        )  # fmt: skip
        self.pause = NeverPaused(self.link, KEYS, heartbeat, "writer")
        self.worker = Worker(
            batches=batches, breaker=self.breaker, settings=SETTINGS, clock=self.clock, pause=self.pause, number=1,
            faults=Faults(self.events, self.clock, "worker-1"),
        )  # fmt: skip
        self.spill = Spill(
            batches=batches, breaker=self.breaker, clock=self.clock, faults=Faults(self.events, self.clock, "spill")
        )

    def counts(self) -> dict[str, int]:
        """Return what was settled, in all."""
        return {str(name): count for name, count in self.buffer.counts.items() if count}
