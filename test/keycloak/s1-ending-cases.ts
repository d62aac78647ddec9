// What ends at Keycloak, and when that is seen here: by introspection within a minute, by an exchange at once, otherwise not before the
// token expires. Cambio's clock goes ahead instead of anybody waiting.

import { Secret } from "../../src/exchange/secret.ts";
import { ask } from "./requests.ts";
import { tokenIn } from "./s1-answer.ts";
import { accepted, changeOrders, changeProvider, exchangedToken, given, refused, type S1Case } from "./s1-case.ts";
import { aliceToken } from "./s1-validation-cases.ts";
import type { Members } from "./s1-stack.ts";
import type { UserTokens, World } from "./world.ts";

/** A verification counts for a minute, so nothing is remembered after that. */
const pastMemory = 61_000;
/** Keys are not asked for more often than that. */
const pastCooldown = 31_000;
/** Until then keys are used without asking for newer ones. */
const pastFresh = 11 * 60_000;

const everyToken = { change: changeProvider((corp) => ({ ...corp, introspection: "every" })) };
const introspected = accepted({ source: "INTROSPECTION" });

type Ending = (world: World, tokens: UserTokens) => Promise<unknown>;

const endings: Readonly<Record<string, Ending>> = {
  "a session that an administrator ended": (world, { sessionId }) => world.operator.logout(sessionId),
  "a user who signed out": (world, { refreshToken }) => ask(world, "/logout", { refresh_token: refreshToken, client_id: "storefront" }),
  "a token that was revoked": (world, { accessToken }) => ask(world, "/revoke", { token: accessToken, client_id: "storefront" }),
  "a user who was disabled": (world) => world.operator.disableUser("alice"),
  "a client that was disabled": (world) => world.operator.disable("storefront"),
  "a not-before of the realm": (world) => world.operator.notBefore(Math.floor(Date.now() / 1000) + 2),
};

function seenWithin(ending: string, end: Ending): S1Case {
  return {
    name: `with introspection refuses within a minute after ${ending}`,
    ...everyToken,
    act: async (cambio, world) => {
      const tokens = await world.token("alice", "storefront");
      const before = await cambio.validate(tokens.accessToken);
      await end(world, tokens);
      const remembered = await cambio.validate(tokens.accessToken);
      cambio.time.aheadMs = pastMemory;
      return [before, remembered, await cambio.validate(tokens.accessToken)];
    },
    answers: [introspected, { ...introspected, cached: true }, refused("TOKEN_REVOKED")],
    logged: { level: "warn", security: true, upstream_endpoint: "introspection", upstream_code: "inactive" },
  };
}

function seenAtExchange(ending: string, end: Ending): S1Case {
  return {
    name: `without introspection still accepts, and refuses an exchange, after ${ending}`,
    act: async (cambio, world) => {
      const tokens = await world.token("alice", "storefront");
      await end(world, tokens);
      return [await cambio.validate(tokens.accessToken), await cambio.exchange(tokens.accessToken)];
    },
    answers: [accepted(), refused("TOKEN_REVOKED")],
    logged: { level: "warn", security: true, upstream_endpoint: "token", upstream_status: 400, upstream_error: "invalid_request" },
  };
}

