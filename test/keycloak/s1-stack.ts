// Cambio for a realm, real or not, as examples/keycloak/cambio.yaml has it. Services call it over gRPC or Connect, and its clock can be
// set ahead of Keycloak's. Everything that was written is searched for secrets, and for Keycloak's own words, when it is closed.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { basic } from "../../examples/clients.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import type { Configuration } from "../../src/config/schema.ts";
import type { Method } from "../../src/exchange/clients.ts";
import { startService } from "../../src/service.ts";
import { grpcJsCaller } from "../e2e/grpc-js-caller.ts";
import { type Answered, fetchCaller, type ProtocolCaller } from "../e2e/protocol-callers.ts";
import type { Canary } from "../support/canary.ts";
import { noLimits, registerTokens } from "../support/fake-stack.ts";
import { createRunCanary } from "../support/run-canary.ts";
import type { World } from "./world.ts";

export type Members = Readonly<Record<string, unknown>>;

export type Service = "orders" | "inventory";

export interface S1Options {
  /** Default: gRPC. */
  readonly over?: "Connect";
  readonly change?: (configuration: Configuration, world: World) => Configuration;
}

/** What came back, and which token was asked about. */
export interface Told {
  readonly answered: Answered;
  readonly token: string;
}

export interface S1Stack {
  /** By how much Cambio's clock is ahead of everybody else's, in milliseconds. */
  readonly time: { aheadMs: number };
  /** As the service `orders`, unless another one is named; so are the others. */
  validate(token: string, more?: JsonObject, as?: Service): Promise<Told>;
  exchange(subjectToken: string, more?: JsonObject): Promise<Told>;
  refresh(refreshToken: string): Promise<Told>;
  redeem(code: string): Promise<Told>;
  logLines(): readonly Members[];
  /** What was logged about the last call. */
  lastCall(): Members;
  auditLines(): readonly Members[];
  close(): Promise<void>;
}

const exampleFile = new URL("../../examples/keycloak/cambio.yaml", import.meta.url).pathname;

const secrets = { orders: "orders-secret-canary-0123456789", inventory: "inventory-secret-canary-0123456789" };

/** What is known of revocations grows old when the clock leaps, until it is read again; no case is about that. */
const longerThanAnyLeap = 24 * 3_600_000;

/** Words by which Keycloak refuses: they are for its own log. */
const keycloaksWords = [
  "Client is not within the token audience",
  "Audience not found",
  "Client disabled",
  "Requested audience not available",
  "Invalid scopes",
  "Standard token exchange is not enabled",
  "requested_token_type unsupported",
  "Invalid client or Invalid client credentials",
  "Client authentication failed",
  "Session doesn't have required client",
  "Session not active",
  "Invalid token",
  "Code not valid",
  "User disabled",
];

/** Fewer characters are found by chance. */
const shortestSecret = 12;

/** What the example file is filled from. */
export function environmentFor({ address, issuer, realm }: Pick<World, "address" | "issuer" | "realm">, folder: string) {
  const secretOf = (id: string) => realm.clients.find(({ clientId }) => clientId === id)?.secret ?? "";
  return {
    CAMBIO_HOST: "localhost",
    PORT: "0",
    CAMBIO_SEALING_KEY: randomBytes(32).toString("base64url"),
    CAMBIO_DATABASE_FILE: join(folder, "cambio.sqlite"),
    KEYCLOAK_ISSUER: issuer,
    KEYCLOAK_BACK_CHANNEL: address,
    CAMBIO_KEYCLOAK_SECRET: secretOf("cambio"),
    ORDERS_KEYCLOAK_SECRET: secretOf("orders"),
    INVENTORY_KEYCLOAK_SECRET: secretOf("inventory"),
    ORDERS_SECRET: secrets.orders,
    INVENTORY_SECRET: secrets.inventory,
  };
}

export function loadExample(env: Readonly<Record<string, string>>): Configuration {
  return loadConfiguration({ path: exampleFile, env, readFile: (path) => readFileSync(path, "utf8") });
}

export async function startS1Stack(world: World, { over, change }: S1Options = {}): Promise<S1Stack> {
  const folder = await mkdtemp(join(tmpdir(), "cambio-s1-"));
  const parts = new AsyncDisposableStack();
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  try {
    const loaded = { ...loadExample(environmentFor(world, folder)), limits: noLimits, revocation_lag: longerThanAnyLeap };
    const time = { aheadMs: 0 };
    const written: string[] = [];
    const audited: string[] = [];
    const service = await startService(change?.(loaded, world) ?? loaded, {
      clock: () => Date.now() + time.aheadMs,
      logDestination: { write: (line) => written.push(line) },
      auditDestination: { write: (lines) => audited.push(lines) },
      auditGatherMs: 0,
    });
    parts.defer(service.close);
    const url = `http://localhost:${service.port}`;
    const caller = over === "Connect" ? fetchCaller(url) : grpcJsCaller(url);
    parts.defer(() => caller.close());
    const canary = createRunCanary();
    const ask = createAsk(caller, canary, knownSecrets(world));
    const running = parts.move();
    return {
      time,
      validate: (token, more, as = "orders") => ask("ValidateCrossClient", token, { token: { value: token }, ...more, as }),
      exchange: (token, more) => ask("Exchange", token, { subjectToken: { value: token }, ...more }),
      refresh: (token) => ask("Refresh", token, { refreshToken: token }),
      redeem: (code) => ask("Exchange", code, { authorizationCode: { code, codeVerifier: randomBytes(32).toString("base64url") } }),
      logLines: () => linesOf(written),
      lastCall: () => linesOf(written).findLast((line) => line["request_id"] !== undefined) ?? {},
      auditLines: () => linesOf(audited),
      async close() {
        canary.saw("/metrics", await (await fetch(`${url}/metrics`)).text());
        await running.disposeAsync();
        canary.saw("the log", written.join(""));
        canary.saw("the audit trail", audited.join(""));
        canary.assertSilence();
      },
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

type Ask = (method: Method, token: string, message: JsonObject & { readonly as?: Service }) => Promise<Told>;

/** What is sent and what comes back is secret, and an error says nothing of it. */
function createAsk(caller: ProtocolCaller, canary: Canary, known: readonly (readonly [kind: string, secret: string])[]): Ask {
  const registered = new Set<string>();
  function register(kind: string, secret: string): void {
    if (secret.length < shortestSecret || registered.has(secret)) return;
    registered.add(secret);
    canary.register(kind, secret);
  }
  for (const [kind, secret] of known) register(kind, secret);

  return async (method, token, { as = "orders", ...message }) => {
    register("token", token);
    const answered = await caller.call({ method, message, headers: { authorization: basic(as, secrets[as]) } });
    if (answered.kind === "failed") canary.saw(`the error of ${method}`, answered.everything);
    else registerTokens(canary, answered.message["tokens"]);
    return { answered, token };
  };
}

function knownSecrets({ realm }: World): readonly (readonly [kind: string, secret: string])[] {
  return [
    ...keycloaksWords.map((words) => ["Keycloak's own words", words] as const),
    ...realm.clients.map(({ clientId, secret = "" }) => [`${clientId}'s secret at Keycloak`, secret] as const),
    ...Object.entries(secrets).map(([service, secret]) => [`${service}'s secret`, secret] as const),
  ];
}

function linesOf(pieces: readonly string[]): readonly Members[] {
  const lines = pieces.join("").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Members);
}
