#!/usr/bin/env bash
# Runs every ```sh block of the README's tour, in order, in one shell, against a running sandbox; a block that fails fails.
# Then compares what they print with the blocks beneath them, as far as those do not change from run to run.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/sandbox.sh
python3 - README.md "$port" >"$state/tour.sh" <<'P'
import re, sys
text = open(sys.argv[1]).read()
tour = text[text.index("<!-- tour -->"):text.index("<!-- /tour -->")]
print("set -euo pipefail")
for number, block in enumerate(re.findall(r"```sh\n(.*?)```", tour, re.S)):
    print(f"echo '== block {number}'")
    print(block.replace("127.0.0.1:8080", "127.0.0.1:" + sys.argv[2]))
P
[ "$(grep -c . "$state/tour.sh")" -gt 20 ] || { echo "the README has no tour"; exit 1; }
bash "$state/tour.sh" >"$state/printed" || { status=$?; cat "$state/printed"; exit $status; }
python3 - README.md "$state/printed" <<'P'
import re, sys
text = open(sys.argv[1]).read()
tour = text[text.index("<!-- tour -->"):text.index("<!-- /tour -->")]
shown = re.findall(r"```sh\n.*?```\n\n```(?:json|text)\n(.*?)```", tour, re.S)
printed = [block.split("\n", 1)[1] for block in re.split(r"^== block ", open(sys.argv[2]).read(), flags=re.M)[1:]]
assert len(shown) == len(printed) >= 6, (len(shown), len(printed))

# Moments, ids, dates of the day and counts change; names and kinds do not.
changing = [(r"\d+ (entries|resources)", r"N \1"), (r"\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"), (r"\d{4}-\d\d-\d\d", "DATE"), (r":\d{4,5}/", ":PORT/"),
            (r'"(access_token|occasion|consent)": "[^"]*"', r"\1")]

def plain(text):
    for pattern, word in changing:
        text = re.sub(pattern, word, text)
    return re.sub(r"[\s\[\]{},]+", " ", text).strip()

for number, (here, there) in enumerate(zip(shown, printed)):
    missing = [line for line in here.splitlines() if "…" not in line and plain(line) not in plain(there)]
    assert not missing, f"block {number} no longer prints: {missing}"
print(len(shown), "blocks print what the README shows")
P
