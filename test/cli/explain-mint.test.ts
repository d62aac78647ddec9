import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { explainCommand } from "../../src/cli/explain.ts";

const folder = mkdtempSync(join(tmpdir(), "cambio-explain-mint-"));
afterAll(() => rmSync(folder, { recursive: true }));

const own = (identifier: string) => ({ cambio: { identifiers: [identifier], clients: ["web", "orders"] } });
const written = {
  server: { issuer: "https://cambio.example" },
  sealing: { keys: [{ id: "1", key: Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index)).toString("base64url") }] },
  database: { file: "cambio.sqlite" },
  signing: {},
  providers: {
    site: { kind: "better-auth", issuer: "https://site.example", subject_prefix: "site:" },
    main: { kind: "oidc", issuer: "https://main.example", client: { id: "cambio", secret: "a-secret-of-ours" }, subject_prefix: "main:" },
  },
  audiences: {
    orders: { accepts: { main: { identifiers: ["https://orders.example"], clients: ["web", "desk"] } } },
    backend: {
      accepts: own("https://backend.example"),
      mint: {
        from: { site: { scopes: ["read"] }, main: { scope_map: { "orders:read": ["read"] } } },
        actors: [{ provider: "main", clients: ["desk"], for: ["main", "site"] }],
      },
    },
    stock: { accepts: own("https://stock.example"), mint: { from: { cambio: {} } } },
  },
  clients: {
    web: {
      kind: "browser",
      origins: ["https://site.example"],
      methods: ["Exchange"],
      providers: { site: { audiences: ["backend"], scopes: ["read"], exchanged_refresh_tokens: true } },
    },
    orders: {
      kind: "service",
      secrets: ["a-secret-of-the-orders-service"],
      methods: ["Exchange", "ValidateCrossClient"],
      audiences: ["orders", "backend"],
      providers: { main: { audiences: ["backend"], scopes: ["read"] }, cambio: { audiences: ["stock"] }, site: { audiences: ["backend"] } },
    },
  },
};
const configuration = join(folder, "cambio.yaml");
writeFileSync(configuration, stringify(written));

const nowMs = Date.parse("2026-03-01T12:00:00Z");
const now = nowMs / 1_000;

function claimsFile(name: string, claims: object): string {
  const usual = {
    iss: "https://main.example",
    sub: "alice",
    aud: "https://orders.example",
    client_id: "web",
    iat: now - 10,
    exp: now + 600,
  };
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify({ ...usual, ...claims }));
  return path;
}

const user = claimsFile("user", { scope: "orders:read" });
const desk = claimsFile("desk", { sub: "desk-7", client_id: "desk" });
const delegated = claimsFile("delegated", { sub: "desk-7", client_id: "desk", act: { sub: "somebody" } });
const stranger = claimsFile("stranger", { sub: "eve" });
const reserved = claimsFile("reserved", { scope: "orders:read", may_act: { sub: "desk-1" } });
const actor = (number: number, act: object): object =>
  number === 0 ? act : actor(number - 1, { sub: `a${number}`, ...(Object.keys(act).length === 0 ? {} : { act }) });
const full = claimsFile("full", { act: actor(4, {}) });
const ours = claimsFile("ours", { iss: "https://cambio.example", sub: "site:alice", aud: "https://backend.example" });

async function explained(...words: readonly string[]): Promise<{ status: number; text: string }> {
  let text = "";
  const out = (piece: string) => void (text += piece);
  const input = (async function* () {})();
  const status = await explainCommand([configuration, ...words], { out, error: out, input, clock: () => nowMs });
  return { status, text };
}

const asOrders = ["--caller", "orders", "--method", "Exchange", "--audience", "backend"];
const asPage = ["--caller", "web", "--session", "--origin", "https://site.example"];

