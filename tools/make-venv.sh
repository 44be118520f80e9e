#!/usr/bin/env bash
# Makes the project's own virtual environment, or says in one sentence what the machine lacks.
# Usage: make-venv.sh PYTHON DIRECTORY. An existing environment with a working pip is kept.
set -euo pipefail
python=$1
venv=$2

if [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

if ! command -v "$python" >/dev/null; then
    echo "No $python here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python …" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old: Das Tern Sync needs 3.11 or newer (make PYTHON=python3.12 …)." >&2
    exit 1
fi
# Debian splits ensurepip from its Python.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    else
        echo "$python has no venv module. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
        exit 1
    fi
fi
echo "Making the virtual environment $venv …"
"$python" -m venv --clear "$venv"
