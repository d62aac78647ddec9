// Cambio as configured by cambio.example.yaml, once or several times, in front of the fake provider whose faults a test chooses.
// The clock stands still until a test moves it. Everything that was written is searched for secrets when the stack is closed.

import { readFileSync } from "node:fs";
import { basic, newPkce } from "../../examples/clients.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import type { Configuration } from "../../src/config/schema.ts";
import type { Method } from "../../src/exchange/clients.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import { startService } from "../../src/service.ts";
import { defaultLimits, type Limits } from "../../src/transport/limits.ts";
import type { Canary } from "./canary.ts";
import { createRunCanary } from "./run-canary.ts";
import { type FakeProvider, type FakeProviderOptions, startFakeProvider } from "./fake-provider.ts";
import type { SignOptions } from "./signing-keys.ts";
import { readMetric } from "./metrics-text.ts";

export interface FakeStackOptions {
  /** Default: 1. All share the provider, the keys, the Redis and the database. */
  readonly instances?: number;
  readonly redis?: Secret;
  /** `url` or `file`; tables are made at start. */
  readonly database?: Pick<NonNullable<Configuration["database"]>, "location">;
  readonly provider?: Omit<FakeProviderOptions, "clock">;
  /** Changes what was loaded, for what the example file does not leave open. */
  readonly change?: (configuration: Configuration) => Configuration;
  readonly limits?: Partial<Limits>;
  /** Sees the lines of the audit trail before they are written; what it throws is the failure of writing them. */
  readonly onAudit?: (lines: string) => void;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Instance {
  readonly url: string;
  readonly port: number;
  logText(): string;
  logLines(): readonly Readonly<Record<string, unknown>>[];
  /** Records of the audit trail, where it is written to standard output. */
  auditLines(): readonly Readonly<Record<string, unknown>>[];
  /** The sum of all series of that name with these labels. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** An RPC as JSON over Connect. */
  rpc(method: Method, message: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** As the service `orders`. */
  validate(token: string, more?: object): Promise<Answer>;
  /** Puts another configuration into force, as SIGHUP does. */
  reload(configuration: Configuration): void;
  close(): Promise<void>;
}

export interface FakeCode {
  readonly code: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
  readonly state: string;
}

export interface FakeStack {
  readonly provider: FakeProvider;
  readonly cambio: Instance;
  readonly instances: readonly Instance[];
  /** One more, with nothing in its memory. Whoever asks for it closes it. */
  another(): Promise<Instance>;
  readonly configuration: Configuration;
  /** Epoch milliseconds, and by how many the clock moves on whenever it is read: 0, until a test wants to tell two readings apart. */
  readonly time: { nowMs: number; tickMs: number };
  readonly canary: Canary;
  authorization(service: "orders" | "backend"): string;
  /** A code for the client `web` that nobody redeemed yet. Default: begun at the first instance. */
  newCode(at?: Instance): Promise<FakeCode>;
  /** An access token that `orders` accepts, with these claims over the usual ones; undefined takes one away. */
  token(claims?: Readonly<Record<string, unknown>>, options?: SignOptions): Promise<string>;
  close(): Promise<void>;
}

export const page = "http://localhost:5173";
export const pageRedirectUri = `${page}/callback`;
export const backendRedirectUri = "http://localhost/backend/callback";

export const exampleFile = new URL("../../cambio.example.yaml", import.meta.url).pathname;

const secrets = {
  orders: "orders-secret-canary-0123456789",
  backend: "backend-secret-canary-0123456789",
  corporate: "corporate-secret-canary-0123456789",
  sealing: Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index)).toString("base64url"),
};

