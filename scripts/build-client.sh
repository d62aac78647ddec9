#!/usr/bin/env bash
# Builds the client library to dist/client, or to the folder that is named: JavaScript and types of both parts, and the generated code
# that the services' part needs. Old files go first, so that nothing is packed that has no source any more.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"
out=$(realpath -m "${1:-dist/client}")
rm -rf "$out"
tsc -p src/client --outDir "$out"
tsc -p src/client/node --outDir "$out"
