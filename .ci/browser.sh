#!/usr/bin/env bash
# The pages in a real Chromium, with the SMART JS client and two strict OpenID clients. Needs node 20, npm and Chromium
# (CHROMIUM names it, /usr/bin/chromium otherwise). OPENMIG_SHOTS=DIR keeps a screenshot of every page.
set -euo pipefail
cd "$(dirname "$0")/.."
browser=${CHROMIUM:-/usr/bin/chromium}
if [ ! -x "$browser" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium fonts-liberation >/dev/null
fi
[ -x "$browser" ] || { echo "there is no Chromium at $browser"; exit 1; }
(cd tests/browser && npm ci --no-audit --no-fund --silent)
. .ci/sandbox.sh
node tests/browser/run.mjs "$base" "http://127.0.0.1:$((port + 4))"
