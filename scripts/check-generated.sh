#!/usr/bin/env bash
# Generated files are committed; this finds those that no longer are what their source makes.
set -euo pipefail
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
buf generate -o "$fresh"
diff -r gen "$fresh/gen" >/dev/null || { echo "gen/ is stale: run make generate" >&2; exit 1; }
node src/cli/cambio.mjs schema | diff -q - cambio.schema.json >/dev/null || { echo "cambio.schema.json is stale: run make generate" >&2; exit 1; }
