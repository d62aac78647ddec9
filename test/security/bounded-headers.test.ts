import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exchangePath, type PortRig, startPort } from "../transport/port-rig.ts";
import { openRaw } from "../transport/raw-socket.ts";

let rig: PortRig;
beforeAll(async () => {
  // Nothing else ends a request within a test's time.
  rig = await startPort({ limits: { headersMs: 100, checkEveryMs: 20, bodyMs: 600_000 } });
});
afterAll(() => rig.close());

const head = `POST ${exchangePath} HTTP/1.1\r\nhost: localhost\r\n`;
const rest = "content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

describe("an attacker over HTTP/1.1", () => {
  it.each([
    [100, "200"],
    [101, "431"],
  ])("who sends %i headers is answered %s", async (count, status) => {
    const raw = await openRaw(rig.port);
    raw.send(head + Array.from({ length: count - 4 }, (_, index) => `x-${index}: 1\r\n`).join("") + rest);
    expect(await raw.closed).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it("who never ends the headers is cut off by a limit of their own, long before that of bodies", async () => {
    const raw = await openRaw(rig.port);
    raw.send(head);
    expect(await raw.closed).toMatch(/^HTTP\/1\.1 408 /);
  });
});
