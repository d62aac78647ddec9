// The example's configuration with exchange of tokens in it, as an operator would add it: `orders` has a registration of its own at
// the provider, and may have tokens for itself and, by Exchange, for `stock`. For the tests of exchange against the whole service.

import type { Configuration } from "../../src/config/schema.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { type Answer, type FakeStackOptions, type Instance } from "../support/fake-stack.ts";
import { type FakeProvider, usualClient } from "../support/fake-provider.ts";
import type { FakeClient } from "../support/fake-token-endpoint.ts";
import { oauthProvider } from "../support/oauth-provider.ts";
import { basic } from "../../examples/clients.ts";

export const requester: FakeClient = { id: "orders-client", secret: "orders-client-canary-0123456789", authentication: "basic" };
export const stockIdentifier = "https://stock.example";

const scopes = ["orders:read", "orders:write"];

export function withExchange(configuration: Configuration): Configuration {
  const { orders: client, web } = configuration.clients;
  const page = web?.providers["main"];
  const main = oauthProvider(configuration, "main");
  const accepts = configuration.audiences["orders"]?.accepts;
  const rule = accepts?.["main"];
  if (client === undefined || web === undefined || page === undefined || accepts === undefined || rule === undefined)
    throw new Error("the example's names have changed");
  const exchangeAs = { id: requester.id, secret: new Secret(requester.secret ?? ""), authentication: "basic" as const };
  const grant = {
    redirect_uris: [],
    scopes,
    audiences: ["orders", "stock"],
    max_lifetime: undefined,
    exchanged_refresh_tokens: true,
    connections: false,
    connections_of: [],
  };
  return {
    ...configuration,
    providers: { ...configuration.providers, main: { ...main, introspection: "opaque" } },
    limits: { ...configuration.limits, concurrent_calls: 5_000 },
    audiences: {
      ...configuration.audiences,
      orders: { accepts: { ...accepts, main: { ...rule, exchange_as: exchangeAs } } },
      stock: { accepts: { main: { identifiers: [stockIdentifier], clients: [requester.id], report_only: false, exchange_as: undefined } } },
    },
    clients: {
      ...configuration.clients,
      orders: { ...client, methods: [...client.methods, "Exchange", "Refresh", "Revoke"], providers: { main: grant } },
      // A page whose own audience it is, and which may have tokens for `stock`.
      web: {
        ...web,
        audiences: ["orders"],
        providers: {
          main: { ...page, scopes: [...page.scopes, ...scopes], audiences: ["orders", "stock"] },
        },
      },
    },
  };
}

export const exchanging: Pick<FakeStackOptions, "change" | "provider"> = {
  change: withExchange,
  provider: { clients: [usualClient, requester] },
};

/** As `orders`, by its secret. */
const authorization = basic("orders", "orders-secret-canary-0123456789");

/** ValidateCrossClient with `exchange`, as the service `orders`. */
export const swapAt = (at: Instance, token: string): Promise<Answer> =>
  at.rpc("ValidateCrossClient", { token: { value: token }, requiredScopes: ["orders:read"], exchange: true }, { authorization });

/** Exchange, as the service `orders`. */
export const exchangeAt = (at: Instance, token: string, more: object = {}, headers: Readonly<Record<string, string>> = { authorization }) =>
  at.rpc("Exchange", { subjectToken: { value: token }, audiences: ["stock"], ...more }, headers);

export const newTokenOf = ({ body }: Answer): string => {
  const { accessToken } = (body["tokens"] ?? {}) as { readonly accessToken?: string };
  if (accessToken === undefined) throw new Error(`no new token: ${JSON.stringify(body)}`);
  return accessToken;
};

/** Exchanges that reached the provider. */
export const exchangesAt = (provider: FakeProvider): number =>
  provider.requests.filter(({ endpoint, body }) => endpoint === "token" && body.includes("grant-type%3Atoken-exchange")).length;
