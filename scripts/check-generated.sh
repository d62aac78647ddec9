#!/usr/bin/env bash
# Generated files are committed; this finds those that no longer are what their source makes.
set -euo pipefail
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
buf generate -o "$fresh"
diff -r gen "$fresh/gen" || { echo "gen/ is stale: run make generate" >&2; exit 1; }
node src/cli/cambio.mjs schema | diff - cambio.schema.json || { echo "cambio.schema.json is stale: run make generate" >&2; exit 1; }
