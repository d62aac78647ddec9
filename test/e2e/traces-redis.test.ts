import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Instance } from "../support/fake-stack.ts";
import type { CollectedSpan } from "../support/otlp-collector.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startTracedStack, type TracedStack } from "../support/traced-stack.ts";

let redis: RedisServer;
let stack: TracedStack;
beforeAll(async () => {
  redis = await startRedisServer();
  stack = await startTracedStack({ redis: redis.url, instances: 2 });
  for (const { url } of stack.instances) {
    await eventually("redis is ready", async () => (await (await fetch(`${url}/readyz`)).text()).includes('"redis":"ready"'));
  }
});
afterAll(async () => {
  await stack.close();
  await redis.stop();
});

async function childrenOfOne(at: Instance, token: string, requestId: string): Promise<readonly CollectedSpan[]> {
  const headers = { authorization: stack.authorization("orders"), "x-request-id": requestId };
  expect((await at.rpc("ValidateCrossClient", { token: { value: token } }, headers)).status).toBe(200);
  return stack.collector.childrenOf(await stack.serverSpan(requestId));
}

it("a look into Redis has a span that says whether it was a hit; one into memory has none", async () => {
  const [one, other] = stack.instances as [Instance, Instance];
  const token = await stack.token();
  const missed = await childrenOfOne(one, token, "missed");
  expect(missed.map(({ name }) => name)).toEqual(["get verification", "GET discovery", "GET jwks"]);
  expect(missed[0]?.attributes).toEqual({
    "db.system.name": "redis",
    "db.query.summary": "get verification",
    "cambio.cache_hit": false,
  });
  expect(await childrenOfOne(one, token, "near")).toEqual([]);
  const far = await childrenOfOne(other, token, "far");
  expect(far.map(({ name, attributes }) => [name, attributes["cambio.cache_hit"]])).toEqual([["get verification", true]]);
});

it("what must be used once has a span for each question to Redis", async () => {
  const { code, codeVerifier, redirectUri, state } = await stack.newCode();
  const message = { clientId: "web", provider: "main", authorizationCode: { code, codeVerifier, redirectUri, state } };
  const { status } = await stack.cambio.rpc("Exchange", message, { origin: "http://localhost:5173", "x-request-id": "exchange" });
  expect(status).toBe(200);
  const children = stack.collector.childrenOf(await stack.serverSpan("exchange"));
  expect(children.map(({ name }) => name)).toEqual(["claim code", "take state", "POST token"]);
  expect(children[0]?.attributes).toEqual({ "db.system.name": "redis", "db.query.summary": "claim code" });
});
