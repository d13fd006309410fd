#!/bin/sh
# Makes the secrets of the Compose stack in SECRETS_DIR (default ./secrets), one file each: `make secrets`.
# Those of another Redis, that of deploy/kubernetes for example: REDIS_ADDRESS=tagpipe-redis:6379 SECRETS_DIR=...
#
# What is there already stays as it is, so it may be run at any time. Oracle keeps its own copy of its passwords in its
# volume: ORACLE_PASSWORD and ORACLE_SYS_PASSWORD, of the shell or .env, go before random ones.
# The files are for all to read, since the containers' users are others; the directory is for its owner alone.
set -eu
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# of_env NAME: what the shell or .env gives it.
of_env() {
    value=$(printenv "$1" || true)
    [ -n "$value" ] || [ ! -f .env ] || value=$(sed -n "s/^$1=//p" .env | tail -n 1 | sed "s/^\([\"']\)\(.*\)\1$/\2/")
    printf %s "$value"
}

# keep NAME TEXT: write it, unless there is something.
keep() {
    [ -s "$directory/$1" ] && return
    printf %s "$2" > "$directory/.$1.new"
    chmod 444 "$directory/.$1.new"
    mv "$directory/.$1.new" "$directory/$1"
    echo "made $directory/$1"
}

directory=$(of_env SECRETS_DIR)
directory=${directory:-./secrets}
mkdir -p "$directory"
chmod 700 "$directory"
for user in admin poller consumer writer monitor producer; do
    keep "redis_$user" "redis://tagpipe-$user:$(random)@${REDIS_ADDRESS:-redis:6379}/0"
done
for name in oracle_password oracle_sys_password grafana_password; do
    known=$(of_env "$(printf %s "$name" | tr '[:lower:]' '[:upper:]')")
    keep "$name" "${known:-$(random)}"
done
keep monitor_operator_token "$(random)"
