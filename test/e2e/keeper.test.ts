import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfiguration } from "../../src/config/load.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { type Service, startService } from "../../src/service.ts";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";
import { noSpool } from "../../src/vault/spool.ts";
import { createVault } from "../../src/vault/vault.ts";
import { stringify } from "yaml";
import { masterKey } from "../cache/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeJsonProvider, startFakeJsonProvider } from "../support/fake-json-provider.ts";
import { readMetric } from "../support/metrics-text.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

const key = masterKey("a");
let folder: string;
let database: Database;
let provider: FakeJsonProvider;
let receiver: WebhookReceiver;
let service: Service | undefined;
let log: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-keeper-"));
  database = openSqlite(join(folder, "cambio.db"));
  await migrate(database);
  provider = await startFakeJsonProvider();
  receiver = await startWebhookReceiver();
  log = "";
});
afterEach(async () => {
  await service?.close();
  service = undefined;
  await Promise.all([provider.close(), receiver.close(), database.close()]);
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<Service> {
  const { authorization, token, revocation, user } = provider.endpoints;
  const social = {
    kind: "custom",
    issuer: provider.origin,
    client: { id: provider.client.id, authentication: "none" },
    endpoints: { authorization, token, revocation, user },
    requests: { code: "json", refresh: "json", revocation: "json" },
    code_state: true,
    user: { claims: { id: "id" } },
  };
  const text = stringify({
    server: { host: "127.0.0.1", port: 0 },
    sealing: { keys: [{ id: key.id, key: Buffer.from(key.key.export()).toString("base64url") }] },
    database: { file: join(folder, "cambio.db") },
    vault: { webhook: { url: receiver.url, secret: "webhook-secret-canary-0123456789abcdef" } },
    providers: { social },
    clients: {},
  });
  const configuration = loadConfiguration({ path: "cambio.yaml", env: {}, readFile: () => text });
  service = await startService(configuration, { logDestination: { write: (line) => (log += line) } });
  return service;
}

/** Somebody has signed in some time ago: the tokens are due. */
async function kept(user: string): Promise<string> {
  const vault = createVault(
    {
      database,
      keys: [key],
      spool: noSpool,
      clock: Date.now,
      onAlarm: () => undefined,
      onEnded: () => undefined,
      onUnspooled: () => undefined,
      tell: () => Promise.resolve(),
    },
    { idleMs: 3_600_000, inDoubtMs: 0, upstreamLimitMs: () => 10_000, aheadMs: () => 600_000, issuerOf: () => provider.origin },
  );
  const body = await provider.connect(user);
  const tokens = {
    accessToken: new Secret(String(body["access_token"])),
    refreshToken: new Secret(String(body["refresh_token"])),
    tokenType: "Bearer",
    expiresAtMs: Date.now() + 60_000,
    idToken: undefined,
    scopes: undefined,
    issuer: provider.origin,
  };
  const { id } = await vault.connections.keep({
    clientId: "web",
    provider: "social",
    accountId: user,
    byId: true,
    issue: undefined,
    tokens,
  });
  await database.run((db) =>
    db
      .updateTable("connections")
      .set({ due_at: Date.now() - 1_000 })
      .where("id", "=", id)
      .execute(),
  );
  await vault.close();
  return id;
}

const rowOf = (id: string) => database.run((db) => db.selectFrom("connections").selectAll().where("id", "=", id).executeTakeFirstOrThrow());

test("a running service refreshes what is due, and log, trail and metrics know of it", async () => {
  const id = await kept("user_01");
  const { url } = await start();
  await eventually("the refresh", async () => (await rowOf(id)).generation === 1);
  expect(provider.callsTo("token")).toBe(1);
  expect([provider.violations, provider.presentedTwice]).toEqual([[], []]);
  await eventually("the record", () => log.includes(`"method":"BackgroundRefresh"`));
  const record = log.split("\n").find((line) => line.includes("BackgroundRefresh")) ?? "";
  expect(JSON.parse(record)).toMatchObject({ kind: "outcome", caller: "web", provider: "social", connection: id, reason: "OK" });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(readMetric(metrics, "cambio_background_refreshes_total", { provider: "social", outcome: "OK" })).toBe(1);
  for (const token of provider.issued) expect(log + metrics).not.toContain(token);
});

test("a connection whose user has taken everything back ends, and the webhook hears of it, across a restart if need be", async () => {
  const id = await kept("user_01");
  provider.end("user_01");
  receiver.answers(503);
  const { url } = await start();
  await eventually("the first attempt", () => receiver.received.length > 0);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(readMetric(metrics, "cambio_connections_ended_total", { provider: "social", reason: "rejected" })).toBe(1);
  await service?.close();
  receiver.answers(204);
  await database.run((db) => db.updateTable("connections").set({ tell_at: Date.now() }).execute());
  await start();
  await eventually("that it was heard", async () => (await rowOf(id)).tell_at === null);
  const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
  expect(ids).toEqual([`evt_${id}`, `evt_${id}`]);
  expect(JSON.parse(receiver.received[0]?.body ?? "")).toMatchObject({ connection_id: id, client_id: "web", reason: "rejected" });
  for (const text of [log, ...receiver.received.map(({ body }) => body)]) {
    for (const token of provider.issued) expect(text).not.toContain(token);
    expect(text).not.toContain("webhook-secret-canary");
  }
});

test("a stop waits for the refresh that is under way, and its answer is kept", async () => {
  const id = await kept("user_01");
  const release = provider.hold("token", "answer");
  await start();
  await eventually("the request", () => provider.callsTo("token") === 1);
  const closing = service?.close();
  release();
  await closing;
  service = undefined;
  expect((await rowOf(id)).generation).toBe(1);
});
