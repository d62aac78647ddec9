// The storefront's token swapped by the orders service for one of its own, or of the inventory service: what it gets, and what it is
// refused, whether by the configuration, by Keycloak, or because of what Keycloak gave.

import { expect } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { eventually } from "../support/eventually.ts";
import { payloadOf, tokenIn } from "./s1-answer.ts";
import { accepted, changeGrant, changeOrders, exchangedToken, given, refused, type S1Case } from "./s1-case.ts";
import type { Members, S1Options } from "./s1-stack.ts";
import { aliceToken } from "./s1-validation-cases.ts";
import type { World } from "./world.ts";

/** A secret of another client's is as wrong as can be. */
type Requester = { readonly id: string; readonly secretOf?: string };

/** Tokens that the orders service received are exchanged by another registration. */
function exchangedBy({ id, secretOf = id }: Requester): NonNullable<S1Options["change"]> {
  return (configuration, { realm }) => {
    const secret = new Secret(realm.clients.find(({ clientId }) => clientId === secretOf)?.secret ?? "no-such-client-0123456789");
    return changeOrders((accepts) => ({ ...accepts, exchange_as: { id, secret, authentication: "basic" } }))(configuration);
  };
}

/** One more audience, and the orders service may ask for it. */
function withTarget(id: string): NonNullable<S1Options["change"]> {
  return (configuration) => {
    const target = { accepts: { corp: { identifiers: [id], clients: [], report_only: false } } };
    return mayAlso({ audiences: ["target"] })({ ...configuration, audiences: { ...configuration.audiences, target } });
  };
}

function mayAlso({ audiences = [], scopes = [] }: { readonly audiences?: readonly string[]; readonly scopes?: readonly string[] }) {
  return (configuration: Configuration): Configuration => {
    const { audiences: few = [], scopes: some = [] } = configuration.clients["orders"]?.providers["corp"] ?? {};
    return changeGrant(configuration, { audiences: [...few, ...audiences], scopes: [...some, ...scopes] });
  };
}

interface Refused extends Pick<S1Case, "name" | "change" | "logged"> {
  readonly happens?: (world: World) => Promise<void>;
  readonly scopes?: readonly string[];
  readonly message?: { readonly audiences?: string[]; readonly scopes?: string[] };
  readonly answer: Members;
}

function row({ happens, scopes = [], message = {}, answer, ...rest }: Refused): S1Case {
  return {
    ...rest,
    act: async (cambio, world) => {
      const token = await aliceToken(world, "for-tests", ...scopes);
      await happens?.(world);
      return [await cambio.exchange(token, message)];
    },
    answers: [answer],
  };
}

export const exchangeCases: readonly S1Case[] = [
  {
    name: "gives the orders service a token of its own in the place of the storefront's, and the same again to the same question",
    act: async (cambio, world) => {
      const token = await aliceToken(world);
      return [await cambio.validate(token, { exchange: true }), await cambio.validate(token, { exchange: true })];
    },
    answers: [false, true].map((cached) => accepted({ source: "PROVIDER_EXCHANGE", tokens: exchangedToken({ aud: "orders" }), cached })),
  },
  {
    name: "gives one with the scopes that are required, over Connect",
    over: "Connect",
    act: async (cambio, world) => [await cambio.validate(await aliceToken(world), { exchange: true, requiredScopes: ["orders:read"] })],
    answers: [accepted({ source: "PROVIDER_EXCHANGE", tokens: exchangedToken({ aud: "orders", scope: "orders:read" }) })],
  },
  {
    name: "gives it a token for the inventory service, which accepts that one",
    act: async (cambio, world) => {
      const exchanged = await cambio.exchange(await aliceToken(world));
      return [exchanged, await cambio.validate(tokenIn(exchanged), {}, "inventory")];
    },
    answers: [given(), accepted({}, { clientId: "orders", audiences: ["inventory"], scopes: [], preferredUsername: undefined })],
  },
  {
    name: "gives it one with a scope that the storefront's token has",
    act: async (cambio, world) => [await cambio.exchange(await aliceToken(world), { scopes: ["orders:read"], audiences: ["inventory"] })],
    answers: [given({ scope: "orders:read" })],
  },
  {
    name: "gives it one for both audiences",
    act: async (cambio, world) => [await cambio.exchange(await aliceToken(world), { audiences: ["inventory", "orders"] })],
    answers: [given({ aud: ["inventory", "orders"] })],
  },
  row({
    name: "asks Keycloak for no scope that the storefront's token has not, which Keycloak would give",
    message: { scopes: ["orders:write"] },
    answer: refused("SCOPE_NOT_ALLOWED"),
    logged: { policy_rule: "subject_token scope" },
  }),
  row({
    name: "hands out nothing that Keycloak widened by a default scope",
    change: exchangedBy({ id: "generous" }),
    answer: refused("SCOPE_NOT_ALLOWED"),
    logged: { rule: "exchanged scope" },
  }),
  {
    name: "takes a token that has less left than the new one would live for expired: whoever refreshes it is served",
    act: async (cambio, world) => {
      await world.operator.lifespan("storefront", 181);
      const token = await aliceToken(world);
      const over = Number(payloadOf(token)["iat"]) + 2;
      await eventually("the token is two seconds old", () => Date.now() / 1000 > over);
      return [await cambio.exchange(token)];
    },
    answers: [refused("TOKEN_EXPIRED")],
    logged: { rule: "exchanged exp" },
  },
  {
    name: "blames the target where not even a fresh token would live long enough",
    act: async (cambio, world) => {
      await world.operator.lifespan("storefront", 170);
      return [await cambio.exchange(await aliceToken(world))];
    },
    answers: [refused("TARGET_NOT_ALLOWED")],
    logged: { rule: "exchanged exp" },
  },
  {
    name: "hands out no token that is in the buffer before its end from the first moment on",
    act: async (cambio, world) => {
      await world.operator.lifespan("orders", 59);
      return [await cambio.exchange(await aliceToken(world))];
    },
    answers: [refused("UPSTREAM_INVALID_RESPONSE")],
    logged: { level: "warn", rule: "exp" },
  },
  row({
    name: "hands out no scope that the caller may not have, though Keycloak gives it unasked",
    change: (configuration, world) => changeGrant(exchangedBy({ id: "talkative" })(configuration, world), { scopes: ["orders:read"] }),
    answer: refused("SCOPE_NOT_ALLOWED"),
    logged: { policy_rule: "clients.orders.providers.corp.scopes" },
  }),
];

