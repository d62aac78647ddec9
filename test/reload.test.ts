import { describe, expect, it } from "vitest";
import type { Configuration } from "../src/config/schema.ts";
import { createReload } from "../src/reload.ts";
import { createLog } from "../src/telemetry/log.ts";
import type { Edition } from "../src/wiring/edition.ts";
import { exampleWith, load } from "./config/given.ts";

type Line = Readonly<Record<string, unknown>>;

const configured = (changes: Readonly<Record<string, unknown>> = {}): Configuration => load({ text: exampleWith(changes) });

/** A core that notes which configuration is in force. */
function given() {
  const lines: Line[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => lines.push(JSON.parse(line) as Line) } });
  let configuration = configured();
  const core = {
    current: () => ({ configuration }) as Edition,
    reload(read: Configuration) {
      configuration = read;
    },
  };
  return { lines, reload: createReload(core, log), inForce: () => configuration };
}

describe("a reload", () => {
  it("of what has no price says only that it happened", () => {
    const { lines, reload } = given();
    reload(() => configured());
    expect(lines).toMatchObject([{ level: "info", msg: "configuration reloaded" }]);
  });

  it.each<[string, Readonly<Record<string, unknown>>, Line]>([
    ["an audience that only reports", { "audiences/orders/accepts/main/report_only": true }, { audience: "orders", provider: "main" }],
    ["a client that only reports", { "clients/web/report_only": ["scopes"] }, { client: "web", rules: ["scopes"] }],
    ["issuer_check off", { "providers/main/tokens": { issuer_check: false } }, { provider: "main" }],
    ["allow_http", { "providers/main/allow_http": true }, { provider: "main" }],
    ["pkce none", { "providers/corporate/pkce": "none" }, { provider: "corporate" }],
    ["raw refresh tokens of a browser client", { "clients/web/raw_refresh_tokens": true }, { client: "web" }],
  ])("warns of %s, as a start does, and each time", (_name, changes, expected) => {
    const { lines, reload } = given();
    reload(() => configured(changes));
    reload(() => configured(changes));
    expect(lines.filter(({ level }) => level === "warn")).toMatchObject([expected, expected]);
  });

  it("that is refused warns of nothing that did not come into force", () => {
    const { lines, reload, inForce } = given();
    const before = inForce();
    reload(() => load({ text: exampleWith({ "providers/corporate/pkce": "none", "clients/web/kind": "nobody" }) }));
    expect(lines).toMatchObject([{ level: "error", msg: "configuration refused: the one before stays in force" }]);
    expect(inForce()).toBe(before);
  });

  it("names what waits for the next start", () => {
    const { lines, reload } = given();
    reload(() => configured({ "server/issuer": "https://other.example", "providers/main/timeout": "20s" }));
    expect(lines).toMatchObject([{ level: "warn", waiting: ["server"] }]);
  });
});
