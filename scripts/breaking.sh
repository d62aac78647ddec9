#!/usr/bin/env bash
# Compares the proto files with those that others have: the upstream branch's, else the last commit that is not this one's.
set -euo pipefail
base=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
if [ "$base" = "$(git rev-parse HEAD)" ] && git diff --quiet HEAD -- proto; then
  base=$(git rev-parse -q --verify HEAD~1 || echo "$base")
fi
if ! git cat-file -e "$base:proto" 2>/dev/null; then
  echo "no earlier proto files to compare with"
  exit 0
fi
buf breaking --against ".git#ref=$base"
