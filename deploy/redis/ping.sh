#!/bin/sh
# Whether Redis answers, asked as the monitor's user; while it loads its data it says LOADING.
REDISCLI_AUTH=$(tr -d "\r\n" < "${SECRETS:-/run/secrets}/redis_monitor" | sed "s,^[^:]*://[^:]*:\([^@]*\)@.*,\1,") \
    redis-cli --user tagpipe-monitor ping | grep -q PONG
