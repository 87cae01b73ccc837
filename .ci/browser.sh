#!/usr/bin/env bash
# The pages in a real Chromium, with the SMART JS client, two strict OpenID clients and a real OpenID provider to sign in at. Needs node 20, npm and Chromium
# (CHROMIUM names it, /usr/bin/chromium otherwise). OPENMIG_SHOTS=DIR keeps a screenshot of every page.
set -euo pipefail
cd "$(dirname "$0")/.."
browser=${CHROMIUM:-/usr/bin/chromium}
if [ ! -x "$browser" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium fonts-liberation >/dev/null
fi
[ -x "$browser" ] || { echo "there is no Chromium at $browser"; exit 1; }
(cd tests/browser && npm ci --no-audit --no-fund --silent)
providers=$(mktemp -d)
printf browser-test-secret >"$providers/secret"
cat >"$providers/providers.toml" <<TOML
[[providers]]
id = "oidc-provider"
name = "the hospital"
issuer = "http://127.0.0.1:9320"
local = true
user_claim = "preferred_username"
user_is = "username"
role_claim = "selected_roleid"
roles_claim = "nhsid_nrbac_roles"
login = { client_id = "openmig", client_secret = "$providers/secret", scopes = ["nhsperson", "selectedrole"], userinfo = true }

# Nobody listens there.
[[providers]]
id = "down"
name = "the clinic"
issuer = "http://127.0.0.1:9321"
local = true
login = { client_id = "openmig", client_secret = "$providers/secret" }
TOML
sandbox_arguments=(--providers "$providers/providers.toml")
. .ci/sandbox.sh
rm -rf "$providers"
OPENMIG_REGISTER=$state/register node tests/browser/run.mjs "$base" "http://127.0.0.1:$((port + 4))"
