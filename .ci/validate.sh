#!/usr/bin/env bash
# Everything the gateway can emit, through the HL7 reference validator: zero errors.
# Needs OPENMIG_SHARED (the folder with tools/validate), Java 17; Maven at the first run.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d "${OPENMIG_SHARED:-}" ] || { echo "OPENMIG_SHARED names no folder"; exit 1; }
. .ci/sandbox.sh
mkdir "$state/fhir"
python3 .ci/collect.py "$base" "$state/fhir/collected"
# Goldens hold one resource a file; what is no FHIR (a table, losses) is not for the validator.
python3 - tests/golden "$state/fhir/golden" <<'P'
import json, pathlib, sys
source, out = map(pathlib.Path, sys.argv[1:])
count = 0
for file in sorted(source.rglob("*.json")):
    resource = json.loads(file.read_text())
    if isinstance(resource, dict) and "resourceType" in resource:
        target = out / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(resource))
        count += 1
assert count, "no golden resource under " + str(source)
print(count, "golden resources")
P
"$OPENMIG_SHARED/tools/validate/hl7/validate.sh" --package profiles "$state/fhir" profiles/*.json >"$state/verdict" 2>&1 || true
tail -n 1 "$state/verdict"
grep -Eq '^[0-9]+ files, ' "$state/verdict" || { cat "$state/verdict"; echo "the validator did not finish"; exit 1; }
# One message is about the validator, not the resource: off line it cannot fetch the core package by which it wants to check the
# `context` of an extension's definition. The definitions themselves are loaded above, and every use of them is checked.
offline='^profiles/StructureDefinition-[a-z-]+\.json: error: .*Unable to resolve package id hl7\.fhir\.r4\.core#null'
if grep ': error: ' "$state/verdict" | grep -Ev "$offline"; then
    exit 1
fi
echo "no errors"
