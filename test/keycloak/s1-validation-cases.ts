// Tokens that were issued to the storefront, shown by the orders service: which are good, which are not, and what is asked of Keycloak.

import { expect } from "vitest";
import { tokenIn } from "./s1-answer.ts";
import { accepted, changeProvider, refused, type S1Case } from "./s1-case.ts";
import type { Members, S1Stack, Told } from "./s1-stack.ts";
import type { World } from "./world.ts";

export async function aliceToken(world: World, ...scopes: readonly string[]): Promise<string> {
  return (await world.token("alice", "storefront", scopes)).accessToken;
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Parts of a token, some of them another's. */
function retold(token: string, { header, payload, signature }: { header?: Members; payload?: Members; signature?: string }): string {
  const [head = "", body = "", sign = ""] = token.split(".");
  return [changed(head, header), changed(body, payload), signature ?? sign].join(".");
}

function changed(part: string, change: Members | undefined): string {
  if (change === undefined) return part;
  return base64url({ ...(JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as object), ...change });
}

/** A token of Alice's, changed, and shown. */
function row(name: string, change: (token: string) => string, answer: Members, more: Partial<S1Case> = {}): S1Case {
  return { name, act: async (cambio, world) => [await cambio.validate(change(await aliceToken(world)))], answers: [answer], ...more };
}

/** Whatever is done causes no request to Keycloak. */
async function unheard(world: World, act: () => Promise<Told>): Promise<Told> {
  const before = world.heard();
  const told = await act();
  expect(world.heard()).toBe(before);
  return told;
}

async function twice(cambio: S1Stack, token: string): Promise<readonly Told[]> {
  return [await cambio.validate(token), await cambio.validate(token)];
}

export const validationCases: readonly S1Case[] = [
  {
    name: "accepts a token that was issued to another client, and remembers it",
    act: async (cambio, world) => {
      const token = await aliceToken(world);
      const first = await cambio.validate(token);
      return [first, await unheard(world, () => cambio.validate(token))];
    },
    answers: [accepted(), accepted({ cached: true })],
  },
  { ...row("accepts one over Connect", (token) => token, accepted()), over: "Connect" },
  {
    name: "accepts one that has the scopes that the caller requires, and no other",
    act: async (cambio, world) => {
      const token = await aliceToken(world);
      return [
        await cambio.validate(token, { requiredScopes: ["orders:read"] }),
        await cambio.validate(token, { requiredScopes: ["orders:write"] }),
      ];
    },
    answers: [accepted(), refused("SCOPE_INSUFFICIENT")],
  },
  {
    name: "refuses a token that is meant for somebody else",
    act: async (cambio, world) => [await cambio.validate(await aliceToken(world), {}, "inventory")],
    answers: [refused("AUDIENCE_MISMATCH")],
    logged: { policy_rule: "audiences.inventory.accepts.corp.identifiers" },
  },
  {
    name: "refuses a token of a client that is not listed, even for the same audience",
    act: async (cambio, world) => {
      const own = tokenIn(await cambio.exchange(await aliceToken(world), { audiences: ["orders"] }));
      return [await cambio.validate(own)];
    },
    answers: [refused("CLIENT_NOT_TRUSTED")],
    logged: { policy_rule: "audiences.orders.accepts.corp.clients" },
  },
  ...(["gRPC", "Connect"] as const).map((over): S1Case => ({
    name: `tells an expired token from all others, with its end, fresh and remembered, over ${over}`,
    ...(over === "Connect" ? { over } : {}),
    act: async (cambio, world) => {
      // Longer than the buffer by a minute, then shorter than it.
      await world.operator.lifespan("storefront", 120);
      const known = await aliceToken(world);
      const before = await cambio.validate(known);
      await world.operator.lifespan("storefront", 59);
      const fresh = await cambio.validate(await aliceToken(world));
      cambio.time.aheadMs = 61_000;
      return [before, fresh, ...(await twice(cambio, known))];
    },
    answers: [accepted(), refused("TOKEN_EXPIRED"), refused("TOKEN_EXPIRED"), refused("TOKEN_EXPIRED")],
  })),
  {
    name: "refuses an untrusted issuer at once, for security to see, and asks nobody",
    act: async (cambio, world) => {
      const token = retold(await aliceToken(world), { payload: { iss: "https://elsewhere.example/realms/corp" } });
      const told = await unheard(world, () => cambio.validate(token));
      expect(cambio.auditLines()).toContainEqual(expect.objectContaining({ kind: "security", event: "untrusted_issuer" }));
      return [told, await unheard(world, () => cambio.exchange(token))];
    },
    answers: [refused("ISSUER_NOT_TRUSTED"), refused("ISSUER_NOT_TRUSTED")],
    logged: { level: "warn", security: true },
  },
  row(
    "refuses another payload under a good signature",
    (token) => retold(token, { payload: { sub: "somebody else" } }),
    refused("TOKEN_INVALID"),
  ),
  row("refuses a signature of zeros", (token) => retold(token, { signature: "A".repeat(342) }), refused("TOKEN_INVALID")),
  row(
    "refuses a token without a signature",
    (token) => retold(token, { header: { alg: "none" }, signature: "" }),
    refused("TOKEN_MALFORMED"),
  ),
  row("refuses a key that the realm does not have", (token) => retold(token, { header: { kid: "none" } }), refused("TOKEN_INVALID")),
  row("refuses what is no token", () => "not.a.token", refused("TOKEN_MALFORMED")),
  {
    name: "refuses an ID token and a refresh token of the same user",
    act: async (cambio, world) => {
      const { idToken = "", refreshToken } = await world.token("alice", "storefront", ["openid"]);
      return [await cambio.validate(idToken), await cambio.validate(refreshToken)];
    },
    // The refresh token is signed by a secret that only Keycloak has.
    answers: [refused("TOKEN_TYPE_MISMATCH"), refused("TOKEN_INVALID")],
  },
];

const elsewhere = "https://sso.inside.example/realms/corp";

function endpointsAt(address: string) {
  const at = `${address}/protocol/openid-connect`;
  return { authorization: `${at}/auth`, token: `${at}/token`, jwks: `${at}/certs`, introspection: `${at}/token/introspect` };
}

export const addressCases: readonly S1Case[] = [
  {
    name: "does not reach Keycloak at the public address where only the back channel has one",
    change: changeProvider((corp) => ({ ...corp, back_channel_url: undefined })),
    act: async (cambio, world) => [await cambio.validate(await aliceToken(world))],
    answers: [refused("UPSTREAM_UNAVAILABLE")],
    logged: { level: "warn", upstream_endpoint: "discovery" },
  },
  {
    name: "takes the address by which it reaches Keycloak for no issuer",
    change: (configuration, { address }) =>
      changeProvider((corp) => ({ ...corp, issuer: address, back_channel_url: undefined }))(configuration),
    act: async (cambio, world) => [
      await cambio.validate(await aliceToken(world)),
      await cambio.validate(await aliceToken(world), { provider: "corp" }),
    ],
    answers: [refused("ISSUER_NOT_TRUSTED"), refused("ISSUER_NOT_TRUSTED")],
  },
  {
    name: "with the issuer check off takes a token that is sent with the provider's name, and tells of the configured issuer; the log warns",
    change: (configuration, { address }) =>
      changeProvider((corp) => ({
        ...corp,
        issuer: elsewhere,
        back_channel_url: undefined,
        endpoints: endpointsAt(address),
        tokens: { ...corp.tokens, issuer_check: false },
      }))(configuration),
    act: async (cambio, world) => {
      expect(cambio.logLines()).toContainEqual(
        expect.objectContaining({ level: "warn", provider: "corp", msg: expect.stringContaining("issuer_check is off") }),
      );
      const token = await aliceToken(world);
      const forged = retold(token, { payload: { sub: "somebody else" } });
      const named = { provider: "corp" };
      return [
        await cambio.validate(token, named),
        await cambio.validate(token),
        await cambio.validate(forged, named),
        await cambio.validate(token, named, "inventory"),
      ];
    },
    answers: [accepted({}, { issuer: elsewhere }), refused("ISSUER_NOT_TRUSTED"), refused("TOKEN_INVALID"), refused("AUDIENCE_MISMATCH")],
  },
  {
    name: "with the issuer check off still wants the configured issuer in what discovery says",
    change: changeProvider((corp) => ({ ...corp, issuer: elsewhere, tokens: { ...corp.tokens, issuer_check: false } })),
    act: async (cambio, world) => [await cambio.validate(await aliceToken(world), { provider: "corp" })],
    answers: [refused("UPSTREAM_INVALID_RESPONSE")],
    logged: { upstream_endpoint: "discovery", upstream_status: 200 },
  },
];
