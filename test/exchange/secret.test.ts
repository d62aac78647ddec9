import { format, inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createLog } from "../../src/telemetry/log.ts";

const canary = "canary-7d1f";
const secret = new Secret(canary);

function logged(value: unknown): string {
  const lines: string[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => lines.push(line) } });
  log.info({ value } as never, "a line");
  return lines.join("");
}

describe("a secret", () => {
  it("is itself only where it is revealed", () => {
    expect(secret.reveal()).toBe(canary);
  });

  it.each<[string, () => string]>([
    ["a template", () => `token=${secret as unknown as string}`],
    ["string addition", () => "token=" + (secret as unknown as string)],
    ["String()", () => String(secret)],
    ["toString()", () => secret.toString()],
    ["JSON", () => JSON.stringify({ secret, list: [secret] })],
    ["inspection", () => inspect({ secret, deep: { list: [secret] } }, { depth: 9, showHidden: true })],
    ["inspection with getters", () => inspect(secret, { getters: true, showHidden: true, customInspect: true })],
    ["inspection that skips custom ones", () => inspect(secret, { customInspect: false, showHidden: true })],
    ["%s, %o, %O and %j", () => format("%s %o %O %j", secret, secret, secret, secret)],
    ["an error's message", () => String(new Error(`failed with ${secret as unknown as string}`).stack)],
    ["an error's cause", () => inspect(new ExchangeError("INTERNAL", { cause: secret }))],
    ["keys and entries", () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret).map(String), Object.assign({}, secret)])],
    ["a copy", () => inspect(structuredClone(secret), { showHidden: true })],
    ["a log line", () => logged(secret)],
    ["a log line, inside", () => logged({ secret, list: [secret] })],
  ])("does not print by way of %s", (_way, print) => {
    const printed = print();
    expect(printed).not.toBe("");
    expect(printed).not.toContain(canary);
  });

  it("says so where it stood", () => {
    expect(`${secret as unknown as string} ${JSON.stringify(secret)} ${inspect(secret)}`).toBe('[redacted] "[redacted]" [redacted]');
  });
});
