// Who may ask about which token, and what it hears; and what revocation says.

import { aliceToken } from "./exchange-cases.ts";
import { everyone, inactive, type ProviderCase, refusal, revoked, strangers } from "./provider-case.ts";
import { ask, exchange, type Form, introspect, memberOf, revoke, type Sending } from "./requests.ts";

const aboutAlice = {
  lives: 900,
  jti: "onrtro",
  iss: "the realm",
  aud: ["cambio", "orders"],
  sub: "alice",
  typ: "Bearer",
  azp: "storefront",
  sid: "a session",
  scope: "orders:read profile",
  preferred_username: "alice",
  client_id: "storefront",
  username: "alice",
  token_type: "Bearer",
  active: true,
};
const aboutExchanged = { ...aboutAlice, lives: 180, jti: "ntrtte", aud: everyone, azp: "orders", client_id: "orders" };

function row(name: string, form: Exclude<Form, string>, answer: object, sending: Sending = { as: "cambio" }): ProviderCase {
  return {
    name,
    act: async (world) => [await ask(world, "/token/introspect", { token: await aliceToken(world), ...form }, sending)],
    answers: [answer],
  };
}

const json = { status: 200, contentType: "application/json" };

export const introspectionCases: readonly ProviderCase[] = [
  row("tells a client in the audience about the token", {}, { ...json, body: aboutAlice }),
  row("tells the same with a hint", { token_type_hint: "access_token" }, { ...json, body: aboutAlice }),
  row("SAYS INACTIVE of a good token to a client outside its audience", {}, inactive, { as: "inventory" }),
  {
    name: "MORE THAN IT SAYS: tells the target about an exchanged token with audiences that it was not given, without a scope that is empty; to all others it is inactive, its owner too",
    act: async (world) => {
      const token = memberOf(await exchange(world, await aliceToken(world), { audience: "inventory" }), "access_token");
      return Promise.all(["inventory", "cambio", "orders"].map((as) => introspect(world, token, { as })));
    },
    answers: [
      (() => {
        const { scope: _scope, preferred_username: _name, ...body } = aboutExchanged;
        return { ...json, body };
      })(),
      inactive,
      inactive,
    ],
  },
  row("says inactive of garbage", { token: "garbage" }, inactive),
  row("refuses without a token", { token: undefined }, refusal(400, "invalid_request", "Token not provided.")),
  row("refuses a hint that it does not know", { token_type_hint: "saml" }, refusal(400, "invalid_request", "Unsupported token type.")),
  row(
    "refuses a wrong secret in other words than the token endpoint",
    {},
    refusal(401, "invalid_client", "Client authentication failed."),
    {
      as: "cambio",
      secret: "wrong",
    },
  ),
  row("refuses a client that it does not know", {}, strangers.unknown, { as: "nobody" }),
  row("refuses a disabled client", {}, strangers.unknown, { as: "disabled" }),
  row("refuses nobody", {}, strangers.unknown, {}),
  row("refuses a public client", { client_id: "storefront" }, refusal(403, "invalid_request", "Client not allowed."), {}),
  {
    name: "refuses a repeated token",
    act: async (world) => [await ask(world, "/token/introspect", "token=a&token=b", { as: "cambio" })],
    answers: [refusal(400, "invalid_request", "duplicated parameter")],
  },
  {
    name: "revokes nothing of another client's",
    act: async (world) => {
      const token = await aliceToken(world);
      return [await revoke(world, token, { as: "orders" }), await introspect(world, token)];
    },
    answers: [refusal(400, "invalid_request", "Unmatching clients"), { ...json, body: aboutAlice }],
  },
  {
    name: "revokes an exchanged token",
    act: async (world) => {
      const token = memberOf(await exchange(world, await aliceToken(world)), "access_token");
      return [await revoke(world, token, { as: "orders" }), await introspect(world, token, { as: "inventory" })];
    },
    answers: [revoked, inactive],
  },
  {
    name: "ERROR IN A 200: answers the revocation of an unknown token with an error and success",
    act: async (world) => [await revoke(world, "garbage", { as: "orders" })],
    answers: [refusal(200, "invalid_token", "Invalid token")],
  },
  {
    name: "refuses a revocation without a token, or with a wrong secret",
    act: async (world) => [await ask(world, "/revoke", {}, { as: "orders" }), await revoke(world, "x", { as: "orders", secret: "wrong" })],
    answers: [refusal(400, "invalid_request", "Token not provided"), strangers.wrongSecret],
  },
];
