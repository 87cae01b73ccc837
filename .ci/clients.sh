#!/usr/bin/env bash
# Two clients in the wild read a record with a backend token: the SMART group's Python client and fhir-kit-client, both pinned.
# Needs python3 with venv, node 20 and npm. The Python packages lie in a folder of the user's cache.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/sandbox.sh
tools=${XDG_CACHE_HOME:-$HOME/.cache}/openmig-clients
if ! cmp -s tests/clients/requirements.txt "$tools/requirements.txt"; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" -q --disable-pip-version-check install --no-deps -r tests/clients/requirements.txt
    cp tests/clients/requirements.txt "$tools/requirements.txt"
fi
"$tools/bin/python" tests/clients/read.py "$base"
if command -v npm >/dev/null; then
    (cd tests/clients && npm ci --no-audit --no-fund --silent)
    node tests/clients/read.mjs "$base"
else
    echo "no npm: fhir-kit-client was not asked"
    exit 1
fi
