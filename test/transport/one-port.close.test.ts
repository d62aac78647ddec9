import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:http2";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { createOnePort } from "../../src/transport/one-port.ts";
import { emptySettings, frameTypes, parseFrames, preface } from "./h2-frames.ts";
import { exchangePath, type PortRig, type RigOptions, startPort } from "./port-rig.ts";
import { overH1, overH2 } from "./raw-request.ts";
import { openRaw } from "./raw-socket.ts";

const json = { "content-type": "application/json" };
const open: PortRig[] = [];
const start = async (options: RigOptions = {}) => {
  const rig = await startPort(options);
  open.push(rig);
  return rig;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((rig) => rig.close()));
});

const held = (rig: PortRig) => ({ port: rig.port, path: exchangePath, headers: json, body: `{"clientId":"app","provider":"held"}` });

const outcome = ({ status }: { status: number }) => (Number.isNaN(status) ? "cut off" : status);

/** Waits until the backend has so many calls in hand. */
async function inHand(rig: PortRig, calls: number): Promise<void> {
  for (let i = 0; i < 1_000 && rig.backend.seen.length < calls; i += 1) await wait(5);
  expect(rig.backend.seen.length).toBe(calls);
}

describe("closing", () => {
  it("finishes what is in flight over both versions, and promises no connection beyond it", async () => {
    const rig = await start();
    const [h1, h2] = [overH1(held(rig)), overH2(held(rig))];
    await inHand(rig, 2);
    const closed = rig.close(10_000);
    rig.backend.release();
    expect(await h1).toMatchObject({ status: 200, headers: { connection: "close" } });
    expect(await h2).toMatchObject({ status: 200 });
    await closed;
  });

  it("takes no new connection", async () => {
    const rig = await start();
    const call = overH1(held(rig));
    await inHand(rig, 1);
    const closed = rig.close(10_000);
    await expect(openRaw(rig.port)).rejects.toThrow("ECONNREFUSED");
    rig.backend.release();
    await Promise.all([call, closed]);
  });

  it("says GOAWAY to an HTTP/2 client whose stream is still open, and lets the stream end", async () => {
    const rig = await start();
    const session = connect(`http://127.0.0.1:${rig.port}`);
    const goaway = once(session, "goaway");
    const stream = session.request({ ":method": "POST", ":path": exchangePath, ...json });
    stream.end(`{"provider":"held"}`);
    await inHand(rig, 1);
    const closed = rig.close(10_000);
    await goaway;
    rig.backend.release();
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(headers[":status"]).toBe(200);
    stream.resume();
    await closed;
  });

  it("does not wait for connections that idle, have said nothing, or only the preface", async () => {
    const rig = await start();
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve) => {
      request({ port: rig.port, path: "/nowhere", agent }, (res) => res.resume().once("end", resolve)).end();
    });
    const silent = await openRaw(rig.port);
    const idle = await openRaw(rig.port);
    idle.send(Buffer.concat([preface, emptySettings]));
    for (let i = 0; i < 1_000 && !parseFrames(idle.received()).some((one) => one.type === frameTypes.settings); i += 1) await wait(5);
    await rig.close(3_600_000);
    expect(await silent.closed).toBe("");
    expect(parseFrames(await idle.closed).some((one) => one.type === frameTypes.goaway)).toBe(true);
    agent.destroy();
  });

  it("gives a connection up whose answer was under way when the drain began", async () => {
    const rig = await start({ limits: { keepAliveMs: 3_600_000 } });
    const agent = new Agent({ keepAlive: true });
    const headers = { "content-type": "application/connect+json" };
    const watching = request({ port: rig.port, path: "/grpc.health.v1.Health/Watch", method: "POST", agent, headers });
    watching.end(Buffer.from([0, 0, 0, 0, 2, ...Buffer.from("{}")]));
    const [res] = (await once(watching, "response")) as [IncomingMessage];
    res.resume();
    const closed = rig.close(3_600_000);
    rig.status.end();
    await closed;
    expect(rig.ended).toMatchObject([{ status: 200, code: "ok" }]);
    agent.destroy();
  });

  it("cuts off at its limit what does not end", async () => {
    const rig = await start();
    const calls = [overH1(held(rig)), overH2(held(rig))].map((call) => call.then(outcome, () => "cut off"));
    await inHand(rig, 2);
    await rig.close(50);
    expect(await Promise.all(calls)).toEqual(["cut off", "cut off"]);
    expect(rig.ended.map((one) => one.status)).toEqual([499, 499]);
  });

  it("may be asked twice, and before it ever listened", async () => {
    const rig = await start();
    await Promise.all([rig.close(), rig.close()]);
    expect(await createOnePort({ onRequest: () => undefined }).close(0)).toBeUndefined();
  });

  it("reports an address that cannot be had", async () => {
    const rig = await start();
    await expect(createOnePort({ onRequest: () => undefined }).listen("127.0.0.1", rig.port)).rejects.toThrow("EADDRINUSE");
  });
});

describe("the life of an HTTP/2 connection", () => {
  it.each([
    ["its age", { connectionAgeMs: 100, ageGraceMs: 10_000 }],
    ["its idleness", { idleSessionMs: 100 }],
  ])("ends, with GOAWAY, because of %s", async (_, limits) => {
    const rig = await start({ limits });
    const session = connect(`http://127.0.0.1:${rig.port}`);
    const [code] = (await once(session, "goaway")) as [number];
    expect(code).toBe(0);
    await once(session, "close");
  });

  it("ends at last with a stream that will not", async () => {
    const rig = await start({ limits: { connectionAgeMs: 100, ageGraceMs: 50 } });
    const session = connect(`http://127.0.0.1:${rig.port}`);
    session.on("error", () => undefined);
    const stream = session.request({ ":method": "POST", ":path": exchangePath, ...json });
    stream.on("error", () => undefined);
    stream.end(`{"provider":"held"}`);
    await once(session, "close");
    expect(rig.ended).toMatchObject([{ status: 499 }]);
    rig.backend.release();
  });
});
