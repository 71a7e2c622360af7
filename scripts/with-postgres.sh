#!/bin/sh
# with-postgres.sh <command...>: starts a PostgreSQL server of its own in a temporary folder on a free port, runs the command with its
# address in TINTYPE_TEST_POSTGRES, and removes all of it afterwards. With TINTYPE_DURABLE=1 it waits for the disk as a real one does.
set -eu

fail() { printf 'with-postgres: %s\n' "$*" >&2; exit 1; }

# Debian keeps the server's programs apart from the path, a folder for each version; elsewhere they are on the path.
programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$programs" ]; then
    server=$(command -v postgres) || fail "there is no PostgreSQL server: scripts/setup.sh test installs it"
    programs=$(dirname "$server")
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
folder=$(mktemp -d)
# The server refuses to run as root.
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as() { setpriv --reuid postgres --regid postgres --clear-groups --inh-caps=-all -- "$@"; }
else
    as() { "$@"; }
fi
stop() {
    as "$programs/pg_ctl" -D "$folder/data" -m immediate -s stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 1' INT TERM
cd "$folder"
as "$programs/initdb" -D data -A trust -U tintype -E UTF8 --locale=C --no-sync >initdb.log 2>&1 || { cat initdb.log >&2; fail "initdb failed"; }
# The data is thrown away, so nothing has to survive a power cut.
if [ "${TINTYPE_DURABLE:-}" = 1 ]; then fsync=on; else fsync=off; fi
as "$programs/pg_ctl" -D data -l "$folder/server.log" -s -w -t 60 \
    -o "-p $port -k $folder -c listen_addresses=127.0.0.1 -c fsync=$fsync -c max_connections=400" start ||
    { cat server.log >&2; fail "the server did not start"; }
as "$programs/createdb" -h 127.0.0.1 -p "$port" -U tintype tintype
cd "$OLDPWD"
TINTYPE_TEST_POSTGRES="postgres://tintype@127.0.0.1:$port/tintype" PATH="$PATH:$programs" "$@"
