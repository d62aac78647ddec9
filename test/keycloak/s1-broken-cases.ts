// What only the stand-in can do: a Keycloak that is broken, busy, or not ours any more, and tokens that only it can read.

import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { exchangeLies, introspectionLies } from "../support/fake-keycloak-lies.ts";
import type { Fault } from "../support/faults.ts";
import type { FakeWorld } from "./fake-world.ts";
import { accepted, changeProvider, given, refused, type S1Case } from "./s1-case.ts";
import type { Members, S1Stack, Told } from "./s1-stack.ts";
import { aliceToken } from "./s1-validation-cases.ts";

export interface BrokenCase extends Omit<S1Case, "act"> {
  readonly act: (cambio: S1Stack, world: FakeWorld) => Promise<readonly Told[]>;
}

const upstreamFaults: readonly { readonly fault: Fault; readonly answer: Members }[] = [
  { fault: { kind: "status", status: 429, headers: { "retry-after": "7" } }, answer: refused("UPSTREAM_RATE_LIMITED") },
  { fault: { kind: "status", status: 500 }, answer: refused("UPSTREAM_UNAVAILABLE") },
  { fault: { kind: "status", status: 503, body: { error: "temporarily_unavailable" } }, answer: refused("UPSTREAM_UNAVAILABLE") },
  { fault: { kind: "html" }, answer: refused("UPSTREAM_INVALID_RESPONSE") },
  { fault: { kind: "error-in-200", error: "invalid_target" }, answer: refused("TARGET_NOT_ALLOWED") },
  { fault: { kind: "redirect" }, answer: refused("UPSTREAM_INVALID_RESPONSE") },
  { fault: { kind: "reset" }, answer: refused("UPSTREAM_UNAVAILABLE") },
  { fault: { kind: "truncate" }, answer: refused("UPSTREAM_UNAVAILABLE") },
];

/** Longer than any of them asks Cambio to wait. */
const pastPause = 8_000;

/** An exchange that fails leaves nothing in doubt: asking again is safe, and succeeds. */
const faultCases = upstreamFaults.map(({ fault, answer }): BrokenCase => ({
  name: `an exchange that is answered by ${JSON.stringify(fault)} is ${String(answer["reason"])}, and may be repeated`,
  act: async (cambio, world) => {
    const token = await aliceToken(world);
    world.fake.faults.next("exchange", fault);
    const failed = await cambio.exchange(token);
    cambio.time.aheadMs = pastPause;
    return [failed, await cambio.exchange(token)];
  },
  answers: [answer, given()],
}));

const nonsense = refused("UPSTREAM_INVALID_RESPONSE");
const tooWide = refused("SCOPE_NOT_ALLOWED");
const forOthers = refused("TARGET_NOT_ALLOWED");

const exchangeAnswers: Readonly<Record<keyof typeof exchangeLies, Members>> = {
  "another subject": nonsense,
  "no subject": nonsense,
  "a wider scope": tooWide,
  "a wider scope in the token alone": tooWide,
  "a foreign audience": forOthers,
  "one audience too many": forOthers,
  "no audience": forOthers,
  "an empty audience": forOthers,
  // Beyond `max_lifetime` whatever the subject token is.
  "a longer life": nonsense,
  // What the token itself says counts, and is passed on.
  "a longer life, said outside": given(),
  "no end": nonsense,
  "another issuer": nonsense,
  "another client": nonsense,
  "a token of another kind": nonsense,
  "another token type": nonsense,
  "no token type": nonsense,
  "an opaque token": nonsense,
  "a stranger's signature": nonsense,
  "no issued token type": nonsense,
  "another issued token type": nonsense,
  // A refusal counts whatever its status says.
  "an error in a success": refused("TOKEN_REVOKED"),
  "no token": nonsense,
  "a refresh token that nobody asked for": given(),
};

const exchangeLieCases = Object.entries(exchangeLies).map(([name, lie]): BrokenCase => ({
  name: `is not taken in by an exchange with ${name}`,
  act: async (cambio, world) => {
    world.fake.lies.next("exchange", lie);
    return [await cambio.exchange(await aliceToken(world))];
  },
  answers: [exchangeAnswers[name as keyof typeof exchangeLies]],
}));

/** As the token says it, which Keycloak signed. */
const asSigned = accepted({ source: "INTROSPECTION" });

const introspectionAnswers: Readonly<Record<keyof typeof introspectionLies, Members>> = {
  "active as text": nonsense,
  "no word on whether it is active": nonsense,
  "another subject": nonsense,
  "another issuer": asSigned,
  "another client": nonsense,
  "a foreign audience": asSigned,
  // Taken back is what the answer leaves out; nothing is added.
  "a wider scope": accepted({ source: "INTROSPECTION" }, { scopes: ["orders:read"] }),
  "a longer life": asSigned,
  "an end in the past": refused("TOKEN_EXPIRED", { expiredAt: 1 }),
};

const introspectionLieCases = Object.entries(introspectionLies).map(([name, lie]): BrokenCase => ({
  name: `is not taken in by an introspection with ${name}`,
  change: changeProvider((corp) => ({ ...corp, introspection: "every" })),
  act: async (cambio, world) => {
    world.fake.lies.next("introspection", lie);
    return [await cambio.validate(await aliceToken(world))];
  },
  answers: [introspectionAnswers[name as keyof typeof introspectionLies]],
}));

const opaque = { change: changeProvider((corp) => ({ ...corp, introspection: "opaque" })) };

const opaqueCases: readonly BrokenCase[] = [
  {
    name: "asks about an opaque token, which comes with the provider's name",
    ...opaque,
    act: async (cambio, world) => {
      const iat = Math.floor(Date.now() / 1000);
      const alice = world.realm.users.find(({ username }) => username === "alice")?.id;
      const claims = {
        iss: world.issuer,
        sub: alice,
        aud: ["orders", "cambio"],
        azp: "storefront",
        client_id: "storefront",
        scope: "orders:read profile",
      };
      const told = { ...claims, iat, exp: iat + 900, preferred_username: "alice", active: true, token_type: "Bearer" };
      world.fake.lies.next("introspection", { answer: told });
      const token = randomBytes(32).toString("base64url");
      const named = { provider: "corp" };
      return [await cambio.validate(token, named), await cambio.validate(token, named), await cambio.validate(token)];
    },
    answers: [accepted({ source: "INTROSPECTION" }), accepted({ source: "INTROSPECTION", cached: true }), refused("TOKEN_MALFORMED")],
  },
  {
    name: "refuses an opaque token that Keycloak does not know, and asks about no JWT",
    ...opaque,
    act: async (cambio, world) => {
      const unknown = await cambio.validate(randomBytes(32).toString("base64url"), { provider: "corp" });
      const asked = world.fake.callsTo("introspection");
      const signed = await cambio.validate(await aliceToken(world));
      expect(world.fake.callsTo("introspection")).toBe(asked);
      return [unknown, signed];
    },
    answers: [refused("TOKEN_INVALID"), accepted()],
  },
];

export const brokenCases = {
  "a broken Keycloak": faultCases,
  "a lie about an exchange": exchangeLieCases,
  "a lie about a token": introspectionLieCases,
  "opaque tokens": opaqueCases,
};
