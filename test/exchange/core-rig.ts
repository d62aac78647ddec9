// The core operations as the service wires them, in front of two fake providers on real sockets, with a clock that stands
// still. Clients are those of the table below; what differs from test to test is the providers' configuration.

import { configurationSchema } from "../../src/config/schema.ts";
import type { AuthorizeQuestion } from "../../src/exchange/authorize.ts";
import type { Client } from "../../src/exchange/clients.ts";
import type { ExchangeQuestion } from "../../src/exchange/exchange.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.ts";
import type { Operations } from "../../src/rpc/register.ts";
import { type Core, wireCore } from "../../src/wiring/core.ts";
import { keysOf } from "../../src/wiring/parts.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { recordingAudit, silentTrail } from "./fixtures.ts";
import { startRelay, type Relay } from "./relay.ts";

export const callback = "https://app.example/callback";
export const orders = "https://orders.example";
export const verifier = new Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
export const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const scopes = ["openid", "orders:read", "orders:write"];
const grant = { redirect_uris: [callback, "https://app.example/second"], scopes, audiences: ["orders"] };
const methods = ["Exchange", "Refresh", "CreateAuthorizationUrl", "Revoke"];

const clients = {
  web: { kind: "browser", origins: ["https://app.example"], methods, providers: { main: grant, second: grant } },
  other: { kind: "browser", origins: ["https://app.example"], methods, providers: { main: grant } },
  backend: { kind: "service", secrets: ["backend-secret-0123"], methods, providers: { main: grant }, audiences: ["orders"] },
};

export interface CoreRigOptions {
  /** Put over the configuration of the provider `main`. */
  readonly main?: Readonly<Record<string, unknown>>;
}

export interface CoreRig {
  readonly core: Operations;
  readonly wired: Core;
  /** Puts the same configuration into force, with these keys of some clients put over it. */
  reconfigure(given: Readonly<Partial<Record<keyof typeof clients, Readonly<Record<string, unknown>>>>>): void;
  readonly clock: FrozenClock;
  readonly metrics: Metrics;
  /** The provider `main`; its token endpoint is reached through `relay`. */
  readonly fake: FakeProvider;
  readonly second: FakeProvider;
  readonly relay: Relay;
  client(id: keyof typeof clients): Client;
  /** A question that is answered with tokens once `code` is a good one. */
  question(code: string, given?: Partial<ExchangeQuestion>): ExchangeQuestion;
  start(given?: Partial<AuthorizeQuestion>): AuthorizeQuestion;
  /** Through CreateAuthorizationUrl and the provider, until the browser is back with a code. */
  signIn(given?: Partial<AuthorizeQuestion>): Promise<{ readonly code: string; readonly state: string; readonly iss: string }>;
  /** As a client does that builds the address itself. */
  signInAlone(parameters?: Readonly<Record<string, string>>): Promise<string>;
  /** Signed in as `client`, code redeemed. */
  tokensOf(client: Client): Promise<TokenSet & { readonly refreshToken: Secret }>;
  readonly close: () => Promise<void>;
}

export const patience = (): AbortSignal => AbortSignal.timeout(10_000);

export async function startCoreRig(options: CoreRigOptions = {}): Promise<CoreRig> {
  const clock = frozenClock();
  const [fake, second] = await Promise.all([startFakeProvider({ clock }), startFakeProvider({ clock })]);
  const relay = await startRelay(fake.issuer);
  const written = {
    providers: {
      main: { ...settings(fake), endpoints: { token: `http://localhost:${relay.port}/token` }, ...options.main },
      second: settings(second),
    },
    audiences: {
      orders: {
        accepts: {
          main: { identifiers: [orders, "https://shared.example"], clients: ["web"] },
          second: { identifiers: [orders], clients: ["web"] },
        },
      },
      // Of nobody here.
      payroll: { accepts: { main: { identifiers: ["https://payroll.example", "https://shared.example"], clients: ["web"] } } },
    },
    clients,
  };
  const metrics = createMetrics();
  const observers = { clock, metrics, log: createLog({ level: "error" }), audit: recordingAudit(), keys: [masterKey("k")] as const };
  const configuration = configurationSchema.parse(written);
  const wired = await wireCore(configuration, { ...observers, keys: keysOf(configuration) });
  const core = wired.operations;
  const client = (id: string): Client => wired.current().policy.clients.get(id) as Client;

  const rig: CoreRig = {
    core,
    wired,
    reconfigure(given) {
      const changed = Object.entries(clients).map(([id, usual]) => [id, { ...usual, ...given[id as keyof typeof clients] }]);
      wired.reload(configurationSchema.parse({ ...written, clients: Object.fromEntries(changed) }));
    },
    clock,
    metrics,
    fake,
    second,
    relay,
    client,
    question: (code, given = {}) => ({
      client: client("web"),
      provider: "main",
      code: new Secret(code),
      redirectUri: callback,
      codeVerifier: verifier,
      state: "",
      nonce: "",
      issuer: "",
      audiences: [],
      trail: silentTrail(),
      ...given,
    }),
    start: (given = {}) => ({
      client: client("web"),
      provider: "main",
      redirectUri: callback,
      scopes: [],
      audiences: [],
      codeChallenge: challenge,
      nonce: "",
      loginHint: "",
      prompt: "",
      trail: silentTrail(),
      ...given,
    }),
    async signIn(given) {
      const started = await core.authorize(rig.start(given), patience());
      const { code, iss } = await fake.login(started.authorizationUrl);
      return { code, state: started.state, iss };
    },
    async signInAlone(parameters = {}) {
      const query = {
        client_id: "cambio",
        redirect_uri: callback,
        scope: "openid",
        code_challenge: challenge,
        code_challenge_method: "S256",
      };
      const url = `${fake.issuer}/authorize?${new URLSearchParams({ response_type: "code", ...query, ...parameters }).toString()}`;
      return (await fake.login(url)).code;
    },
    async tokensOf(asked) {
      const code = await rig.signInAlone({ scope: scopes.join(" ") });
      const { tokens } = await core.exchange(rig.question(code, { client: asked }), patience());
      if (tokens.refreshToken === undefined) throw new Error("no refresh token came");
      return { ...tokens, refreshToken: tokens.refreshToken };
    },
    close: async () => {
      relay.release();
      await wired.close();
      metrics.close();
      await Promise.all([relay.close(), fake.close(), second.close()]);
    },
  };
  return rig;
}

function settings(fake: FakeProvider): Record<string, unknown> {
  return { kind: "oidc", issuer: fake.issuer, client: fake.client, timeout: "3s" };
}
