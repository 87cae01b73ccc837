#!/usr/bin/env bash
# docs/example as its README says, on other ports: mocks, secrets, `openmig serve`; a token for a patient of each source, one
# refusal, the practice's trail, the trail verified. Nothing of the sandbox's may be there.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${OPENMIG_BIN:-target/release/openmig}")
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
cp -r docs/example/. "$work"
rm -rf "$work/secrets" "$work/state" "$work/register/clients.toml"
cd "$work"
sed -i -E 's/:80(8[0-4]|92)\b/:280\1/' openmig.toml register/organisations.toml
./prepare.sh
"$bin" check register register
for mock in emis:28081 systmone:28082 trace:28083 ehr:28084; do
    "$bin" mock "${mock%:*}" --listen "127.0.0.1:${mock#*:}" >"mock-${mock%:*}" 2>&1 &
    pids+=($!)
done
"$bin" serve --config openmig.toml >serve 2>&1 &
pids+=($!)
for _ in $(seq 100); do grep -q '^ready' serve && break; sleep 0.1; done
grep -q '^ready' serve || { cat serve; exit 1; }
fhir=http://127.0.0.1:28080/fhir/r4
token() {
    curl -sS "$fhir/token" -d grant_type=client_credentials -d "$1" \
        -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer -d "client_assertion=$2" "${@:3}"
}
open_record() {
    token 'scope=system/*.rs' "$(python3 assertion.py secrets/example-ehr.pem example-ehr-1 example-ehr "$fhir" hospital-doctor Z9H01)" \
        --data-urlencode "authorization_details=[{\"type\":\"https://openmig.org/occasion\",\"patient\":\"$1\",\"treatment\":\"worklist\",
            \"consent\":{\"asked\":true,\"answer\":\"yes\",\"told_what\":true,\"told_why\":true,\"told_may_decline\":true,
            \"told_meaning_of_declining\":true,\"voluntary\":true,\"capacity\":true}}]"
}
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
for number in 9990000018 9990000387 9990005567; do
    answer=$(open_record $number)
    patient=$(echo "$answer" | member patient)
    lists=$(curl -sS --fail-with-body -H "Authorization: Bearer $(echo "$answer" | member access_token)" "$fhir/List?patient=$patient" | member total)
    [ "$lists" = 10 ] || { echo "$number: $lists Lists"; exit 1; }
done
open_record 9990001863 | grep -q '"error_description":"No record is available through this service."'
audit=$(token scope=system/AuditEvent.rs "$(python3 assertion.py secrets/example-audit.pem example-audit-1 example-audit "$fhir")" | member access_token)
curl -sS --fail-with-body -H "Authorization: Bearer $audit" "$fhir/AuditEvent" | grep -q '"hospital-doctor"'
[ "$(curl -sS -o /dev/null -w '%{http_code}' http://127.0.0.1:28080/sandbox/contract.json)" = 404 ]
"$bin" audit verify state/openmig.sqlite
[ "$(stat -c %a state/openmig.sqlite)" = 600 ]
kill -TERM "${pids[-1]}" && wait "${pids[-1]}"
echo "the example runs"
