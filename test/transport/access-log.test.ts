import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { readMetric } from "../support/metrics-text.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";
import { openRaw } from "./raw-socket.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack();
});
afterAll(() => stack.close());

describe("bytes that never become a request", () => {
  it("are one log line and one count, and nothing of them is in either", async () => {
    const raw = await openRaw(stack.port);
    raw.send("CANARY-of-nonsense\r\n\r\n");
    expect(await raw.closed).toMatch(/^HTTP\/1\.1 400 /);
    await eventually("the log line", () => stack.logText().includes("unreadable request"));
    const lines = stack.logLines().filter((line) => line["msg"] === "unreadable request");
    expect(lines).toEqual([
      {
        level: "info",
        time: expect.any(String),
        method: "unmatched",
        protocol: "http",
        reason: "FRAMING",
        status: 400,
        msg: "unreadable request",
      },
    ]);
    expect(stack.logText()).not.toContain("CANARY-of-nonsense");
    const metrics = await (await fetch(`${stack.url}/metrics`)).text();
    expect(readMetric(metrics, "cambio_calls_total", { method: "unmatched", protocol: "http", reason: "FRAMING" })).toBe(1);
  });
});
