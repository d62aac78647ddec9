#!/usr/bin/env bash
# Asks Cambio whether a token is good for this service: buf curl and jq, no schema at hand (server reflection).
# The token comes on standard input, the rest from the environment; the exit status says what to do. See ../README.md.
# Neither token nor secret is on a command line, where other users of the machine would see it.
set -euo pipefail

# Id and secret are encoded before they are joined (RFC 6749 section 2.3.1).
proof=$(jq -rn '(env.CAMBIO_CLIENT_ID | @uri) + ":" + (env.CAMBIO_CLIENT_SECRET | @uri) | @base64')
# Over Connect buf prints an error's details as they are meant to be read; over gRPC only as base64.
if answer=$({ printf 'authorization: Basic %s\n\n' "$proof" && jq -R '{token: {value: .}}'; } |
  buf curl --connect-timeout 5 -H @- -d @- "$CAMBIO_URL/cambio.v1.TokenExchangeService/ValidateCrossClient" 2>&1); then
  jq -r '.claims | "subject " + .subject, "expires " + .expiresAt' <<<"$answer"
  exit 0
fi

# These codes say that nothing was decided; so does an answer without a detail.
result=$(jq -r '
  . as $status | first(.details[]? | select(.type == "cambio.v1.ErrorDetail").debug)
  | if .reason == "ERROR_REASON_TOKEN_EXPIRED" then "expired " + .expiredAt
    elif $status.code | IN("unavailable", "deadline_exceeded", "resource_exhausted", "internal") then empty
    else "refused " + (.reason | ltrimstr("ERROR_REASON_")) end' <<<"$answer" 2>/dev/null) || true
echo "${result:-unavailable}"
case $result in expired*) exit 10 ;; refused*) exit 11 ;; *) exit 12 ;; esac
