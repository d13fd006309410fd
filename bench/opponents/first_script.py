"""The first script anyone writes: LPOP, decode, insert, commit. Nothing is safe: what it holds dies with it.

REDIS_URL=... ORACLE_DSN=... ORACLE_USER=... ORACLE_PASSWORD=... python -m bench.opponents.first_script LIST
"""

import json
import os
import sys
import time
from datetime import datetime
from typing import cast

import oracledb
import redis

BATCH = 500


def main(key: str) -> None:
    """Move values from a Redis list into tag_data until terminated."""
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    connection = oracledb.connect(
        user=os.environ["ORACLE_USER"], password=os.environ["ORACLE_PASSWORD"], dsn=os.environ["ORACLE_DSN"]
    )
    cursor = connection.cursor()
    print("ready", flush=True)
    while True:
        elements = cast("list[bytes] | None", client.lpop(key, BATCH))
        if not elements:
            time.sleep(0.05)
            continue
        rows = []
        for element in elements:
            _, moment, plc, address, text, quality = json.loads(element)
            rows.append((f"{plc}.{address}", text, datetime.fromisoformat(moment), quality))
        cursor.setinputsizes(100, 255, oracledb.DB_TYPE_TIMESTAMP, 20)
        cursor.executemany(
            "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality) VALUES (:1, :2, :3, :4)", rows
        )
        connection.commit()


if __name__ == "__main__":
    main(sys.argv[1])
