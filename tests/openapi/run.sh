#!/usr/bin/env bash
# Holds the description against the gateway: `sluice demo` answers what Schemathesis makes of /openapi.json.
# Usage: run.sh SLUICE SCHEMATHESIS
set -euo pipefail
sluice=$(realpath "$1") schemathesis=$(realpath -s "$2")
cd "$(dirname "$0")"

scratch=$(mktemp -d)
said=$scratch/said
"$sluice" demo --listen 127.0.0.1:0 > "$said" 2>&1 &
demo=$!
trap 'kill "$demo"; wait "$demo" || true; rm -r "$scratch"' EXIT
for _ in $(seq 100); do
    grep -q 'logged below' "$said" && break
    kill -0 "$demo" || { cat "$said"; exit 1; }
    sleep 0.1
done
gateway=$(awk '$1 == "gateway" { print $2; exit }' "$said")
token=$(grep -om 1 'Bearer [^'\'']*' "$said")

# By way of a file: of a description that it fetches itself, Schemathesis leaves out the operation that serves it.
curl -fsS "$gateway/openapi.json" > "$scratch/openapi.json"
"$schemathesis" --config-file schemathesis.toml run "$scratch/openapi.json" --url "$gateway" --header "Authorization: $token"
