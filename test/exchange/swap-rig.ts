// Exchange of tokens as the service wires it, in front of a fake provider on real sockets that exchanges, introspects, and lies where
// a test wants it to; the clock stands still. Configuration is written down here once, and changed by tests while it is in force.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configurationSchema } from "../../src/config/schema.ts";
import type { Client } from "../../src/exchange/clients.ts";
import type { ExchangeTokenQuestion } from "../../src/exchange/exchange-token.ts";
import type { RefreshQuestion } from "../../src/exchange/refresh.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import type { ValidateAnswer, ValidateQuestion } from "../../src/exchange/validate.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.ts";
import { type Core, wireCore } from "../../src/wiring/core.ts";
import { keysOf } from "../../src/wiring/parts.ts";
import { type FrozenClock, frozenClock } from "../cache/fixtures.ts";
import { type FakeProvider, startFakeProvider, usualClient } from "../support/fake-provider.ts";
import type { FakeClient } from "../support/fake-token-endpoint.ts";
import { recordingAudit, silentTrail } from "./fixtures.ts";

const sealing = { keys: [{ id: "1", key: Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64url") }] };

export const ordersClient: FakeClient = { id: "orders-client", secret: "orders-at-the-provider", authentication: "basic" };
export const reportsClient: FakeClient = { id: "reports-client", secret: "reports-at-the-provider", authentication: "basic" };

const everything = ["orders", "reports", "inventory", "warehouse"];
const methods = ["Exchange", "Refresh", "ValidateCrossClient", "Revoke"];

/** As a file would have it; what tests change. */
export interface Written {
  providers: { main: Record<string, unknown> };
  audiences: Record<string, { accepts: { main: { identifiers: string[]; clients: string[]; exchange_as?: object } } }>;
  clients: Record<"orders" | "billing", { providers: { main: Record<string, unknown> }; [key: string]: unknown }>;
  limits: Record<string, number>;
  [key: string]: unknown;
}

const written = (fake: FakeProvider): Written => ({
  sealing,
  // Names of issuers and clients as they stand in tokens; nothing else may differ between them.
  providers: { main: { kind: "oidc", issuer: fake.issuer, client: usualClient, timeout: "3s", introspection: "opaque" } },
  audiences: {
    orders: { accepts: { main: { identifiers: ["urn:orders", "https://orders.example"], clients: ["web"], exchange_as: ordersClient } } },
    reports: { accepts: { main: { identifiers: ["urn:reports"], clients: ["web"], exchange_as: reportsClient } } },
    inventory: { accepts: { main: { identifiers: ["urn:inventory"], clients: ["orders-client"] } } },
    // Known to the provider by the same name, and to itself by one more.
    warehouse: { accepts: { main: { identifiers: ["urn:inventory", "urn:warehouse"], clients: ["orders-client"] } } },
    payroll: { accepts: { main: { identifiers: ["urn:payroll"], clients: ["web"] } } },
  },
  clients: {
    orders: {
      kind: "service",
      secrets: ["orders-secret-0123"],
      methods,
      audiences: ["orders", "reports"],
      providers: { main: { scopes: ["read", "write"], audiences: everything, exchanged_refresh_tokens: true } },
    },
    billing: {
      kind: "service",
      secrets: ["billing-secret-012"],
      methods,
      audiences: ["orders"],
      providers: { main: { scopes: ["read"], audiences: ["orders", "inventory"] } },
    },
  },
  limits: {},
});

export interface SwapRigOptions {
  readonly change?: (written: Written) => void;
  /** True: with a SQLite file, so that handles rotate. */
  readonly database?: boolean;
}

export interface SwapRig {
  readonly fake: FakeProvider;
  readonly clock: FrozenClock;
  readonly metrics: Metrics;
  readonly wired: Core;
  client(id: "orders" | "billing"): Client;
  /** Of `web`, for the audience `orders`, with these claims over the usual ones. */
  token(claims?: Readonly<Record<string, unknown>>): Promise<string>;
  /** ValidateCrossClient with `exchange`, as `orders`. */
  validate(token: string, given?: Partial<ValidateQuestion>, signal?: AbortSignal): Promise<ValidateAnswer>;
  /** Exchange for `inventory`, as `orders`. */
  exchange(token: string, given?: Partial<ExchangeTokenQuestion>, signal?: AbortSignal): Promise<TokenSet>;
  refresh(refreshToken: Secret | undefined, given?: Partial<RefreshQuestion>): Promise<TokenSet>;
  /** Requests to the token endpoint so far. */
  asked(): number;
  /** Puts the configuration into force with another change than before. */
  reconfigure(change: (written: Written) => void): void;
  readonly close: () => Promise<void>;
}

export const patience = (): AbortSignal => AbortSignal.timeout(10_000);

export async function startSwapRig({ change = () => undefined, database = false }: SwapRigOptions = {}): Promise<SwapRig> {
  const clock = frozenClock();
  const fake = await startFakeProvider({ clock, clients: [usualClient, ordersClient, reportsClient] });
  const folder = await mkdtemp(join(tmpdir(), "cambio-swap-"));
  const configured = (changing: (given: Written) => void) => {
    const given = written(fake);
    if (database) given["database"] = { file: join(folder, "cambio.sqlite") };
    changing(given);
    return configurationSchema.parse(given);
  };
  const metrics = createMetrics();
  const configuration = configured(change);
  const observers = { clock, metrics, log: createLog({ level: "error" }), audit: recordingAudit() };
  const wired = await wireCore(configuration, { ...observers, keys: keysOf(configuration) });

  const rig: SwapRig = {
    fake,
    clock,
    metrics,
    wired,
    client: (id) => {
      const client = wired.current().policy.clients.get(id);
      if (client === undefined) throw new Error(`no client ${id}`);
      return client;
    },
    token: (claims) => fake.mint({ aud: ["urn:orders"], client_id: "web", scope: "read write", ...claims }),
    validate: async (token, given = {}, signal = patience()) =>
      wired.operations.validate(
        {
          client: rig.client("orders"),
          token: new Secret(token),
          provider: "",
          audience: "",
          requiredScopes: ["read"],
          exchange: true,
          trail: silentTrail("orders"),
          ...given,
        },
        { signal },
      ),
    exchange: async (token, given = {}, signal = patience()) => {
      const { tokens } = await wired.operations.exchangeToken(
        {
          client: rig.client("orders"),
          subjectToken: new Secret(token),
          provider: "",
          audiences: ["inventory"],
          scopes: [],
          refreshToken: false,
          jwt: false,
          actorToken: undefined,
          trail: silentTrail("orders"),
          ...given,
        },
        signal,
      );
      return tokens;
    },
    async refresh(refreshToken, given = {}) {
      const question = {
        client: rig.client("orders"),
        provider: "",
        refreshToken: refreshToken ?? new Secret("none came"),
        scopes: [],
        trail: silentTrail("orders"),
        ...given,
      };
      return (await wired.operations.refresh(question, patience())).tokens;
    },
    asked: () => fake.callsTo("token"),
    reconfigure: (next) => wired.reload(configured(next)),
    close: async () => {
      await fake.close();
      await wired.close();
      metrics.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return rig;
}

/** What stands in a token that was handed out. */
export function claimsOf({ accessToken }: Pick<TokenSet, "accessToken">): Readonly<Record<string, unknown>> {
  const [, payload = ""] = accessToken.reveal().split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Readonly<Record<string, unknown>>;
}
