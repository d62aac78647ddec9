import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { causeFields, createLog, type Fields } from "../../src/telemetry/log.ts";

const canary = "canary-5e0b";

function linesOf(write: (log: ReturnType<typeof createLog>) => void, level: "info" | "warn" | "error" = "info"): string[] {
  const lines: string[] = [];
  write(createLog({ level, destination: { write: (line) => lines.push(line) } }));
  return lines;
}

class OddError extends Error {
  override readonly name = "OddError";
  readonly code = "E_ODD";
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (failure) {
    return failure;
  }
  throw new Error("nothing was thrown");
}

describe("a log line", () => {
  it("is one JSON object with time, level, the given fields and the message, and nothing of the machine", () => {
    const [line = "", ...others] = linesOf((log) => log.warn({ request_id: "r1", status: 401, retry: true, list: ["a"] }, "call refused"));
    expect(others).toEqual([]);
    const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
    expect(rest).toEqual({ level: "warn", request_id: "r1", status: 401, retry: true, list: ["a"], msg: "call refused" });
    expect(new Date(time as string).toISOString()).toBe(time);
  });

  it.each([
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
  ] as const)("is written from level %s upwards", (level, expected) => {
    const lines = linesOf((log) => {
      for (const each of ["info", "warn", "error"] as const) log[each]({}, "x");
    }, level);
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(expected);
  });

  it("stays one line whatever a field holds", () => {
    const lines = linesOf((log) => log.info({ caller: 'a\n{"level":"error"}\u2028' }, "call"));
    expect(lines).toHaveLength(1);
    expect(lines[0]?.trimEnd().split("\n")).toHaveLength(1);
    expect((JSON.parse(lines[0] ?? "") as { level: string }).level).toBe("info");
  });
});

const withMessage = (message: string, options?: ErrorOptions) => new Error(message, options);

describe("the cause of an unexpected failure", () => {
  it.each<[string, unknown]>([
    ["an error's message", withMessage(canary)],
    ["a message of several lines", withMessage(`first\n${canary}\nlast`)],
    ["a message whose lines look like frames", withMessage(`x\n    at ${canary}\n    at ${canary} (file:///x.ts:1:1)`)],
    ["a message that was changed since", Object.assign(withMessage(`x\n    at ${canary}`), { message: "other" })],
    ["the message of its own cause", withMessage("outer", { cause: withMessage(canary) })],
    [
      "a library's extra members",
      Object.assign(withMessage("x"), { input: canary, command: { args: [canary] }, headers: { authorization: canary } }),
    ],
    ["a code that is no string", Object.assign(withMessage("x"), { code: { canary } })],
    ["a parser that quotes its input", thrownBy(() => JSON.parse(`{"token": ${canary}}`))],
    ["a parser of addresses", thrownBy(() => new URL(canary))],
    ["a decided failure around it", new ExchangeError("INTERNAL", { cause: withMessage(canary) })],
    ["a thrown string", canary],
    ["a thrown object", { message: canary }],
    ["several errors in one", new AggregateError([withMessage(canary)], canary)],
  ])("never brings %s into the log", (_name, cause) => {
    const fields = causeFields(cause);
    const written = linesOf((log) => log.error(fields, "call failed unexpectedly")).join("");
    expect(written).toContain('"cause":');
    expect(written).not.toContain(canary);
  });

  it("is told by name, code, inner name and where it was thrown", () => {
    const fields: Fields = causeFields(new OddError("x", { cause: new TypeError("y") }));
    expect(fields).toMatchObject({ cause: "OddError", cause_code: "E_ODD", cause_inner: "TypeError" });
    expect((fields["cause_stack"] as readonly string[])[0]).toMatch(/^at .*log\.test\.ts/);
  });

  it.each([
    ["an empty message", ""],
    ["a message that is also part of its name", "Error"],
  ])("keeps its frames with %s", (_name, message) => {
    expect((causeFields(new Error(message))["cause_stack"] as readonly string[])[0]).toMatch(/^at .*log\.test\.ts/);
  });

  it("is bounded in depth", () => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 100;
    const deep = (depth: number): Error => (depth === 0 ? new Error("x") : deep(depth - 1));
    const fields = causeFields(deep(50));
    Error.stackTraceLimit = limit;
    expect(fields["cause_stack"]).toHaveLength(12);
  });
});
