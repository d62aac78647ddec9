import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chainStart, startLines } from "../../src/audit/chained-lines.ts";
import { maxLineBytes, readRecord } from "../../src/audit/read-record.ts";
import { entryBody, sha256 } from "../../src/audit/record.ts";
import { createSigningKey } from "../../src/audit/signing-key.ts";
import type { AuditEntry } from "../../src/exchange/ports.ts";
import { entry, ourKey, startMs } from "./trail-rig.ts";

const key = createSigningKey(ourKey);

function lineOf(given: AuditEntry): string {
  const lines = startLines(chainStart, key);
  lines.add(entryBody(given, startMs));
  const [line = ""] = lines.lines;
  return line;
}
const parsed = (given: AuditEntry) => JSON.parse(lineOf(given)) as Record<string, unknown>;

const full: Required<AuditEntry> = {
  kind: "security",
  requestId: "request-1",
  method: "Exchange",
  protocol: "grpc",
  caller: "orders",
  address: "192.0.2.1",
  provider: "main",
  issuer: "https://login.example.com",
  subject: "user-1",
  originClient: "web",
  actor: "service-account-orders",
  actorIssuer: "https://login.example.com",
  issued: "token-1",
  audience: "orders-api",
  scopes: ["openid"],
  targets: ["inventory"],
  rule: "clients.orders.methods",
  reported: ["clients.orders.scopes"],
  token: "hash",
  connection: "connection-1",
  reason: "TOKEN_REVOKED",
  event: "revoked_token_shown",
  count: 1,
};

it("writes every member of an entry in one fixed order, whatever the order it came in", () => {
  const names = ["seq", "time", "kind", "request_id", "method", "protocol", "caller", "address", "provider", "issuer", "subject"];
  const further = [
    "origin_client",
    "actor",
    "actor_issuer",
    "issued",
    "audience",
    "scopes",
    "targets",
    "rule",
    "reported",
    "token",
    "connection",
    "reason",
    "event",
    "count",
    "prev",
    "hash",
  ];
  expect(Object.keys(parsed(full))).toEqual([...names, ...further]);
  const reversed = Object.fromEntries(Object.entries(full).toReversed()) as unknown as AuditEntry;
  expect(lineOf(reversed)).toBe(lineOf(full));
});

it("writes nothing for what is not known", () => {
  expect(Object.keys(parsed({ kind: "outcome", reason: "OK" }))).toEqual(["seq", "time", "kind", "reason", "prev", "hash"]);
});

describe("an attacker who chooses values", () => {
  it.each([
    ["line ends", 'a\nb\r\n{"seq":2}\u2028\u2029\u0085'],
    ["quotes and the end of a record", '","prev":"0","hash":"0"}\n{"seq":2,"kind":"close"}'],
    ["a hash of his own", ',"hash":"0000"}'],
    ["control characters and terminal sequences", "\u0000\u001b[2J\u0007\u007f\u009b31m"],
    ["text that runs the other way", "\u202eadmin\u2066"],
    ["half of a character", "\ud800 and \udc00"],
    ["letters that look like others", "оrders"],
  ])("cannot leave one field of one line with %s", (_, value) => {
    const line = lineOf(entry("request-1", { caller: value, subject: value, scopes: [value, value] }));
    expect(line).toMatch(/^[\u0020-\u007e]+\n$/);
    expect(JSON.parse(line)).toMatchObject({ caller: value, subject: value, scopes: [value, value], reason: "OK" });
    expect(readRecord(line.trimEnd())).toMatchObject({ seq: 1, kind: "outcome" });
  });

  it("cannot leave one line with anything at all", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 200 }),
        fc.array(fc.string({ unit: "binary" }), { maxLength: 5 }),
        (text, scopes) => {
          const line = lineOf(entry(text, { subject: text, scopes }));
          expect(line).toMatch(/^[\u0020-\u007e]+\n$/);
          expect(JSON.parse(line)).toMatchObject({ request_id: text, subject: text, scopes });
          expect(readRecord(line.slice(0, -1))).toHaveProperty("hash");
        },
      ),
    );
  });

  it("has a text that is too long written as its hash, which differs for texts that differ only behind the limit", () => {
    const long = "x".repeat(5_000);
    const [one, other] = [parsed(entry("1", { subject: `${long}a` })), parsed(entry("1", { subject: `${long}b` }))];
    expect(one["subject"]).toEqual({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/), characters: 5_001 });
    expect(one["subject"]).not.toEqual(other["subject"]);
  });

  it("cannot write a text that looks like a hash of ours", () => {
    const mark = JSON.stringify({ sha256: "0".repeat(64), characters: 5_001 });
    expect(parsed(entry("1", { subject: mark }))["subject"]).toBe(mark);
  });

  it("has a list that is too long written as its hash and its length", () => {
    const scopes = Array.from({ length: 2_000 }, (_, index) => `scope-${index}`);
    expect(parsed(entry("1", { scopes }))["scopes"]).toEqual({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/), items: 2_000 });
  });

  it("cannot make a line that verification refuses for its length", () => {
    const worst = "\u0000".repeat(383);
    const all = Object.fromEntries(Object.keys(full).map((name) => [name, worst])) as unknown as AuditEntry;
    const lists = Array.from({ length: 3 }, () => worst);
    expect(lineOf({ ...all, kind: "security", scopes: lists, reported: lists }).length).toBeLessThan(maxLineBytes);
  });
});

/** The line with its hash made to fit, as whoever writes lines of his own would. */
function rehashed(line: string): string {
  const covered = line.slice(0, line.lastIndexOf(',"hash":'));
  return `${covered},"hash":"${sha256(covered)}"}`;
}

it.each([
  ["white space", (line: string) => line.replace('"kind":', '"kind": ')],
  ["a member twice", (line: string) => line.replace('"caller":"orders"', '"caller":"orders","caller":"web"')],
  ["another escape for the same character", (line: string) => line.replace("orders", "\\u006frders")],
  ["a kind that nobody knows", (line: string) => line.replace('"outcome"', '"excuse"')],
  ["a time that is none", (line: string) => line.replace("2026-11-20T10", "2026-11-20T25")],
  ["a number that is none", (line: string) => line.replace('"seq":1,', '"seq":1.5,')],
])("a line with %s is not read as a record, also where its hash fits", (_, change) => {
  const line = lineOf(entry("request-1")).trimEnd();
  expect(readRecord(rehashed(line))).toMatchObject({ seq: 1 });
  expect(change(line)).not.toBe(line);
  expect(readRecord(rehashed(change(line)))).toBe("foreign");
});

it("a line with a member behind its hash is not read as a record", () => {
  const line = lineOf(entry("request-1")).trimEnd();
  expect(readRecord(line.replace(/\}$/, ',"caller":"web"}'))).toBe("foreign");
});
