#!/usr/bin/env bash
# The pages in a real Chromium, with the SMART JS client and two strict OpenID clients. Needs node 20, npm and Chromium
# (CHROMIUM names it, /usr/bin/chromium otherwise). OPENMIG_SHOTS=DIR keeps a screenshot of every page.
set -euo pipefail
cd "$(dirname "$0")/.."
(cd tests/browser && npm ci --no-audit --no-fund --silent)
. .ci/sandbox.sh
node tests/browser/run.mjs "$base" "http://127.0.0.1:$((port + 4))"
