#!/usr/bin/env bash
# Resolves setup.cfg into three lock files with hashes, for every supported Python and platform. Needs `uv` on PATH.
#   requirements.lock        what the server runs on
#   requirements-test.lock   the same versions, and what tests and lint need beside them
#   requirements-build.lock  what turns the source into a wheel; never in the final image
# No line of them may name an index or a machine path: the hashes say what is meant, wherever it comes from.
set -euo pipefail
cd "$(dirname "$0")/.."

resolve() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
}

resolve setup.cfg --output-file requirements.lock
resolve setup.cfg --extra test --extra dev --constraint requirements.lock --output-file requirements-test.lock
python - <<'PYTHON' | resolve - --output-file requirements-build.lock
import configparser

parser = configparser.ConfigParser()
parser.read("setup.cfg")
print(parser["options.extras_require"]["build"])
PYTHON
