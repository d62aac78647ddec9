// Subject tokens that were good once, or look as if they were: exchange says "Invalid token" and introspection says no more than
// that it is not active, whatever the reason is.

import { eventually } from "../support/eventually.ts";
import { inactive, invalidToken, type ProviderCase } from "./provider-case.ts";
import { ask, exchange, introspect } from "./requests.ts";
import type { UserTokens, World } from "./world.ts";

/** @param lose what is done after alice has signed in; what it returns is presented instead of her token */
function row(name: string, lose: (world: World, tokens: UserTokens) => Promise<string | void>): ProviderCase {
  return {
    name: `does not take ${name}`,
    act: async (world) => {
      const tokens = await world.token("alice", "storefront", ["openid"]);
      const token = (await lose(world, tokens)) ?? tokens.accessToken;
      return [await exchange(world, token), await introspect(world, token)];
    },
    answers: [invalidToken, inactive],
  };
}

function parts(token: string): readonly [string, string, string] {
  const [header = "", payload = "", signature = ""] = token.split(".");
  return [header, payload, signature];
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A not-before excludes what is older than the second in which it was set. */
function laterThan(token: string): number {
  const { iat } = JSON.parse(Buffer.from(parts(token)[1], "base64url").toString("utf8")) as { iat: number };
  return iat + 1;
}

export const lostTokenCases: readonly ProviderCase[] = [
  row("an expired token", async (world) => {
    await world.operator.lifespan("storefront", 1);
    const { accessToken } = await world.token("alice", "storefront");
    // It is taken for the whole of the second that `exp` names.
    const over = laterThan(accessToken) + 1;
    await eventually("the token expires", () => Date.now() / 1000 > over + 0.1);
    return accessToken;
  }),
  row("a revoked token", async (world, { accessToken }) => {
    await ask(world, "/revoke", { token: accessToken, client_id: "storefront" });
  }),
  row("a token whose refresh token was revoked", async (world, { refreshToken }) => {
    await ask(world, "/revoke", { token: refreshToken, client_id: "storefront", token_type_hint: "refresh_token" });
  }),
  row("a token of a session that an administrator ended", (world, { sessionId }) => world.operator.logout(sessionId)),
  row("a token of a user who signed out", async (world, { refreshToken }) => {
    await ask(world, "/logout", { refresh_token: refreshToken, client_id: "storefront" });
  }),
  row("a token of a disabled user", (world) => world.operator.disableUser("alice")),
  row("a token of a disabled client", (world) => world.operator.disable("storefront")),
  row("a token from before the realm's not-before", async (world, { accessToken }) => {
    await world.operator.notBefore(laterThan(accessToken));
  }),
  row("a token from before its client's not-before", async (world, { accessToken }) => {
    await world.operator.notBefore(laterThan(accessToken), "storefront");
  }),
  row("a token whose key is gone", (world) => world.operator.rotateKeys()),
  row("an ID token", async (_world, { idToken }) => idToken),
  row("a refresh token", async (_world, { refreshToken }) => refreshToken),
  row("a token with another signature", async (_world, { accessToken }) => {
    const [header, payload] = parts(accessToken);
    return `${header}.${payload}.${Buffer.alloc(256, 1).toString("base64url")}`;
  }),
  row("a token with another payload", async (_world, { accessToken }) => {
    const [header, payload, signature] = parts(accessToken);
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as object;
    return `${header}.${base64url({ ...claims, sub: "somebody else" })}.${signature}`;
  }),
  row("a token without a signature", async (_world, { accessToken }) => `${base64url({ alg: "none" })}.${parts(accessToken)[1]}.`),
];
