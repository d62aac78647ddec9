import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limited } from "../e2e/limits-rig.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeStack, startFakeStack } from "../support/fake-stack.ts";
import { openRaw } from "../transport/raw-socket.ts";

describe("an attacker who shows two proofs at once", () => {
  let stack: FakeStack;
  beforeAll(async () => {
    stack = await startFakeStack({ change: limited({ addresses: 3 }) });
  });
  afterAll(() => stack.close());

  async function showTwo(path: string, id: string): Promise<string> {
    const raw = await openRaw(stack.cambio.port);
    const proof = stack.authorization("orders");
    const lines = ["host: localhost", "content-type: application/json", "content-length: 2", "connection: close", `x-request-id: ${id}`];
    raw.send(`POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\nauthorization: ${proof}\r\nauthorization: ${proof}\r\n\r\n{}`);
    return await raw.closed;
  }

  it.each([
    ["an RPC", "/cambio.v1.TokenExchangeService/ValidateCrossClient", "ValidateCrossClient", "two"],
    ["the plain route", "/api/auth/exchange", "Exchange", "three"],
  ])("leaves a record each time, over %s, and is counted", async (_name, path, method, id) => {
    // The counts of the case before have run out.
    stack.time.nowMs += 5_000;
    for (let shown = 0; shown < 3; shown += 1) expect(await showTwo(path, `${id}.${shown}`)).toMatch(/^HTTP\/1\.1 401 /);
    const recordsOf = (request: string) => stack.cambio.auditLines().filter((line) => line["request_id"] === request);
    await eventually("the last is on record", () => recordsOf(`${id}.2`).length === 2);
    expect(recordsOf(`${id}.2`)).toMatchObject([
      { kind: "outcome", method, reason: "CALLER_UNAUTHENTICATED" },
      { kind: "security", method, event: "basic_failed" },
    ]);
    expect(await showTwo(path, `${id}.4`)).toMatch(/^HTTP\/1\.1 429 /);
  });
});
