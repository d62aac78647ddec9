// A row of the S1 table: what is done in the realm and asked of Cambio, and what Cambio must answer. Names for the answers are here as
// well, and how a real answer is brought into their form: subjects by name, tokens as what stands in them, instants as what they are.

import { Code } from "@connectrpc/connect";
import type { Configuration, ProviderConfiguration } from "../../src/config/schema.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { expectedErrors } from "../e2e/expected-errors.ts";
import type { Members, S1Options, S1Stack, Told } from "./s1-stack.ts";
import type { World } from "./world.ts";
import { oauthProvider } from "../support/oauth-provider.ts";

export interface S1Case extends S1Options {
  readonly name: string;
  /** All answers that matter, in order. */
  readonly act: (cambio: S1Stack, world: World) => Promise<readonly Told[]>;
  /** As `readable` makes them. */
  readonly answers: readonly Members[];
  /** What the log says of the last call, among other things. */
  readonly logged?: Members;
}

/** Alice's token of the storefront, as Cambio tells the orders service of it. */
export function accepted(changed: Members = {}, claims: Members = {}): Members {
  const usual = {
    issuer: "the realm",
    subject: "alice",
    clientId: "storefront",
    audiences: ["cambio", "orders"],
    scopes: ["orders:read", "profile"],
    preferredUsername: "alice",
    ...claims,
  };
  return { claims: usual, source: "LOCAL_KEYS", cached: false, ...changed };
}

/** What the orders service gets for the inventory service. */
export function given(token: Members = {}, more: Members = {}): Members {
  return { issuance: "PROVIDER_EXCHANGE", tokens: { ...exchangedToken(token), ...more } };
}

export function exchangedToken(token: Members = {}): Members {
  return { accessToken: { sub: "alice", azp: "orders", aud: "inventory", scope: "", lives: 180, ...token }, type: "access_token" };
}

/** With its code, its HTTP status where that can be seen, and its field, as the contract has them. */
export function refused(reason: Reason, more: Members = {}): Members {
  const { code, field } = expectedErrors[reason];
  const expiry = reason === "TOKEN_EXPIRED" ? { expiredAt: "its exp" } : {};
  return { reason, code: Code[code], ...(field === undefined ? {} : { field }), ...expiry, ...more };
}

/** For configurations that differ in one provider or audience. */
export function changeProvider(change: (provider: ProviderConfiguration) => ProviderConfiguration) {
  return (configuration: Configuration): Configuration => {
    const corp = change(oauthProvider(configuration, "corp"));
    return { ...configuration, providers: { ...configuration.providers, corp } };
  };
}

type Accepts = Configuration["audiences"][string]["accepts"][string];

/** What the orders service takes. */
export function changeOrders(change: (accepts: Accepts) => Accepts) {
  return (configuration: Configuration): Configuration => {
    const corp = configuration.audiences["orders"]?.accepts["corp"];
    if (corp === undefined) throw new Error("the example has an audience orders");
    return { ...configuration, audiences: { ...configuration.audiences, orders: { accepts: { corp: change(corp) } } } };
  };
}

type Grant = Configuration["clients"][string]["providers"][string];

/** What the orders service may have of the provider. */
export function changeGrant(configuration: Configuration, change: Partial<Grant>): Configuration {
  const { orders } = configuration.clients;
  const corp = orders?.providers["corp"];
  if (orders === undefined || corp === undefined) throw new Error("the example has a client orders");
  const changed = { ...orders, providers: { corp: { ...corp, ...change } } };
  return { ...configuration, clients: { ...configuration.clients, orders: changed } };
}
