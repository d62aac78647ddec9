import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createOpenBodies } from "../../src/transport/open-bodies.ts";
import { refusal } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { exchangePath, type PortRig, startPort } from "../transport/port-rig.ts";
import { openRaw } from "../transport/raw-socket.ts";

const overloaded = refusal("OVERLOADED", { retryAfterMs: 1_000, cause: { kind: "policy", rule: "bodies" } });

function boundedBy(maxBytes: number) {
  const refused: [name: string, failure: unknown][] = [];
  const bodies = createOpenBodies(maxBytes);
  return { refused, bodies, open: (name: string) => bodies.open((failure) => void refused.push([name, failure])) };
}

describe("bodies that are under way", () => {
  it("make room in the order in which they began, and only as much as is needed", () => {
    const { refused, bodies, open } = boundedBy(100);
    const [empty, first, second, third] = [open("empty"), open("first"), open("second"), open("third")];
    second.hold(40);
    first.hold(60);
    third.hold(30);
    expect([refused, bodies.held()]).toEqual([[["second", overloaded]], 90]);
    empty.hold(10);
    expect([refused.length, bodies.held()]).toEqual([1, 100]);
  });

  it("that have ended are refused no more, and take no room", () => {
    const { refused, bodies, open } = boundedBy(100);
    const ended = open("ended");
    ended.hold(100);
    ended.close();
    ended.close();
    ended.hold(50);
    open("next").hold(100);
    expect([refused, bodies.held()]).toEqual([[], 100]);
  });

  it("never hold more than the bound, whatever begins, grows and ends, and each is refused once at most", () => {
    const step = fc.record({ body: fc.nat(9), bytes: fc.nat(50), ends: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { refused, bodies, open } = boundedBy(100);
        const all = Array.from({ length: 10 }, (_, index) => ({ entry: open(String(index)), bytes: 0 }));
        for (const { body, bytes, ends } of steps) {
          const one = all[body];
          if (one === undefined) continue;
          one.bytes += bytes;
          one.entry.hold(one.bytes);
          if (ends) one.entry.close();
          expect(bodies.held()).toBeLessThanOrEqual(100);
        }
        expect(new Set(refused.map(([name]) => name)).size).toBe(refused.length);
        for (const { entry } of all) entry.close();
        expect(bodies.held()).toBe(0);
      }),
    );
  });
});

describe("an attacker without credentials", () => {
  const bodiesBytes = 8_192;
  let rig: PortRig;
  beforeAll(async () => {
    rig = await startPort({ limits: { bodiesBytes } });
  });
  afterAll(() => rig.close());

  it("who keeps bodies open is refused for it when there is no more room, and others are served", async () => {
    const begin = async () => {
      const raw = await openRaw(rig.port);
      raw.send(`POST ${exchangePath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`);
      return raw;
    };
    const held = [];
    for (let count = 0; count < 8; count += 1) {
      held.push(await begin());
      await eventually("it is held", () => rig.bodies.held() === (count + 1) * 1_024);
    }
    const answer = await fetch(`${rig.base}${exchangePath}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ clientId: "x" }),
    });
    expect(answer.status).toBe(200);
    // A body that comes in one piece takes no room, so nobody has made any.
    expect(held.map((raw) => raw.received())).toEqual(Array.from({ length: 8 }, () => ""));
    held.push(await begin());
    expect(await held[0]?.until("OVERLOADED")).toMatch(/^HTTP\/1\.1 429 /);
    expect(held.slice(1).map((raw) => raw.received())).toEqual(Array.from({ length: 8 }, () => ""));
    for (const raw of held) raw.socket.destroy();
    await eventually("nothing is held", () => rig.bodies.held() === 0);
  });
});
