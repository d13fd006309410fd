"""pip install redis; REDIS_URL=redis://user:password@host:6379 python put.py < rows.jsonl

Each line is a row: {"plc": "PLC01", "tag": "D100", "time": "2026-01-02T03:04:05.678Z", "value": 12.5, "quality": "GOOD"}
"""

import json
import os
import sys
import time
from itertools import groupby, islice

import redis

KEY = os.environ.get("TAGPIPE_KEY", "{tagpipe}:data_queue")
MOST_QUEUED, MOST_ROWS = 10_000, 5_000


def put(server: redis.Redis, messages: list[str]) -> None:
    while True:
        try:  # What may have been put already is put again: the table's key tells the copies.
            if server.llen(KEY) < MOST_QUEUED:
                server.rpush(KEY, *messages)
                return
        except redis.RedisError as error:
            print(f"Redis: {error}", file=sys.stderr)
        time.sleep(1)  # full or away: the rows wait here


server = redis.from_url(os.environ["REDIS_URL"])
lines = map(json.loads, sys.stdin)
while rows := sorted(islice(lines, MOST_ROWS), key=lambda row: row["plc"]):
    put(server, [
        json.dumps({"plc_code": plc, "group_name": "python",
                    "rows": [[row["tag"], row["time"], row["value"], row.get("quality", "GOOD")] for row in of_plc]})
        for plc, of_plc in groupby(rows, key=lambda row: row["plc"])
    ])  # fmt: skip