export const refusedExchangeCases: readonly S1Case[] = [
  row({
    name: "refuses a target that is disabled",
    happens: (world) => world.operator.disable("inventory"),
    answer: refused("TARGET_NOT_ALLOWED"),
    logged: { level: "info", upstream_endpoint: "token", upstream_status: 400, upstream_error: "invalid_client" },
  }),
  row({
    name: "refuses a target that Keycloak does not know",
    change: withTarget("nobody"),
    message: { audiences: ["target"] },
    answer: refused("TARGET_NOT_ALLOWED"),
    logged: { upstream_status: 400, upstream_error: "invalid_client" },
  }),
  row({
    name: "refuses a target that the requester has no scope for",
    change: withTarget("storefront"),
    message: { audiences: ["target"] },
    answer: refused("TARGET_NOT_ALLOWED"),
    logged: { upstream_status: 400, upstream_error: "invalid_request" },
  }),
  row({
    name: "refuses a target that the configuration does not list for the caller",
    message: { audiences: ["none"] },
    answer: refused("TARGET_NOT_ALLOWED"),
    logged: { policy_rule: "clients.orders.providers.corp.audiences" },
  }),
  row({
    name: "refuses a requester that is not in the token's audience",
    change: exchangedBy({ id: "outsider" }),
    answer: refused("TARGET_NOT_ALLOWED"),
    logged: { upstream_status: 403, upstream_error: "access_denied" },
  }),
  row({
    name: "refuses a scope that the requester does not have at Keycloak",
    change: mayAlso({ scopes: ["marketing"] }),
    scopes: ["marketing"],
    message: { scopes: ["marketing"] },
    answer: refused("SCOPE_NOT_ALLOWED"),
    logged: { upstream_status: 400, upstream_error: "invalid_scope" },
  }),
  row({
    name: "calls the operator where the requester's secret is wrong",
    change: exchangedBy({ id: "orders", secretOf: "inventory" }),
    answer: refused("UPSTREAM_REJECTED_CLIENT"),
    logged: { level: "error", upstream_status: 401, upstream_error: "unauthorized_client" },
  }),
  row({
    name: "calls the operator where Keycloak does not know the requester",
    change: exchangedBy({ id: "unknown" }),
    answer: refused("UPSTREAM_REJECTED_CLIENT"),
    logged: { level: "error", upstream_status: 401, upstream_error: "invalid_client" },
  }),
  row({
    name: "calls the operator where the requester is disabled",
    happens: (world) => world.operator.disable("orders"),
    answer: refused("UPSTREAM_REJECTED_CLIENT"),
    logged: { level: "error", upstream_status: 401, upstream_error: "invalid_client" },
  }),
  row({
    name: "calls the operator where the requester may not exchange",
    happens: (world) => world.operator.mayExchange("orders", false),
    answer: refused("UPSTREAM_REJECTED_CLIENT"),
    logged: { level: "error", upstream_status: 400, upstream_error: "invalid_request" },
  }),
  {
    name: "says that Keycloak is away, and asks again once it is back",
    act: async (cambio, world) => {
      const token = await aliceToken(world);
      const before = await cambio.validate(token);
      await world.stop();
      const away = [await cambio.validate(token), await cambio.exchange(token)];
      await world.start();
      expect(cambio.lastCall()).toMatchObject({ level: "warn", upstream_endpoint: "token" });
      return [before, ...away, await cambio.exchange(token)];
    },
    answers: [accepted(), accepted({ cached: true }), refused("UPSTREAM_UNAVAILABLE"), given()],
  },
];
