import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import type { RefreshedTokens, TokenSet } from "../../src/exchange/tokens.ts";
import type { SendRefresh } from "../../src/exchange/vault-ports.ts";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";
import type { Sender } from "../../src/vault/provider-keeper.ts";
import { type FakeJsonProvider, startFakeJsonProvider } from "../support/fake-json-provider.ts";
import { createReplica } from "./keeper-rig.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";

const connections = 10_000;
/** As an operator has it who configures nothing. */
const caps = { perSecond: 10, atOnce: 4 };
const lifeMs = 3_600_000;

let time: VirtualTime;
let provider: FakeJsonProvider;
/** In memory: 30,000 commits on a disk take minutes, and what a replica shares with another one is the same. */
let database: Database;

beforeAll(async () => {
  database = openSqlite(":memory:");
  await migrate(database);
  time = createVirtualTime();
  provider = await startFakeJsonProvider({ clock: time.clock, expiresIn: lifeMs / 1_000 });
});
afterAll(async () => {
  await provider.close();
  await database.close();
});

function tokensFrom(body: Record<string, unknown>): TokenSet {
  return {
    accessToken: new Secret(String(body["access_token"])),
    tokenType: "Bearer",
    expiresAtMs: time.clock() + Number(body["expires_in"]) * 1_000,
    refreshToken: new Secret(String(body["refresh_token"])),
    idToken: undefined,
    scopes: undefined,
    issuer: provider.origin,
  };
}

const send: SendRefresh = (refreshToken, onSending) =>
  time.working(async (): Promise<RefreshedTokens> => {
    onSending();
    const answer = await fetch(provider.endpoints.token, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ grant_type: "refresh_token", refresh_token: refreshToken.reveal(), client_id: provider.client.id }),
    });
    const body = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(`refused: ${answer.status} ${String(body["error"])}`);
    return tokensFrom(body);
  });

test("10,000 connections that expire together are refreshed by two replicas, each once, in time, and never faster than allowed", async () => {
  const sender: Sender = { issuer: provider.origin, send, lostAnswer: "reauthenticate", ...caps };
  const replicas = ["one", "other"].map((name) => createReplica(time, database, { name, senderOf: () => sender }));
  const [first] = replicas;
  if (first === undefined) throw new Error("there is no replica");
  for (let number = 0; number < connections; number += 1) {
    const tokens = tokensFrom(await provider.connect(`user-${number}`));
    const keeping = { clientId: "web", provider: "main", accountId: `account-${number}`, byId: true, issue: undefined };
    await first.vault.connections.keep({ ...keeping, tokens });
  }
  const expireAt = time.clock() + lifeMs;

  for (const { keeper } of replicas) keeper.start();
  const refreshed = () => replicas.flatMap(({ outcomes }) => outcomes).length;
  await time.run(() => refreshed() >= connections || time.clock() >= expireAt);
  const doneAt = time.clock();
  await Promise.all(replicas.map(({ keeper }) => keeper.close()));

  expect(replicas.flatMap(({ failures }) => failures)).toEqual([]);
  expect(new Set(replicas.flatMap(({ outcomes }) => outcomes))).toEqual(new Set(["main OK"]));
  expect(doneAt).toBeLessThan(expireAt);
  expect(provider.callsTo("token")).toBe(connections);
  expect(provider.presentedTwice).toEqual([]);
  expect(provider.violations).toEqual([]);
  expect(provider.mostWithinASecond("token", "clock")).toBeLessThanOrEqual(caps.perSecond);
  expect(provider.mostAtOnce("token")).toBeLessThanOrEqual(caps.atOnce);
  const left = await database.run((db) => db.selectFrom("connections").select("id").where("generation", "<>", 1).execute());
  expect(left).toEqual([]);
}, 240_000);
