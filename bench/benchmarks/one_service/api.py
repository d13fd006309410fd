"""The monitor under many clients while the pipeline is at full load: how fast is the API, and does the load notice?"""

import asyncio
import random
import time
from collections.abc import Awaitable

from bench.figures import Goal, Section
from bench.measure import percentile
from bench.stage import Stage
from shared.counters import Counter

CLIENTS, STREAMS = 50, 25

#: Mean seconds between an answer and a client's next question, as a dashboard or a script asks.
PAUSE_S = 0.5

#: Tags and milliseconds: the contract's feed, half of the ambition's, and all of it.
FEEDS = ((349, 100), (5_000, 100), (10_000, 100))

PATHS = (
    "/api/buffer/status", "/api/buffer/writer/metrics", "/api/buffer/metrics", "/api/buffer/health",
    "/api/polling/status", "/api/ledger", "/api/alerts", "/api/services", "/api/backups", "/api/events",
    "/api/history", "/metrics",
)  # fmt: skip


def run(*, quick: bool) -> Section:
    """Ask and listen while values move; then let clients ask without a pause."""
    seconds = 4.0 if quick else 10.0
    section = Section(
        "api",
        "10. The API under load",
        f"{CLIENTS} clients ask for all paths by turns, each {PAUSE_S} s after its last answer, and {STREAMS} listen "
        "to `/api/stream`, while the pipeline runs on the same two cores. The flood is the same clients without a "
        "pause; they take processor time, too.",
    )
    for tags, interval_ms in FEEDS:
        with Stage() as stage:
            port = stage.monitor_port
            services = [stage.start_and_wait(role) for role in ("monitor", "writer", "consumer")]
            services.append(stage.poll(tags, interval_ms))
            time.sleep(3)
            _ask(stage, port, 1.0, PAUSE_S)  # a monitor that has just started answers its first requests slowly
            alone = stage.written_per_s(seconds)
            ages, refused, with_clients = _ask(stage, port, seconds, PAUSE_S)
            _, _, flooded = _ask(stage, port, seconds, 0.0)
            lost = stage.snapshot()[Counter.OVERFLOWED]
            stage.stop(*reversed(services))
        feed = f"{tags * 1000 // interval_ms:,}/s"
        for percent in (50, 99):
            goal = Goal(at_most=100) if percent == 99 else None
            section.add(f"{feed}: answer, p{percent}", [1000 * percentile(ages, percent)], "ms", 1, goal)
        section.add(f"{feed}: answers that were no 200", [refused], "", 0, Goal(at_most=0))
        section.add(f"{feed}: pipeline's rate with clients, to alone", [with_clients / alone], goal=Goal(at_least=0.97))
        section.add(f"{feed}: pipeline's rate in the flood, to alone", [flooded / alone])
        section.add(f"{feed}: values that overflowed", [lost], "", 0, Goal(at_most=0))
    return section


def _ask(stage: Stage, port: int, seconds: float, pause_s: float) -> tuple[list[tuple[float, int]], int, float]:
    """Return the seconds that answers took, the number that were no 200, and the pipeline's rate meanwhile."""
    clients = Clients(port, seconds, pause_s)
    first, began = stage.snapshot(), time.perf_counter()
    asyncio.run(clients.run())
    last, took_s = stage.snapshot(), time.perf_counter() - began
    return clients.ages, clients.refused, (last[Counter.WRITTEN] - first[Counter.WRITTEN]) / took_s


class Clients:
    """Many clients in one process, each with a connection that it keeps."""

    def __init__(self, port: int, seconds: float, pause_s: float) -> None:
        self._port = port
        self._end = time.monotonic() + seconds
        self._pause_s = pause_s
        self.ages: list[tuple[float, int]] = []
        self.refused = 0

    async def run(self) -> None:
        """Ask and listen until the time is over."""
        work: list[Awaitable[None]] = [self._client() for _ in range(CLIENTS)]
        await asyncio.gather(*work, *(self._stream() for _ in range(STREAMS)))

    async def _client(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.sleep(random.random() * self._pause_s)
        while time.monotonic() < self._end:
            began = time.perf_counter()
            writer.write(f"GET {random.choice(PATHS)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            (length,) = [line for line in head.split("\r\n") if line.startswith("content-length:")]
            await reader.readexactly(int(length.split(":")[1]))
            self.ages.append((time.perf_counter() - began, 1))
            self.refused += head.split()[1] != "200"
            await asyncio.sleep(self._pause_s * (0.5 + random.random()))
        writer.close()

    async def _stream(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while time.monotonic() < self._end:
            try:
                await asyncio.wait_for(reader.readline(), 2)
            except TimeoutError:
                continue
        writer.close()
