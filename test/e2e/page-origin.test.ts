import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import { page, reasonOf } from "../support/fake-stack.ts";
import { type SessionWorld, startSessionWorld } from "../support/session-world.ts";
import { tokensOf } from "./session-answers.ts";

let world: SessionWorld;
let folder: string;
let cookie: string;
let accessToken: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cambio-page-origin-"));
  world = await startSessionWorld({ database: { location: { kind: "sqlite", file: join(folder, "db.sqlite") } }, change: readsAccounts });
  const user = await world.register();
  cookie = user.cookie;
  accessToken = tokensOf(await world.exchange(cookie)).accessToken;
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

function readsAccounts(configuration: Configuration): Configuration {
  const shop = configuration.clients["shop"];
  if (shop === undefined) throw new Error("the world has no such client");
  return { ...configuration, clients: { ...configuration.clients, shop: { ...shop, methods: [...shop.methods, "GetAccount"] } } };
}

const connection = { connectionId: "x".repeat(22) };

describe.each<[string, "GetAccount" | "Refresh" | "Revoke", () => object, string | undefined]>([
  ["GetAccount by the session's cookie", "GetAccount", () => ({ session: {} }), undefined],
  ["GetAccount by a token that others may have seen", "GetAccount", () => ({ token: { value: accessToken } }), "ACCOUNT_NOT_FOUND"],
  [
    "Refresh of a connection with such a token",
    "Refresh",
    () => ({ ...connection, userToken: { value: accessToken } }),
    "CONNECTION_NOT_FOUND",
  ],
  ["Revoke of a connection with such a token", "Revoke", () => ({ ...connection, userToken: { value: accessToken } }), undefined],
])("%s", (_name, method, message, reason) => {
  const ask = (headers: Readonly<Record<string, string>>) =>
    world.cambio.rpc(method, { clientId: "shop", ...message() }, { cookie, ...headers });

  it.each<[string, Readonly<Record<string, string>>]>([
    ["another origin", { origin: "https://evil.example" }],
    ["the origin `null`", { origin: "null" }],
    ["one that only begins alike", { origin: `${page}.evil.example` }],
    ["no origin", {}],
  ])("is refused to a page of %s", async (_origin, headers) => {
    const answer = await ask(headers);
    expect([answer.status, reasonOf(answer)]).toEqual([403, "ORIGIN_NOT_ALLOWED"]);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("is answered to a page of its own origin", async () => {
    const answer = await ask({ origin: page });
    expect(answer.status === 200 ? undefined : reasonOf(answer)).toBe(reason);
    expect(answer.headers.get("access-control-allow-origin")).toBe(page);
  });
});
