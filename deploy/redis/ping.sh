#!/bin/sh
# Whether Redis answers, asked as the monitor's user; while it loads its data it says LOADING.
REDISCLI_AUTH=$(sed 's,^[^:]*://[^:]*:\([^@]*\)@.*,\1,' "${SECRETS:-/run/secrets}/redis_monitor") \
    redis-cli --user tagpipe-monitor ping | grep -q PONG
