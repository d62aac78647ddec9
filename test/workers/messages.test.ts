import { describe, expect, it } from "vitest";
import { readToSupervisor, readToWorker } from "../../src/workers/messages.ts";

describe("what a worker says", () => {
  it.each([
    [{ kind: "ready", logLevel: "warn" }],
    [{ kind: "failed", text: "cambio did not start: …\n" }],
    [{ kind: "scrape" }],
    [{ kind: "exposition", scrape: 3, text: "" }],
  ])("%j is understood, and whatever else is in it left behind", (message) => {
    expect(readToSupervisor({ ...message, token: "CANARY", authorization: "CANARY" })).toEqual(message);
  });

  it.each([
    [undefined],
    [null],
    ["ready"],
    [[]],
    [{}],
    [{ kind: "ready" }],
    [{ kind: "ready", logLevel: "debug" }],
    [{ kind: "failed", text: 1 }],
    [{ kind: "failed", text: "x".repeat(4_194_305) }],
    [{ kind: "exposition", scrape: 0, text: "" }],
    [{ kind: "exposition", scrape: "1", text: "" }],
    [{ kind: "token", text: "CANARY" }],
    [{ kind: "stop" }],
    [{ kind: "__proto__" }],
  ])("%j is no message", (message) => {
    expect(readToSupervisor(message)).toBeUndefined();
  });
});

describe("what the supervisor says", () => {
  it.each([
    [{ kind: "stop" }],
    [{ kind: "leave" }],
    [{ kind: "reload" }],
    [{ kind: "expose", scrape: 1 }],
    [
      {
        kind: "expositions",
        all: [
          { worker: 1, text: "a 1\n" },
          { worker: 2, text: undefined },
        ],
      },
    ],
  ])("%j is understood, and whatever else is in it left behind", (message) => {
    expect(readToWorker({ ...message, token: "CANARY" })).toEqual(message);
  });

  it.each([
    [undefined],
    [{ kind: "kill" }],
    [{ kind: "expose", scrape: -1 }],
    [{ kind: "expositions" }],
    [{ kind: "expositions", all: [{ worker: 1.5, text: "" }] }],
    [{ kind: "expositions", all: [{ worker: 1, text: "" }, "CANARY"] }],
    [{ kind: "ready", logLevel: "info" }],
  ])("%j is no message", (message) => {
    expect(readToWorker(message)).toBeUndefined();
  });
});