export async function startFakeStack(options: FakeStackOptions = {}): Promise<FakeStack> {
  const time = { nowMs: Date.now(), tickMs: 0 };
  const clock = () => (time.nowMs += time.tickMs);
  const canary = createRunCanary();
  const parts = new AsyncDisposableStack();
  try {
    const started = await startFakeProvider({ ...options.provider, clock });
    let closing: Promise<void> | undefined;
    const provider: FakeProvider = { ...started, close: () => (closing ??= started.close()) };
    parts.defer(provider.close);
    const configuration = configurationFor(provider, options);
    const another = () =>
      startInstance(configuration, { clock, canary, limits: { ...defaultLimits, ...options.limits }, onAudit: options.onAudit });
    const instances: Instance[] = [];
    for (let number = 1; number <= (options.instances ?? 1); number += 1) {
      const instance = await another();
      parts.defer(() => instance.close());
      instances.push(instance);
    }
    // Closed first: what still hangs there then ends at once, and Cambio need not wait for it.
    parts.defer(provider.close);
    const [cambio] = instances as [Instance];
    const running = parts.move();
    registerSecrets(canary, provider);
    return {
      provider,
      cambio,
      instances,
      another,
      configuration,
      time,
      canary,
      authorization: (service) => basic(service, secrets[service]),
      newCode: (at = cambio) => newCode(at, provider, canary),
      token: (claims, signing) => provider.mint({ client_id: "cambio", ...claims }, signing),
      async close() {
        await running.disposeAsync();
        for (const issued of provider.issued) canary.register("code or token", issued);
        canary.assertSilence();
      },
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

/** What cambio.example.yaml is filled from: any free port, this provider, and secrets that a canary can find. */
export function environmentFor(provider: FakeProvider): Readonly<Record<string, string>> {
  return {
    CAMBIO_HOST: "localhost",
    PORT: "0",
    CAMBIO_ISSUER: provider.issuer,
    CAMBIO_CLIENT_ID: provider.client.id,
    CAMBIO_CLIENT_SECRET: provider.client.secret ?? "",
    CAMBIO_SEALING_KEY: secrets.sealing,
    CORPORATE_CLIENT_SECRET: secrets.corporate,
    ORDERS_AUDIENCE: "https://orders.example",
    ORDERS_SECRET: secrets.orders,
    BACKEND_SECRET: secrets.backend,
    BACKEND_REDIRECT_URI: backendRedirectUri,
    WEB_ORIGIN: page,
    WEB_REDIRECT_URI: pageRedirectUri,
  };
}

export function registerSecrets(canary: Canary, provider: FakeProvider): void {
  for (const [kind, secret] of Object.entries(secrets)) canary.register(`${kind} secret`, secret);
  for (const service of ["orders", "backend"] as const) canary.register("authorization", basic(service, secrets[service]).slice(6));
  if (provider.client.secret !== undefined) canary.register("provider's client secret", provider.client.secret);
}

function configurationFor(provider: FakeProvider, { redis, database, change }: FakeStackOptions): Configuration {
  const env = { ...environmentFor(provider), ...(redis === undefined ? {} : { REDIS_URL: redis.reveal() }) };
  const loaded = loadConfiguration({ path: exampleFile, env, readFile: (path) => readFileSync(path, "utf8") });
  const roomy = { ...loaded, limits: noLimits, ...(database === undefined ? {} : { database: { ...databaseDefaults, ...database } }) };
  return change?.(roomy) ?? roomy;
}

const databaseDefaults = { migrate_at_start: true, handle_idle: 30 * 86_400_000 };

/** A test calls from one address, and its clock may stand still: what it is not about shall not stop it. */
export const noLimits: Configuration["limits"] = {
  services: 1_000_000,
  public_clients: 1_000_000,
  addresses: 1_000_000,
  concurrent_calls: 1_000,
  client_failures: 1_000_000,
  address_failures: 100_000,
  provider_failures: 1_000_000,
};

export interface InstanceDeps {
  readonly clock: () => number;
  readonly canary: Canary;
  readonly limits: Limits;
  readonly onAudit: FakeStackOptions["onAudit"];
}

export async function startInstance(configuration: Configuration, { clock, canary, limits, onAudit }: InstanceDeps): Promise<Instance> {
  const written: string[] = [];
  const audited: string[] = [];
  const service = await startService(configuration, {
    clock,
    limits,
    logDestination: { write: (line) => written.push(line) },
    auditGatherMs: 0,
    auditDestination: {
      write(lines) {
        onAudit?.(lines);
        audited.push(lines);
      },
    },
  });
  const url = `http://localhost:${service.port}`;
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  let closed: Promise<void> | undefined;

  async function rpc(method: Method, message: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await fetch(`${url}/cambio.v1.TokenExchangeService/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(message),
    });
    const text = await response.text();
    const body = JSON.parse(text) as Answer["body"];
    if (response.status === 200) registerTokens(canary, body["tokens"]);
    else canary.saw(`the error of ${method}`, text);
    return { status: response.status, headers: response.headers, body };
  }

  async function close(): Promise<void> {
    canary.saw("/metrics", await metrics());
    await service.close();
    canary.saw("the log", written.join(""));
    canary.saw("the audit trail", audited.join(""));
  }

  return {
    url,
    port: service.port,
    logText: () => written.join(""),
    auditLines: () => jsonLines(audited),
    logLines: () => written.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
    metric: async (name, labels) => readMetric(await metrics(), name, labels),
    rpc,
    validate: (token, more) =>
      rpc("ValidateCrossClient", { token: { value: token }, ...more }, { authorization: basic("orders", secrets.orders) }),
    reload: (next) => service.reload(() => next),
    close: () => (closed ??= close()),
  };
}

function jsonLines(written: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
  const lines = written
    .join("")
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

async function newCode(cambio: Instance, provider: FakeProvider, canary: Canary): Promise<FakeCode> {
  const { verifier, challenge } = await newPkce();
  const asked = { clientId: "web", redirectUri: pageRedirectUri, codeChallenge: challenge };
  const { status, body } = await cambio.rpc("CreateAuthorizationUrl", asked, { origin: page });
  if (status !== 200) throw new Error(`CreateAuthorizationUrl failed: ${JSON.stringify(body)}`);
  const { code, state } = await provider.login(String(body["authorizationUrl"]));
  return {
    code,
    codeVerifier: canary.register("verifier", verifier),
    redirectUri: pageRedirectUri,
    state: canary.register("state", state),
  };
}

/** Tokens as they were handed out: Cambio's own handles among them. */
export function registerTokens(canary: Canary, tokens: unknown): void {
  const given = (tokens ?? {}) as Readonly<Record<string, string | undefined>>;
  for (const name of ["accessToken", "refreshToken", "idToken"]) {
    const token = given[name];
    if (token !== undefined && token !== "") canary.register(name, token);
  }
}

/** The reason in an error's detail; undefined: there is none. */
export function reasonOf({ body }: Pick<Answer, "body">): string | undefined {
  return detailOf({ body })?.["reason"]?.toString().replace("ERROR_REASON_", "");
}

/** What the one detail says, as Connect prints it for people. */
export function detailOf({ body }: Pick<Answer, "body">): Readonly<Record<string, unknown>> | undefined {
  const details = body["details"] as readonly { readonly debug?: Readonly<Record<string, unknown>> }[] | undefined;
  return details?.[0]?.debug;
}
