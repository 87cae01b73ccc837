#!/usr/bin/env bash
# `openmig map` reads both real third-party files whole; what it loses it names.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${OPENMIG_BIN:-target/release/openmig}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for pair in emis:emis/SamplePostEOpenPatientRecord1-0.xml systmone:systmone/GetPatientRecord-full.xml; do
    "$bin" map --source "${pair%%:*}" "$OPENMIG_SHARED/data/samples/${pair#*:}" >"$work/bundle" 2>"$work/losses"
    python3 - "$work/bundle" "$work/losses" <<'P'
import json, sys
bundle = json.load(open(sys.argv[1]))
losses = [json.loads(line) for line in open(sys.argv[2])]
assert bundle["type"] == "collection" and len(bundle["entry"]) > 20, len(bundle["entry"])
assert all(e["resource"].get("meta", {}).get("security") for e in bundle["entry"]), "unlabelled resource"
ids = [(e["resource"]["resourceType"], e["resource"]["id"]) for e in bundle["entry"]]
assert len(ids) == len(set(ids)), "an id twice"
assert losses and all({"path", "reason"} <= set(loss) for loss in losses)
print(len(bundle["entry"]), "resources,", len(losses), "losses named")
P
done
