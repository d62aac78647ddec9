// Refreshing what came out of an exchange: by the registration that asked for it, within the terms of the exchange, also where Keycloak
// has forgotten them (CVE-2026-93999); who gets a refresh token at all; and a code.

import { tokenType } from "./requests.ts";
import { tokenIn } from "./s1-answer.ts";
import { changeGrant, exchangedToken, given, refused, type S1Case } from "./s1-case.ts";
import type { S1Stack, Told } from "./s1-stack.ts";
import { aliceToken } from "./s1-validation-cases.ts";
import type { UserTokens, World } from "./world.ts";

const withRefreshToken = { requestedTokenType: tokenType("refresh_token") };
const first = given({}, { type: "refresh_token", refreshToken: "a handle" });
const next = { issuance: "PASSTHROUGH", tokens: { ...exchangedToken(), refreshToken: "a handle" } };

async function exchanged(cambio: S1Stack, { accessToken }: Pick<UserTokens, "accessToken">): Promise<Told> {
  return cambio.exchange(accessToken, withRefreshToken);
}

/** A refresh after something happened at Keycloak. */
function row(
  name: string,
  happens: (world: World, tokens: UserTokens) => Promise<unknown>,
  more: Pick<S1Case, "answers" | "logged">,
): S1Case {
  return {
    name,
    ...more,
    act: async (cambio, world) => {
      const tokens = await world.token("alice", "storefront");
      const handle = tokenIn(await exchanged(cambio, tokens), "refreshToken");
      await happens(world, tokens);
      return [await cambio.refresh(handle)];
    },
  };
}

/** Between exchange and refresh; enabled again after that. */
function disabledBetween(client: string, more: Pick<S1Case, "name" | "answers" | "logged">): S1Case {
  return {
    ...more,
    act: async (cambio, world) => {
      const handle = tokenIn(await exchanged(cambio, await world.token("alice", "storefront")), "refreshToken");
      await world.operator.disable(client);
      const disabled = await cambio.refresh(handle);
      await world.operator.enable(client);
      return [disabled, await cambio.refresh(handle)];
    },
  };
}

export const refreshCases: readonly S1Case[] = [
  {
    name: "gives a handle where the client may have one, refreshes by it, and by the one that comes of it",
    act: async (cambio, world) => {
      const begun = await exchanged(cambio, await world.token("alice", "storefront"));
      const one = await cambio.refresh(tokenIn(begun, "refreshToken"));
      return [begun, one, await cambio.refresh(tokenIn(one, "refreshToken"))];
    },
    answers: [first, next, next],
  },
  {
    name: "gives none where the configuration does not allow it",
    change: (configuration) => changeGrant(configuration, { exchanged_refresh_tokens: false }),
    act: async (cambio, world) => [await exchanged(cambio, { accessToken: await aliceToken(world) })],
    answers: [refused("CALLER_NOT_ALLOWED")],
    logged: { policy_rule: "clients.orders.providers.corp.exchanged_refresh_tokens" },
  },
  {
    name: "calls the operator where Keycloak does not allow it",
    act: async (cambio, world) => {
      await world.operator.mayHaveRefreshTokens("orders", false);
      return [await exchanged(cambio, { accessToken: await aliceToken(world) })];
    },
    answers: [refused("UPSTREAM_REJECTED_CLIENT")],
    logged: { level: "error", upstream_status: 400, upstream_error: "invalid_request" },
  },
  disabledBetween("inventory", {
    name: "refuses for good where Keycloak refreshed for a target that was disabled since, with a token for nobody",
    // What Keycloak gave is the handle's successor, and the same for whoever asks with that handle again.
    answers: [refused("TARGET_NOT_ALLOWED"), refused("TARGET_NOT_ALLOWED")],
    logged: { rule: "exchanged aud" },
  }),
  disabledBetween("orders", {
    name: "calls the operator while the requester is disabled, and goes on once it is enabled",
    answers: [refused("UPSTREAM_REJECTED_CLIENT"), next],
  }),
  row(
    "refreshes although the requester may no longer exchange: Keycloak does not mind",
    (world) => world.operator.mayExchange("orders", false),
    {
      answers: [next],
    },
  ),
  row("sends the user to sign in again once the session has ended", (world, { sessionId }) => world.operator.logout(sessionId), {
    answers: [refused("REAUTHENTICATION_REQUIRED")],
    logged: { upstream_status: 400, upstream_error: "invalid_grant" },
  }),
  row("sends a disabled user to sign in again", (world) => world.operator.disableUser("alice"), {
    answers: [refused("REAUTHENTICATION_REQUIRED")],
  }),
  {
    name: "says that a code is wrong, and not why",
    change: (configuration) => changeGrant(configuration, { redirect_uris: ["https://orders.example/callback"] }),
    act: async (cambio) => [await cambio.redeem("a-code-of-nobody")],
    answers: [refused("GRANT_INVALID")],
    logged: { upstream_endpoint: "token", upstream_status: 400, upstream_error: "invalid_grant" },
  },
  {
    name: "takes the storefront's own refresh token from nobody: Keycloak gave it to another client",
    act: async (cambio, world) => [await cambio.refresh((await world.token("alice", "storefront")).refreshToken)],
    answers: [refused("REAUTHENTICATION_REQUIRED")],
    logged: { upstream_status: 400, upstream_error: "invalid_grant" },
  },
];
