// The part of the protocol table in which a provider fails or refuses, before and after something one-time was sent to it.

import type { JsonObject } from "@bufbuild/protobuf";
import type { Fault } from "../support/faults.ts";
import { type Case, codeCase, exchangeOf, pageUrl, strange, urlCase } from "./protocol-case.ts";
import type { FailingProvider, World } from "./protocol-world.ts";

/** The next answer of the healthy provider's token endpoint is this one. */
const answering = (fault: Fault, message: (world: World) => Promise<JsonObject>) => (world: World) => {
  world.usual.provider.faults.next("token", fault);
  return message(world);
};
const freshCode = async (world: World) => exchangeOf(await world.codeFor("web"));
const freshHandle = async () => ({ provider: "main", refreshToken: "refresh-that-only-the-provider-knows" });

const beginningAt = (provider: FailingProvider): Pick<Case, "method" | "as" | "message"> => ({
  ...urlCase,
  as: "web",
  message: () => ({ ...pageUrl, provider }),
});

export const upstreamCases: readonly Case[] = [
  { name: "a provider that is down", ...beginningAt("away"), expected: "UPSTREAM_UNAVAILABLE" },
  { name: "a provider that answers with a page", ...beginningAt("nonsense"), expected: "UPSTREAM_INVALID_RESPONSE" },
  { name: "a provider that does not answer in time", ...beginningAt("slow"), expected: "UPSTREAM_TIMEOUT" },
  { name: "a provider that asks for a pause", ...beginningAt("busy"), expected: "UPSTREAM_RATE_LIMITED" },
  {
    ...codeCase,
    name: "a code at a provider that is down",
    message: () => ({ ...strange, provider: "away" }),
    expected: "UPSTREAM_UNAVAILABLE",
  },
  { ...codeCase, name: "a code that the provider does not know", message: () => strange, expected: "GRANT_INVALID" },
  {
    ...codeCase,
    name: "a provider that hangs up on a code",
    message: answering({ kind: "reset" }, freshCode),
    expected: "OUTCOME_UNKNOWN",
    route: true,
  },
  {
    ...codeCase,
    name: "a provider that answers a code with nonsense",
    message: answering({ kind: "html" }, freshCode),
    expected: "OUTCOME_UNKNOWN",
    route: true,
  },
  {
    ...codeCase,
    name: "a provider that refuses Cambio's own credentials",
    message: answering({ kind: "status", status: 401, body: { error: "invalid_client" } }, freshCode),
    expected: "UPSTREAM_REJECTED_CLIENT",
    route: true,
  },
  {
    ...codeCase,
    name: "a provider that asks for a pause before it looks at a code",
    message: answering({ kind: "status", status: 429 }, freshCode),
    expected: "UPSTREAM_RATE_LIMITED",
    route: true,
  },
  {
    name: "a refresh token that the provider does not know",
    as: "backend",
    method: "Refresh",
    message: freshHandle,
    expected: "REAUTHENTICATION_REQUIRED",
  },
  {
    name: "a provider that refuses a refresh without saying why",
    as: "backend",
    method: "Refresh",
    message: answering({ kind: "status", status: 400, body: { error: "invalid_request" } }, freshHandle),
    expected: "UPSTREAM_INVALID_RESPONSE",
  },
];
