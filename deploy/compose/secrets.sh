#!/bin/sh
# Makes the secrets of the Compose stack in SECRETS_DIR (default ./secrets), one file each: `make secrets`.
# Those of another Redis, that of deploy/kubernetes for example: REDIS_ADDRESS=tagpipe-redis:6379 SECRETS_DIR=...
#
# What is there already stays as it is, so it may be run at any time; what is named is made anew: `secrets.sh redis`, or
# `secrets.sh monitor_operator_token`. Oracle keeps its own copy of its passwords in its volume: ORACLE_PASSWORD and
# ORACLE_SYS_PASSWORD, of the shell or .env, go before random ones.
# The files are for all to read, since the containers' users are others; the directory is for its owner alone.
set -eu
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# of_env NAME: what the shell or .env gives it, as Compose reads that.
of_env() {
    value=$(printenv "$1" || true)
    if [ -z "$value" ] && [ -f .env ]; then
        name="^[[:space:]]*\(export[[:space:]][[:space:]]*\)\{0,1\}$1[[:space:]]*=[[:space:]]*"
        value=$(tr -d '\r' < .env | sed -n "s/$name//p" | tail -n 1)
        case $value in
            \'*) value=${value#?}; value=${value%%\'*} ;;
            \"*)
                value=${value#?}; value=${value%%\"*}
                case $value in *[\$\\]*) is_no_letter "$1" ;; esac
                ;;
            *)
                value=$(printf '%s' "$value" | sed 's/[[:space:]][[:space:]]*#.*//; s/[[:space:]]*$//')
                case $value in *\$*) is_no_letter "$1" ;; esac
                ;;
        esac
    fi
    printf %s "$value"
}

is_no_letter() { refuse "$1 in .env holds a sign that says something to Compose: put the value in single quotes"; }

refuse() {
    echo "error: $1" >&2
    exit 2
}

# is_wanted NAME: whether it is to be made anew.
is_wanted() {
    for each in $wanted; do
        case $1 in "$each" | "$each"_*) return 0 ;; esac
    done
    return 1
}

# keep NAME TEXT: write it, unless there is something. Into the file that is there: a container goes on to see that one, and
# none that takes its name.
keep() {
    [ ! -s "$directory/$1" ] || is_wanted "$1" || return 0
    [ -e "$directory/$1" ] || : > "$directory/$1"
    chmod 644 "$directory/$1"
    printf %s "$2" > "$directory/$1"
    chmod 444 "$directory/$1"
    echo "made $directory/$1"
}

wanted=$*
case " $wanted" in
    *" oracle"* | *" grafana"*) refuse "it keeps its own copy of its password: change it there, then write it into the file" ;;
esac

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
