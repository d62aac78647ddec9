#!/usr/bin/env bash
# Makes the conformance suites ready in .cache/conformance: the two programs, built from exact versions, and the Connect suite's
# messages as descriptors. What is there already and made from the same versions is left as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

conformance=1.0.5
h2spec=test/conformance/h2spec

home=$PWD/.cache/conformance
command -v go >/dev/null || { echo "there is no go: install Go 1.26 or later, which builds the conformance suites" >&2; exit 1; }
mark="$conformance $(go version) $(cat $h2spec/go.mod $h2spec/go.sum "$0" | git hash-object --stdin)"
[ "$(cat "$home/built" 2>/dev/null)" != "$mark" ] || exit 0

echo "== building the conformance suites"
rm -rf "$home"
mkdir -p "$home/bin"
GOBIN=$home/bin go install "connectrpc.com/conformance/cmd/connectconformance@v$conformance"
(cd $h2spec && go build -mod=readonly -o "$home/bin/h2spec" github.com/summerwind/h2spec/cmd/h2spec)
folder=$(cd "$home" && go mod download -json "connectrpc.com/conformance@v$conformance" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
buf build "$folder/proto" -o "$home/messages.binpb"
echo "$mark" >"$home/built"
