import { afterEach, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { eventually } from "../support/eventually.ts";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { overH1 } from "./raw-request.ts";
import { openRaw } from "./raw-socket.ts";

let rig: PortRig | undefined;
afterEach(() => rig?.close());

const refuses = (): never => {
  throw new ExchangeError("CALLER_UNAUTHENTICATED");
};

const headers = { "content-type": "application/json" };
const request = `POST ${exchangePath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`;

describe("a stranger who sends requests one behind the other and breaks the connection off", () => {
  it.each([
    ["that are refused before they are read", { gate: refuses }, 401],
    ["that are answered", {}, 200],
  ] as const)("does not end the process: requests %s", async (_name, options, status) => {
    rig = await startPort(options);
    const { port, ended } = rig;
    const sent = 5;
    for (let number = 1; number <= sent; number += 1) {
      const raw = await openRaw(port);
      // An error of a request that nobody hears would be the end of the process, and of this run.
      await new Promise<void>((resolve) => {
        raw.socket.write(request.repeat(number), () => resolve());
      });
      raw.socket.resetAndDestroy();
      await raw.closed;
    }
    await eventually("all that arrived has ended", () => ended.length > 0);
    expect((await overH1({ port, path: exchangePath, headers, body: "{}" })).status).toBe(status);
  });
});

describe("a client that sends requests one behind the other, and a tunnel before the first is answered", () => {
  it("has every one of them ended, so that each gives its place back and is in the log", async () => {
    let arrived = 0;
    rig = await startPort({
      gate: async (_context, { authorization }) => {
        arrived += 1;
        if (authorization === "slow") await new Promise(() => undefined);
      },
    });
    const { port, ended } = rig;
    const raw = await openRaw(port);
    raw.send(request.replace("host:", "authorization: slow\r\nhost:") + request.repeat(3));
    await eventually("all have arrived", () => arrived === 4);
    // Nobody takes a tunnel here: the connection ends at once.
    raw.send("CONNECT localhost:1 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await raw.closed;
    await eventually("all have ended", () => ended.length === 4);
    expect(new Set(ended.map(({ call }) => call.requestId)).size).toBe(4);
  });
});
