#!/usr/bin/env bash
# Sees to it that the real servers which the tests start are on this machine: PostgreSQL and Redis.
# Installs Debian's packages when it is root; else says what to install. Starts nothing: tests/servers does.
set -euo pipefail

missing=()
has_postgres() {
    [ -n "${DASTERN_POSTGRES_BIN:-}" ] && [ -x "$DASTERN_POSTGRES_BIN/initdb" ] && return 0
    command -v initdb >/dev/null && return 0
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}
has_redis() { command -v redis-server >/dev/null || command -v valkey-server >/dev/null; }

has_postgres || missing+=(postgresql)
has_redis || missing+=(redis-server)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests need real servers that this machine lacks: ${missing[*]}." >&2
    echo "On Debian or Ubuntu: sudo apt-get install ${missing[*]}. Elsewhere set DASTERN_POSTGRES_BIN to PostgreSQL's bin folder." >&2
    exit 1
fi

echo "Installing ${missing[*]} …"
export DEBIAN_FRONTEND=noninteractive
install_packages() { apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null; }
# A fresh machine has no package lists, a stale one has wrong ones: ask for them before each try.
for attempt in 1 2 3; do
    if apt-get update -qq </dev/null >/dev/null && install_packages; then exit 0; fi
    echo "apt-get did not succeed (attempt $attempt of 3)." >&2
    sleep $((attempt * 3))
done
echo "Could not install ${missing[*]} with apt-get." >&2
exit 1
