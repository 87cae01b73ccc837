#!/usr/bin/env bash
# Runs every ```sh block of the README's tour, in order, in one shell, against a running sandbox; a block that fails fails.
set -euo pipefail
OPENMIG_PORT=8080
. .ci/sandbox.sh
python3 - README.md >"$state/tour.sh" <<'P'
import re, sys
text = open(sys.argv[1]).read()
tour = text[text.index("<!-- tour -->"):text.index("<!-- /tour -->")]
print("set -euo pipefail")
for block in re.findall(r"```sh\n(.*?)```", tour, re.S):
    print(block)
P
[ "$(grep -c . "$state/tour.sh")" -gt 8 ] || { echo "the README has no tour"; exit 1; }
bash -x "$state/tour.sh"
