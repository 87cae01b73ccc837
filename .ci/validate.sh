#!/usr/bin/env bash
# Everything the gateway can emit, through the HL7 reference validator: zero errors.
set -euo pipefail
. .ci/sandbox.sh
python3 .ci/collect.py "$base" "$state/fhir"
cp -r tests/golden/mapping "$state/fhir/golden-mapping"
cp -r tests/golden/audit "$state/fhir/golden-audit"
cp -r tests/golden/consent "$state/fhir/golden-consent"
find "$state/fhir" -name '*.json' | wc -l
"$OPENMIG_SHARED/tools/validate/hl7/validate.sh" --package profiles "$state/fhir" profiles/*.json
