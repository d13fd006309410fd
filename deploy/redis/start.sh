#!/bin/sh
# Starts a Redis that loses nothing it has acknowledged, with one user for each service and one for producers: the Redis of
# docker-compose.yml and of deploy/kubernetes/overlays/single.
#
# SECRETS (/run/secrets) holds redis_admin, redis_poller, ...: redis://tagpipe-poller:PASSWORD@host:6379/0, as
# deploy/compose/secrets.sh makes them. Who logs on without a name has the password REDIS_PASSWORD, or that of the file
# redis_password there, and may then do everything; where there is neither, nobody does.
set -eu
secrets=${SECRETS:-/run/secrets}
here=$(dirname "$0")

# Part of the rules below: with other letters it could say what somebody may do. As the services read it.
case ${REDIS_NAMESPACE:-tagpipe} in
    *[!A-Za-z0-9_.-]*) echo "error: REDIS_NAMESPACE has other letters than A-Z, a-z, 0-9, _, . and -" >&2; exit 2 ;;
esac

# user NAME RULES PASSWORD: a line of the configuration. What an empty password would be is a user without one.
user() {
    [ -n "$3" ] || { echo "error: $secrets gives $1 no password: it wants redis://$1:PASSWORD@host:6379/0 without a %" >&2; exit 2; }
    echo "user $1 $2 #$(printf %s "$3" | sha256sum | cut -c -64)"
}

# password USER: what stands in its URL; with a % there it would be written in another way than it is.
password() {
    tr -d '\r\n' < "$secrets/redis_$1" | sed -n 's,^[a-z]*://[^:@/]*:\([^@%]*\)@.*,\1,p'
}

users() {
    everything='reset on ~* &* +@all'
    user tagpipe-admin "$everything" "$(password admin)"
    for name in poller consumer writer monitor producer; do
        # From `user NAME on ...`; keys stand below the namespace.
        rules=$(sed "s/^user [^ ]* /reset /; s/{tagpipe}/{${REDIS_NAMESPACE:-tagpipe}}/g" "$here/$name.acl")
        user "tagpipe-$name" "$rules" "$(password "$name")"
    done
    # As `default` Redis replays its own file, and leaves out every transaction that he may not do: so he may do
    # everything, and nobody is him, unless there is a password for those who give no name.
    nameless=${REDIS_PASSWORD:-}
    [ ! -s "$secrets/redis_password" ] || nameless=$(tr -d '\r\n' < "$secrets/redis_password")
    if [ -n "$nameless" ]; then
        user default "$everything" "$nameless"
    else
        echo 'user default off ~* &* +@all'
    fi
}

# What one argument may have: a value of 512 MB would take the memory of this container three times over, on its way, in the
# data and in the append-only file. What services send stays below a hundred.
# Before the server starts: a mistake ends here. On stdin, so that nothing of it is on a command line.
users=$(users)
exec redis-server - <<END
dir ${REDIS_DIR:-/data}
save ""
appendonly yes
appendfsync ${REDIS_APPENDFSYNC:-always}
maxmemory ${REDIS_MAXMEMORY:-512mb}
maxmemory-policy noeviction
proto-max-bulk-len 256mb
$users
END