describe("cambio explain, of what is issued here", () => {
  it("shows each rule by which a session becomes a token", async () => {
    const { status, text } = await explained(...asPage, "--scope", "read", "--refresh-token");
    expect(status).toBe(0);
    for (const rule of [
      "clients.web.providers.site.audiences",
      "audiences.backend.mint.from.site",
      "audiences.backend.mint.from.site.scopes",
      "clients.web.providers.site.exchanged_refresh_tokens",
    ])
      expect(text).toMatch(new RegExp(`holds +${rule.replaceAll(".", "\\.")}\\n`));
    expect(text).toContain("A token that is issued here, for backend");
  });

  it("shows who acts, and by which rule", async () => {
    const { status, text } = await explained(...asOrders, "--claims", user, "--actor", desk);
    expect(status).toBe(0);
    expect(text).toContain("The actor's token");
    expect(text).toMatch(/holds +act: "desk-7" of "https:\/\/main\.example"/);
    expect(text).toMatch(/holds +audiences\.backend\.mint\.actors\n/);
  });

  it("tells of a token of our own that it is one, and that it may go on", async () => {
    const { status, text } = await explained("--caller", "orders", "--method", "Exchange", "--audience", "stock", "--claims", ours);
    expect(status).toBe(0);
    expect(text).toMatch(/holds +server\.issuer/);
    expect(text).toMatch(/holds +audiences\.stock\.mint\.from\.cambio\n/);
  });

  it.each([
    [
      "a page of another origin",
      ["--caller", "web", "--session", "--origin", "https://evil.example"],
      "ORIGIN_NOT_ALLOWED",
      "clients.web.origins",
    ],
    ["a scope that no session opens", [...asPage, "--scope", "admin"], "SCOPE_NOT_ALLOWED", "clients.web.providers.site.scopes"],
    ["two audiences in one token", [...asPage, "--audience", "backend", "--audience", "stock"], "TARGET_NOT_ALLOWED", "audiences"],
    [
      "an actor that no rule lists",
      [...asOrders, "--claims", user, "--actor", stranger],
      "DELEGATION_NOT_ALLOWED",
      "audiences.backend.mint.actors",
    ],
    ["an actor whom may_act does not name", [...asOrders, "--claims", reserved, "--actor", desk], "DELEGATION_NOT_ALLOWED", "act, may_act"],
    ["an actor for whom somebody acts", [...asOrders, "--claims", user, "--actor", delegated], "DELEGATION_NOT_ALLOWED", "act, may_act"],
    ["a fifth actor", [...asOrders, "--claims", full, "--actor", desk], "DELEGATION_NOT_ALLOWED", "act, may_act"],
    [
      "a refresh token for what a token came from",
      [...asOrders, "--claims", user, "--refresh-token"],
      "CALLER_NOT_ALLOWED",
      "requested_token_type",
    ],
  ])("names the rule that refuses %s", async (_name, words, reason, rule) => {
    const { status, text } = await explained(...words);
    expect(status).toBe(1);
    expect(text).toContain(`refused: ${reason}`);
    expect(text).toMatch(new RegExp(`refuses +${rule.replaceAll(".", "\\.")}`));
  });

  it.each([
    ["a session and claims at once", ["--caller", "web", "--session", "--claims", user, "--method", "Exchange"], "--claims or --session"],
    ["an actor for a code", ["--caller", "web", "--actor", desk], "--actor has no meaning"],
    [
      "an actor for a validation",
      ["--caller", "orders", "--method", "ValidateCrossClient", "--claims", user, "--actor", desk],
      "--actor has no meaning",
    ],
    ["a session for a refresh", ["--caller", "web", "--method", "Refresh", "--session"], "--session has no meaning"],
    ["standard input for both", [...asOrders, "--claims", "-", "--actor", "-"], "cannot both be standard input"],
  ])("does not understand %s", async (_name, words, sentence) => {
    const { status, text } = await explained(...words);
    expect(status).toBe(2);
    expect(text).toContain(sentence);
  });
});
