#!/usr/bin/env bash
# Asks Cambio whether a token is good for this service: grpcurl and jq, no schema at hand (server reflection).
# The token comes on standard input, the rest from the environment; the exit status says what to do. See ../README.md.
# Neither token nor secret is on a command line, where other users of the machine would see it.
set -euo pipefail

# Id and secret are encoded before they are joined (RFC 6749 section 2.3.1).
PROOF=$(jq -rn '(env.CAMBIO_CLIENT_ID | @uri) + ":" + (env.CAMBIO_CLIENT_SECRET | @uri) | @base64')
export PROOF
plain=()
[[ $CAMBIO_URL == https://* ]] || plain=(-plaintext)
# shellcheck disable=SC2016
if answer=$(jq -R '{token: {value: .}}' | grpcurl ${plain[@]+"${plain[@]}"} -connect-timeout 2 -max-time 5 -format-error -expand-headers \
  -H 'authorization: Basic ${PROOF}' -d @ "${CAMBIO_URL#*://}" cambio.v1.TokenExchangeService/ValidateCrossClient 2>&1); then
  jq -r '.claims | "subject " + .subject, "expires " + .expiresAt' <<<"$answer"
  exit 0
fi

# Codes 4, 8, 13 and 14 say that nothing was decided; so does an answer without a detail.
result=$(jq -r '
  . as $status | first(.details[]? | select(."@type" | endswith("/cambio.v1.ErrorDetail")))
  | if .reason == "ERROR_REASON_TOKEN_EXPIRED" then "expired " + .expiredAt
    elif $status.code | IN(4, 8, 13, 14) then empty
    else "refused " + (.reason | ltrimstr("ERROR_REASON_")) end' <<<"$answer" 2>/dev/null) || true
echo "${result:-unavailable}"
case $result in expired*) exit 10 ;; refused*) exit 11 ;; *) exit 12 ;; esac
