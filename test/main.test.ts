import { EventEmitter } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runProcess } from "../src/main.ts";
import { DatabaseStartError } from "../src/wiring/database.ts";
import { SigningStartError } from "../src/wiring/signing.ts";
import { environment, exampleFile } from "./config/given.ts";

const file = fileURLToPath(exampleFile);

/** A process that notes what it is told; its signals are events, as they are in a real one. */
function given(startService: () => Promise<{ close(): Promise<void>; reload?: (read: () => unknown) => void }>) {
  const start = async () => ({ reload: () => undefined, ...(await startService()) });
  const events = new EventEmitter();
  const exits: number[] = [];
  const written: string[] = [];
  const process = { on: events.on.bind(events), off: events.off.bind(events), exit: (code: number) => exits.push(code) };
  const status = runProcess(file, { process, start, writeError: (text) => written.push(text) });
  return { events, exits, written, status };
}

/** Lets the steps that wait for nothing outside run to their end. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe("stopping", () => {
  it.each(["SIGTERM", "SIGINT"])("%s closes the service once and ends with status 0", async (signal) => {
    let closed = 0;
    const { events, exits, status, written } = given(async () => ({ close: async () => void (closed += 1) }));
    await settle();
    expect(closed).toBe(0);
    events.emit(signal);
    expect(await status).toBe(0);
    expect({ closed, exits, written, listeners: events.eventNames() }).toEqual({ closed: 1, exits: [], written: [], listeners: [] });
  });

  it("a second signal ends the process at once, while work is still in flight", async () => {
    let closed = 0;
    const { events, exits } = given(async () => ({ close: () => (closed++, new Promise(() => {})) }));
    await settle();
    events.emit("SIGTERM");
    await settle();
    expect(exits).toEqual([]);
    events.emit("SIGINT");
    expect({ closed, exits }).toEqual({ closed: 1, exits: [130] });
  });

  it("a signal during the start ends the process at once", async () => {
    const { events, exits } = given(() => new Promise(() => {}));
    await settle();
    events.emit("SIGTERM");
    expect(exits).toEqual([143]);
  });

  it("a service that cannot close ends with status 1 and without its words", async () => {
    const { events, status, written } = given(async () => ({ close: () => Promise.reject(new TypeError("CANARY")) }));
    await settle();
    events.emit("SIGTERM");
    expect(await status).toBe(1);
    expect(written.join("")).toMatch(/^cambio did not stop cleanly: TypeError at .*main\.test\.ts.*\n$/);
    expect(written.join("")).not.toContain("CANARY");
  });
});

describe("failing", () => {
  it.each([
    ["EADDRINUSE", "the port is taken by another process"],
    ["EACCES", "may not listen on that port"],
    ["EADDRNOTAVAIL", "does not have the address in server.host"],
    ["ERR_OSSL_PEM_NO_START_LINE", "the private key in server.tls"],
    ["ESTRANGE", "Error (ESTRANGE) at "],
  ])("a start that ends with %s says so in one line, with status 1", async (code, words) => {
    const { status, written } = given(() => Promise.reject(Object.assign(new Error("CANARY"), { code })));
    expect(await status).toBe(1);
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(/^cambio did not start: .*\.\n$/);
    expect(written[0]).toContain(words);
    expect(written[0]).not.toContain("CANARY");
  });

  it.each([
    ["the database stops", new DatabaseStartError("the database file cannot be used (EACCES).")],
    ["the signing keys stop", new SigningStartError("the signing key one cannot be opened.")],
  ])("a start that %s says so in its own words", async (_name, failure) => {
    const { status, written } = given(() => Promise.reject(failure));
    expect(await status).toBe(1);
    expect(written).toEqual([`cambio did not start: ${failure.message}\n`]);
  });

  it.each(["uncaughtException", "unhandledRejection"])(
    "%s is logged by kind and place, not by its message, and ends the process",
    async (event) => {
      const { events, exits, written } = given(async () => ({ close: async () => {} }));
      await settle();
      events.emit(event, new RangeError("a token: CANARY\n    at CANARY"));
      expect(exits).toEqual([1]);
      const line: unknown = JSON.parse(written.join(""));
      expect(line).toMatchObject({
        level: "fatal",
        error: "RangeError",
        stack: expect.arrayContaining([expect.stringContaining("main.test.ts")]),
      });
      expect(written.join("")).not.toContain("CANARY");
    },
  );

  it("something that is no error at all is survived just as well", async () => {
    const { events, exits, written } = given(async () => ({ close: async () => {} }));
    await settle();
    events.emit("unhandledRejection", undefined);
    expect(exits).toEqual([1]);
    expect(JSON.parse(written.join(""))).toMatchObject({ error: "undefined", stack: [] });
  });
});
