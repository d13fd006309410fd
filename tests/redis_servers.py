"""The Redis servers that the tests know: the wheel's Valkey, and redis-server where it is on PATH."""

import shutil

from sandbox.harness.redis import wheel_server

#: Name -> path; None for one that is not here.
REDIS_SERVERS = {"valkey": wheel_server(), "redis": shutil.which("redis-server")}
