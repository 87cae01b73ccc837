# Sourced: starts a sandbox on its own ports and in its own folder, waits until it is ready, stops it at exit.
# Takes OPENMIG_BIN (default: the release build), OPENMIG_PORT, and sandbox_arguments, an array of more arguments. Sets $bin, $state, $port and $base (the gateway).
bin=${OPENMIG_BIN:-target/release/openmig}
[ -x "$bin" ] || { echo "no $bin: build it, or name another in OPENMIG_BIN"; exit 1; }
state=$(mktemp -d)
[ -n "${sandbox_arguments+x}" ] || sandbox_arguments=()
port=${OPENMIG_PORT:-18080}
"$bin" sandbox --fresh --port "$port" --data "$state" "${sandbox_arguments[@]}" >"$state/out" 2>"$state/err" &
sandbox=$!
trap 'kill $sandbox 2>/dev/null || true; wait $sandbox 2>/dev/null || true; rm -rf "$state"' EXIT
for _ in $(seq 100); do
    grep -q '^ready' "$state/out" && break
    kill -0 $sandbox 2>/dev/null || { echo "the sandbox did not start:"; cat "$state/err"; exit 1; }
    sleep 0.1
done
grep -q '^ready' "$state/out" || { echo "not ready in 10 s"; cat "$state/err"; exit 1; }
base=http://127.0.0.1:$port
