import { describe, expect, it } from "vitest";
import { logStart } from "../src/start-log.ts";
import { createLog } from "../src/telemetry/log.ts";
import { exampleWith, load } from "./config/given.ts";

type Line = Readonly<Record<string, unknown>>;

function linesFor(changes: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>> = {}): readonly Line[] {
  const lines: Line[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => lines.push(JSON.parse(line) as Line) } });
  logStart(load({ text: exampleWith(changes), env }), "http://127.0.0.1:8080", log);
  return lines;
}

const shared = { DATABASE_URL: "postgres://cambio:hunter2@db/cambio", REDIS_URL: "redis://:hunter2@redis:6379" };

describe("the start-up log", () => {
  it("of a configuration without a price says only that it listens, and where", () => {
    const lines = linesFor({}, shared);
    expect(lines).toMatchObject([{ level: "info", msg: "listening", url: "http://127.0.0.1:8080", providers: ["main", "corporate"] }]);
    expect(JSON.stringify(lines)).not.toContain("hunter2");
  });

  it.each<[string, Readonly<Record<string, unknown>>, Readonly<Record<string, string>>, Line]>([
    ["neither database nor Redis", {}, {}, { msg: expect.stringContaining("no database and no Redis") }],
    ["no database", {}, { REDIS_URL: shared.REDIS_URL }, { msg: expect.stringContaining("a flush forgets them") }],
    [
      "an audience that only reports",
      { "audiences/orders/accepts/main/report_only": true },
      shared,
      { audience: "orders", provider: "main" },
    ],
    ["a client that only reports", { "clients/web/report_only": ["scopes"] }, shared, { client: "web", rules: ["scopes"] }],
    ["issuer_check off", { "providers/main/tokens": { issuer_check: false } }, shared, { provider: "main" }],
    [
      "allow_http at an application that keeps sessions",
      { "providers/site": { kind: "better-auth", issuer: "http://auth:3000", allow_http: true } },
      shared,
      { provider: "site", msg: expect.stringContaining("allow_http") },
    ],
    ["allow_http", { "providers/main/allow_http": true }, shared, { provider: "main" }],
    [
      "a collector of traces in clear text",
      { traces: { otlp_url: "http://collector.internal/v1/traces", allow_http: true } },
      shared,
      { msg: expect.stringContaining("traces.allow_http") },
    ],
    ["pkce none", { "providers/corporate/pkce": "none" }, shared, { provider: "corporate" }],
    ["raw refresh tokens of a browser client", { "clients/web/raw_refresh_tokens": true }, shared, { client: "web" }],
    ["raw refresh tokens of a native client", { "clients/cli/raw_refresh_tokens": true }, shared, { client: "cli" }],
    ["clear text on all addresses", { "server/host": "0.0.0.0" }, shared, { msg: expect.stringContaining("no TLS") }],
    [
      "clear text on a name that may lead elsewhere",
      { "server/host": "app.localhost" },
      shared,
      { msg: expect.stringContaining("no TLS") },
    ],
  ])("warns of %s", (_name, changes, env, expected) => {
    const warnings = linesFor(changes, env).filter(({ level }) => level === "warn");
    expect(warnings).toMatchObject([expected]);
  });

  it("warns of sealing keys that end with the process", () => {
    const warnings = linesFor({ sealing: undefined }).filter(({ level }) => level === "warn");
    expect(warnings.map(({ msg }) => msg)).toEqual([expect.stringContaining("no Redis"), expect.stringContaining("no sealing keys")]);
  });

  it.each(["::1", "127.0.0.2", "localhost"])("does not warn of clear text on %s", (host) => {
    expect(linesFor({ "server/host": host }, shared).filter(({ level }) => level === "warn")).toEqual([]);
  });
});
