// Refresh tokens that came with an exchange: what they still give, and when they are over.

import { everyone, exchangedClaims, type ProviderCase, refreshClaims, refreshed, refusal, revoked, strangers } from "./provider-case.ts";
import { ask, exchange, type Form, memberOf, refresh, revoke, tokenType } from "./requests.ts";
import type { World } from "./world.ts";

interface Exchanged {
  readonly refreshToken: string;
  readonly accessToken: string;
  readonly subjectToken: string;
  readonly sessionId: string;
}

async function exchangedFor(world: World, form: Exclude<Form, string>): Promise<Exchanged> {
  const { accessToken: subjectToken, sessionId } = await world.token("alice", "storefront");
  const answer = await exchange(world, subjectToken, { requested_token_type: tokenType("refresh_token"), ...form });
  return { refreshToken: memberOf(answer, "refresh_token"), accessToken: memberOf(answer, "access_token"), subjectToken, sessionId };
}

/** A refresh after something happened. */
function row(name: string, happens: (world: World, tokens: Exchanged) => Promise<unknown>, answer: object): ProviderCase {
  return {
    name,
    act: async (world) => {
      const tokens = await exchangedFor(world, { audience: "inventory" });
      await happens(world, tokens);
      return [await refresh(world, tokens.refreshToken)];
    },
    answers: [answer],
  };
}

const nothing = async (): Promise<void> => undefined;
const grant = (description: string): object => refusal(400, "invalid_grant", description);

export const refreshCases: readonly ProviderCase[] = [
  row("refreshes for the audiences of the exchange", nothing, refreshed()),
  {
    name: "refreshes without audiences where the exchange named none",
    act: async (world) => [await refresh(world, (await exchangedFor(world, {})).refreshToken)],
    answers: [
      (() => {
        const { "req-aud": _none, ...claims } = refreshClaims({ aud_x: everyone }) as Record<string, unknown>;
        return refreshed({ claims: { aud: everyone }, body: { refresh_token: claims } });
      })(),
    ],
  },
  row(
    "ends with the access token that it was exchanged from, when that one is revoked",
    (world, { subjectToken }) => ask(world, "/revoke", { token: subjectToken, client_id: "storefront" }),
    grant("Session doesn't have required client"),
  ),
  row(
    "refreshes although the exchanged token was revoked",
    (world, { accessToken }) => revoke(world, accessToken, { as: "orders" }),
    refreshed(),
  ),
  row("refreshes although the realm's signing key is another", (world) => world.operator.rotateKeys(), refreshed()),
  row("refreshes although the client may no longer exchange", (world) => world.operator.mayExchange("orders", false), refreshed()),
  {
    name: "EMPTY AUDIENCE: refreshes although the target was disabled, with a token for nobody",
    act: async (world) => {
      await world.operator.enable("disabled");
      const { refreshToken } = await exchangedFor(world, { audience: "disabled", scope: "for-disabled" });
      await world.operator.disable("disabled");
      const answer = await refresh(world, refreshToken);
      const { access_token, status } = { ...(answer.body as { access_token: string }), status: answer.status };
      return [{ status, contentType: answer.contentType, body: { access_token } }];
    },
    answers: [{ status: 200, contentType: "application/json", body: { access_token: exchangedClaims({ jti: "onrtrt", aud: [] }) } }],
  },
  {
    name: "does not hear a scope that the refresh token has not got",
    act: async (world) => {
      const { refreshToken } = await exchangedFor(world, { audience: "inventory", scope: "orders:read" });
      const answer = await refresh(world, refreshToken, { scope: "orders:write" });
      return [{ ...answer, body: { scope: memberOf(answer, "scope"), access_token: memberOf(answer, "access_token") } }];
    },
    answers: [{ status: 200, contentType: "application/json", body: { scope: "", access_token: exchangedClaims({ jti: "onrtrt" }) } }],
  },
  {
    name: "ends the client's part of the session when a refresh token comes twice",
    act: async (world) => {
      const { refreshToken, subjectToken } = await exchangedFor(world, { audience: "inventory" });
      const next = memberOf(await refresh(world, refreshToken), "refresh_token");
      const again = await refresh(world, refreshToken);
      const { status, contentType } = await exchange(world, subjectToken);
      return [again, await refresh(world, next), { status, contentType, body: {} }];
    },
    answers: [
      grant("Maximum allowed refresh token reuse exceeded"),
      grant("Session doesn't have required client"),
      { status: 200, contentType: "application/json", body: {} },
    ],
  },
  {
    name: "keeps the lines of several exchanges in one session apart",
    act: async (world) => {
      const { refreshToken, subjectToken } = await exchangedFor(world, { audience: "inventory" });
      await exchange(world, subjectToken, { requested_token_type: tokenType("refresh_token"), audience: "inventory" });
      return [await refresh(world, refreshToken)];
    },
    answers: [refreshed()],
  },
  {
    name: "ends a refresh token that is revoked, and leaves the user's own session alone",
    act: async (world) => {
      const { refreshToken, subjectToken } = await exchangedFor(world, { audience: "inventory" });
      const ended = await revoke(world, refreshToken, { as: "orders" });
      const { status } = await exchange(world, subjectToken);
      return [ended, await refresh(world, refreshToken), { status, contentType: null, body: undefined }];
    },
    answers: [revoked, grant("Session doesn't have required client"), { status: 200 }],
  },
  row("refuses after the session ended", (world, { sessionId }) => world.operator.logout(sessionId), grant("Session not active")),
  row("refuses a disabled user", (world) => world.operator.disableUser("alice"), grant("User disabled")),
  row("refuses a disabled client", (world) => world.operator.disable("orders"), strangers.unknown),
  row(
    "refuses what is from before the client's not-before",
    async (world) => world.operator.notBefore(Math.ceil(Date.now() / 1000) + 1, "orders"),
    {
      ...grant("Stale token"),
    },
  ),
  {
    name: "refuses another client",
    act: async (world) => [await refresh(world, (await exchangedFor(world, {})).refreshToken, {}, { as: "inventory" })],
    answers: [grant("Invalid refresh token. Token client and authorized client don't match")],
  },
  {
    name: "refuses what is no refresh token",
    act: async (world) => [await refresh(world, "garbage"), await refresh(world, (await exchangedFor(world, {})).accessToken)],
    answers: [grant("Invalid refresh token"), grant("Invalid refresh token")],
  },
  {
    name: "refuses a code that it has not given",
    act: async (world) => {
      const form = { grant_type: "authorization_code", code: "invalid", redirect_uri: "https://shop.example/callback" };
      return [await ask(world, "/token", form, { as: "cambio" })];
    },
    answers: [grant("Code not valid")],
  },
  {
    name: "refuses without a refresh token",
    act: async (world) => [await ask(world, "/token", { grant_type: "refresh_token" }, { as: "orders" })],
    answers: [refusal(400, "invalid_request", "No refresh token")],
  },
];
