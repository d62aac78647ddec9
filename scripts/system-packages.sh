#!/usr/bin/env bash
# Finds the programs that tests and the benchmark need, by the names of their Debian packages; installs what is missing where it may
# (root on Debian), else says what to install.
set -euo pipefail

# The first of some paths that exists.
first_of() {
  for path in "$@"; do
    [ -e "$path" ] && return 0
  done
  return 1
}

# A package's program, and where else it may be.
find_program() {
  case $1 in
    chromium)
      command -v chromium || command -v chromium-browser || command -v google-chrome ||
        first_of "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" "/Applications/Chromium.app/Contents/MacOS/Chromium"
      ;;
    postgresql)
      # Debian keeps the server out of the PATH, and Homebrew that of a named version.
      command -v initdb ||
        first_of /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb
      ;;
    nghttp2-client) command -v h2load ;;
    *) command -v "$1" ;;
  esac
}

missing=()
for program in "$@"; do
  find_program "$program" >/dev/null || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "== installing ${missing[*]} (a minute or two)"
  export DEBIAN_FRONTEND=noninteractive
  # Services must not be started by their installation: tests start their own, on free ports.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f $policy' EXIT
  fi
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "Missing: ${missing[*]}." >&2
  echo "  Debian:  sudo apt-get install ${missing[*]}" >&2
  echo "  macOS:   brew install redis postgresql@17 nghttp2; brew install --cask chromium" >&2
  exit 1
fi
