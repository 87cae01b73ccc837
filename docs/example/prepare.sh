#!/usr/bin/env bash
# Makes what must not be in a repository: the gateway's secrets, keys of two example clients, and register/clients.toml with
# their public halves. Run again, it leaves what is there.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p secrets state
secret() { [ -e "secrets/$1" ] || head -c 32 /dev/urandom >"secrets/$1"; }
rsa() { [ -e "secrets/$1.pem" ] || openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "secrets/$1.pem" 2>/dev/null; }
secret id.key
secret seal.key
[ -e secrets/systmone.key ] || echo example >secrets/systmone.key
rsa signing
rsa example-ehr
rsa example-audit
[ -e secrets/signing.jwk.json ] || python3 jwk.py secrets/signing.pem server-1 RS256 >secrets/signing.jwk.json
cat >register/clients.toml <<T
# Made by prepare.sh: OAuth clients. The EHR must name a clinician in every assertion; the other reads practice Z99001's audit trail.

[[client]]
id = "example-ehr"
organisation = "Z9H01"
authentication = { jwks = '$(python3 jwk.py secrets/example-ehr.pem example-ehr-1 RS384 --public)' }
named_clinician = true

[[client]]
id = "example-audit"
organisation = "Z99001"
authentication = { jwks = '$(python3 jwk.py secrets/example-audit.pem example-audit-1 RS384 --public)' }
audit_of = "Z99001"
T
# The container runs as a user of its own, who must read them. In earnest: mode 0400, owned by the service's user.
chmod -R a+rX secrets register
echo "made: secrets/ and register/clients.toml"
