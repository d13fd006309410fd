"""pip install redis; REDIS_URL=redis://user:password@host:6379 python put.py < rows.jsonl

Each line is a row: {"plc": "PLC01", "tag": "D100", "time": "2026-01-02T03:04:05.678Z", "value": 12.5, "quality": "GOOD"}
What comes within a second is put together; standard input may stay open for ever. SIGTERM: what was read is put first.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time

import redis

KEY = os.environ.get("TAGPIPE_KEY", "{tagpipe}:data_queue")
MOST_QUEUED, MOST_ROWS, MOST_BYTES = 10_000, 5_000, 1_000_000


def put(server: redis.Redis, messages: list[str]) -> None:
    while messages:
        try:  # What may have been put already is put again: the table's key tells the copies.
            if server.llen(KEY) < MOST_QUEUED:
                server.rpush(KEY, *messages)
                return
        except redis.RedisError as error:
            print(f"Redis: {error}", file=sys.stderr)
        time.sleep(1)  # full or away: the rows wait here


def read() -> None:
    # Bytes that are no UTF-8 cost their own row at most; strictly read they would end this thread, and all that comes.
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)


lines: queue.Queue[str | None] = queue.Queue(MOST_ROWS)
threading.Thread(target=read, daemon=True).start()
ends: list[int] = []
signal.signal(signal.SIGTERM, lambda number, _frame: ends.append(number))
server = redis.from_url(os.environ["REDIS_URL"], socket_timeout=10, socket_connect_timeout=5)
line: str | None = ""
is_last = False
while line is not None and not is_last:
    rows: dict[str, list[list[object]]] = {}
    is_last, size, until = bool(ends), 0, time.monotonic() + 1
    for _ in range(MOST_ROWS):
        if size > MOST_BYTES:
            break
        try:
            if (line := lines.get(timeout=0.0 if is_last else max(0.0, until - time.monotonic()))) is None:
                break
            row = json.loads(line)
            values = [row["tag"], row["time"], row["value"], row.get("quality", "GOOD")]
            rows.setdefault(row["plc"], []).append(values)
            size += len(line)
        except queue.Empty:
            break
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            print(f"left out: {line!r:.200}: {error!r}", file=sys.stderr)
    put(server, [json.dumps({"plc_code": plc, "group_name": "python", "rows": of}) for plc, of in rows.items()])