export const endingCases: readonly S1Case[] = [
  ...Object.entries(endings).map(([ending, end]) => seenWithin(ending, end)),
  ...Object.entries(endings).map(([ending, end]) => seenAtExchange(ending, end)),
  {
    name: "goes on answering an exchange that it remembers, for a minute at most",
    act: async (cambio, world) => {
      const { accessToken, sessionId } = await world.token("alice", "storefront");
      const first = await cambio.validate(accessToken, { exchange: true });
      await world.operator.logout(sessionId);
      const remembered = await cambio.validate(accessToken, { exchange: true });
      cambio.time.aheadMs = pastMemory;
      return [first, remembered, await cambio.validate(accessToken, { exchange: true })];
    },
    answers: [withOwn({ cached: false }), withOwn({ cached: true }), refused("TOKEN_REVOKED")],
  },
  {
    name: "THE REALM'S CLIENT: takes every token for revoked where no client that could ask is in the audience",
    change: (configuration, { realm }) => {
      const secret = new Secret(realm.clients.find(({ clientId }) => clientId === "inventory")?.secret ?? "");
      const asInventory = changeProvider(({ client, ...corp }) => ({
        ...corp,
        introspection: "every",
        client: { ...client, id: "inventory", secret },
      }));
      return asInventory(changeOrders(({ identifiers, clients, report_only }) => ({ identifiers, clients, report_only }))(configuration));
    },
    act: async (cambio, world) => [await cambio.validate(await aliceToken(world))],
    answers: [refused("TOKEN_REVOKED")],
  },
  {
    name: "THE CHAIN: with introspection asks about a token that came out of an exchange by the registration that it is for",
    ...everyToken,
    act: async (cambio, world) => {
      const exchanged = await cambio.exchange(await aliceToken(world));
      return [exchanged, await cambio.validate(tokenIn(exchanged), {}, "inventory")];
    },
    answers: [
      given(),
      accepted({ source: "INTROSPECTION" }, { clientId: "orders", audiences: ["inventory"], scopes: [], preferredUsername: undefined }),
    ],
  },
  {
    name: "says that Keycloak refuses Cambio itself, for the operator to see, where its secret is wrong",
    change: changeProvider((corp) => ({
      ...corp,
      introspection: "every",
      client: { ...corp.client, secret: new Secret("a-wrong-secret-0123456789") },
    })),
    act: async (cambio, world) => [await cambio.validate(await aliceToken(world))],
    answers: [refused("UPSTREAM_REJECTED_CLIENT")],
    logged: { level: "error", upstream_endpoint: "introspection", upstream_status: 401 },
  },
];

/** One of the orders service's own in its place. */
function withOwn(changed: Members): Members {
  return accepted({ source: "PROVIDER_EXCHANGE", tokens: exchangedToken({ aud: "orders" }), ...changed });
}

export const keyCases: readonly S1Case[] = [
  {
    name: "takes up a new key at once, and the old one's tokens as long as that is published",
    act: async (cambio, world) => {
      const old = await aliceToken(world);
      const before = await cambio.validate(old);
      await world.operator.addKey();
      const fresh = await aliceToken(world);
      cambio.time.aheadMs = pastCooldown;
      const first = await cambio.validate(fresh);
      cambio.time.aheadMs += pastMemory;
      return [before, first, await cambio.validate(old), await cambio.validate(fresh)];
    },
    answers: [accepted(), accepted(), accepted(), accepted()],
  },
  {
    name: "refuses the old key's tokens once it has seen that the key is gone",
    act: async (cambio, world) => {
      const old = await aliceToken(world);
      const before = await cambio.validate(old);
      await world.operator.rotateKeys();
      cambio.time.aheadMs = pastCooldown;
      const fresh = await cambio.validate(await aliceToken(world));
      cambio.time.aheadMs += pastMemory;
      return [before, fresh, await cambio.validate(old)];
    },
    answers: [accepted(), accepted(), refused("TOKEN_INVALID")],
  },
  {
    name: "believes a key that is gone for ten minutes, unless a token of another key made it look; an exchange is refused at once",
    act: async (cambio, world) => {
      const old = await aliceToken(world);
      const before = await cambio.validate(old);
      await world.operator.rotateKeys();
      cambio.time.aheadMs = pastMemory;
      const between = [await cambio.validate(old), await cambio.exchange(old)];
      cambio.time.aheadMs = pastFresh;
      return [before, ...between, await cambio.validate(old)];
    },
    answers: [accepted(), accepted(), refused("TOKEN_REVOKED"), refused("TOKEN_INVALID")],
  },
  {
    name: "asks for keys no more often than every thirty seconds, whatever tokens come",
    act: async (cambio, world) => {
      const before = await cambio.validate(await aliceToken(world));
      await world.operator.rotateKeys();
      const fresh = await aliceToken(world);
      const tooSoon = await cambio.validate(fresh);
      cambio.time.aheadMs = pastCooldown;
      return [before, tooSoon, await cambio.validate(fresh)];
    },
    // Decided by the keys of less than thirty seconds ago.
    answers: [accepted(), refused("TOKEN_INVALID"), accepted()],
  },
];
