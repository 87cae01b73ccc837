# Sourced: starts the release binary's sandbox on free ports and waits until it is ready; stops it at exit.
# Sets $base (gateway) and $state.
state=$(mktemp -d)
port=${OPENMIG_PORT:-18080}
target/release/openmig sandbox --fresh --port "$port" --data "$state" >"$state/out" 2>"$state/err" &
sandbox=$!
trap 'kill $sandbox 2>/dev/null; wait $sandbox 2>/dev/null; rm -rf "$state"' EXIT
for _ in $(seq 100); do grep -q '^ready' "$state/out" && break; kill -0 $sandbox || { cat "$state/err"; exit 1; }; sleep 0.1; done
grep -q '^ready' "$state/out" || { echo "not ready in 10 s"; exit 1; }
base=http://127.0.0.1:$port
