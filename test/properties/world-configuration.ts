// What is in force in the world: the example's configuration with what programs are about, and the readings of it that allow less.

import type { Configuration } from "../../src/config/schema.ts";
import type { SigningKey } from "../keys/signing.ts";
import type { FakeStack } from "../support/fake-stack.ts";
import { oauthProvider } from "../support/oauth-provider.ts";

export const ownName = "https://cambio.example";
export const payroll = "https://payroll.example";
export const deadlineMs = 1_500;
export const maxLifetimeMs = 3_600_000;
/** Long beside an answer of this machine's, short beside the deadline: a call that hangs upstream ends by itself. */
export const providerTimeoutMs = 500;

type PublicJwk = NonNullable<Configuration["clients"][string]["assertions"]>["jwks"][number];

/** What is in force: `usual`, or less. */
export type Variant = "usual" | "narrow" | "closed" | "denied" | "disabled";

/** The example's configuration with what programs are about: a second audience, a longest life, assertions, short times. */
export function extended(loaded: Configuration, courier: SigningKey): Configuration {
  const { main } = loaded.providers;
  const { web, backend, orders } = loaded.clients;
  const grant = web?.providers["main"];
  const accepts = loaded.audiences["orders"]?.accepts["main"];
  if (main === undefined || web === undefined || backend === undefined || orders === undefined) throw new Error("the example has changed");
  if (grant === undefined || accepts === undefined) throw new Error("the example has changed");
  return {
    ...loaded,
    server: { ...loaded.server, issuer: ownName, deadline: deadlineMs, drain: 0 },
    providers: { main: { ...main, timeout: providerTimeoutMs } },
    audiences: {
      orders: { accepts: { main: accepts } },
      payroll: { accepts: { main: { ...accepts, identifiers: [payroll] } } },
    },
    clients: {
      web: { ...web, providers: { main: { ...grant, max_lifetime: maxLifetimeMs } } },
      backend,
      orders,
      courier: { ...backend, secrets: [], assertions: { jwks: [courier.jwk as PublicJwk], algorithms: ["ES256"] } },
    },
  };
}

export function variants({ configuration, provider }: FakeStack): Readonly<Record<Variant, Configuration>> {
  const main = oauthProvider(configuration, "main");
  const { web } = configuration.clients;
  const grant = web?.providers["main"];
  const accepts = configuration.audiences["orders"]?.accepts["main"];
  if (web === undefined || grant === undefined || accepts === undefined) throw new Error("the world has changed");
  const withWeb = (changed: typeof web): Configuration => ({ ...configuration, clients: { ...configuration.clients, web: changed } });
  return {
    usual: configuration,
    narrow: withWeb({ ...web, providers: { main: { ...grant, scopes: ["openid"] } } }),
    closed: {
      ...configuration,
      audiences: { ...configuration.audiences, orders: { accepts: { main: { ...accepts, clients: ["shop"] } } } },
    },
    denied: {
      ...configuration,
      providers: { main: { ...main, tokens: { ...main.tokens, deny_kids: [provider.keys.kidOf("RS256")] } } },
    },
    disabled: withWeb({ ...web, disabled: true }),
  };
}
