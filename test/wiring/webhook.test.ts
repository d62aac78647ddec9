import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import type { UntoldConnection } from "../../src/store/due-connections.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { type WiredWebhook, wireWebhook } from "../../src/wiring/webhook.ts";
import { frozenClock, nowMs } from "../cache/fixtures.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

const secret = "webhook-secret-canary-0123456789abcdef";
const connection: UntoldConnection = {
  id: "0123456789abcdefABCDEF",
  client_id: "web",
  provider: "discord",
  account_id: "account-1",
  ended_reason: "rejected",
  ended_at: nowMs - 5_000,
  tell_at: nowMs,
};

let receiver: WebhookReceiver;
let webhook: WiredWebhook;
let lines: string[];

beforeEach(async () => {
  receiver = await startWebhookReceiver();
  lines = [];
  const log = createLog({ level: "info", destination: { write: (line) => void lines.push(line) } });
  const wired = wireWebhook({ url: receiver.url, secret: new Secret(secret) }, { clock: frozenClock(), log });
  if (wired === undefined) throw new Error("there is no webhook");
  webhook = wired;
});
afterEach(async () => {
  await webhook.close();
  await receiver.close();
});

function onlyEvent() {
  const [event] = receiver.received;
  if (event === undefined) throw new Error("nothing was received");
  return event;
}

test("says whose user is needed and why, and nothing of a token", async () => {
  expect(await webhook.tell(connection)).toBe(true);
  expect(JSON.parse(onlyEvent().body)).toEqual({
    type: "connection.reauthentication_required",
    id: `evt_${connection.id}`,
    time: new Date(nowMs - 5_000).toISOString(),
    connection_id: connection.id,
    client_id: "web",
    provider: "discord",
    account_id: "account-1",
    reason: "rejected",
  });
  expect(onlyEvent().headers["content-type"]).toBe("application/json");
});

test("is signed over id, time and body, under an id that stays the same when it is told again", async () => {
  await webhook.tell(connection);
  await webhook.tell(connection);
  for (const { headers, body } of receiver.received) {
    const [id, timestamp] = [`evt_${connection.id}`, String(nowMs / 1_000)];
    expect([headers["webhook-id"], headers["webhook-timestamp"]]).toEqual([id, timestamp]);
    const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${signature}`);
  }
});

test.each([301, 400, 429, 500])("is not heard where the answer is %i, and no redirect is followed", async (status) => {
  receiver.answers(status);
  expect(await webhook.tell(connection)).toBe(false);
  expect(receiver.received).toHaveLength(1);
  expect(lines.join("")).toContain(`"status":${status}`);
  expect(lines.join("")).not.toContain(secret);
});

test("is not heard where nobody listens", async () => {
  await receiver.close();
  expect(await webhook.tell(connection)).toBe(false);
  expect(lines).toHaveLength(1);
  receiver = await startWebhookReceiver();
});

test("docs/operations.md shows how to tell it from a stranger's, an old one and one that was changed", async () => {
  await webhook.tell(connection);
  const documentation = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const snippet = /```js\n(import \{ createHmac.*?)\n```/s.exec(documentation)?.[1] ?? "";
  const module = (await import(`data:text/javascript,${encodeURIComponent(snippet)}`)) as {
    readonly isFromCambio: (headers: object, body: string, given: { readonly secret: string; readonly nowMs: number }) => boolean;
  };
  const { headers, body } = onlyEvent();
  const genuine = { secret, nowMs };
  expect(module.isFromCambio(headers, body, genuine)).toBe(true);
  expect(module.isFromCambio(headers, `${body} `, genuine)).toBe(false);
  expect(module.isFromCambio({ ...headers, "webhook-id": "evt_another" }, body, genuine)).toBe(false);
  expect(module.isFromCambio({ ...headers, "webhook-signature": "v1," }, body, genuine)).toBe(false);
  expect(module.isFromCambio({ ...headers, "webhook-signature": undefined }, body, genuine)).toBe(false);
  expect(module.isFromCambio(headers, body, { ...genuine, secret: "another-secret-0123456789abcdefgh" })).toBe(false);
  expect(module.isFromCambio(headers, body, { secret, nowMs: nowMs + 301_000 })).toBe(false);
});
