import { describe, expect, it } from "vitest";
import { type CallerFacts, resolveCaller } from "../../src/exchange/caller.ts";
import { type Client, type Method, methods } from "../../src/exchange/clients.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { clientOf, outcomeOf, refusal } from "./fixtures.ts";

const allowed: Method = "Exchange";
const others = methods.filter((method) => method !== allowed);
const listed = "https://app.example";

const only = { methods: new Set([allowed]) };
const browser = clientOf({ id: "page", kind: "browser", origins: new Set([listed, "https://second.example"]), ...only });
const native = clientOf({ id: "tool", kind: "native", ...only });
const service = clientOf({ id: "orders", kind: "service", ...only });
const other = clientOf({ id: "billing", kind: "service", ...only });
const clients: ReadonlyMap<string, Client> = new Map([browser, native, service, other].map((client) => [client.id, client]));

const origins = { none: undefined, listed, unlisted: "https://evil.example", null: "null" } as const;
const ids = { empty: "", own: "own", anotherService: "billing", anotherPublic: "other-public", unknown: "nobody" } as const;

function factsFor(
  client: Client,
  row: { origin: keyof typeof origins; id: keyof typeof ids; method: Method; inMessage: boolean },
): CallerFacts {
  const clientId = { ...ids, own: client.id, anotherPublic: client === browser ? native.id : browser.id }[row.id];
  const gate = client.kind === "service" ? client : undefined;
  return { service: gate, clientId, origin: origins[row.origin], method: row.method, proofInMessage: row.inMessage };
}

/** The same decision once more, as a list of answers in the order in which they count. Undefined: it is let in as `client`. */
function expected(client: Client, row: Parameters<typeof factsFor>[1]): Reason | undefined {
  const proved = client.kind === "service";
  if (proved && row.id !== "empty" && row.id !== "own") return "CALLER_UNAUTHENTICATED";
  if (!proved && row.id !== "own") return "CALLER_UNAUTHENTICATED";
  const originFits = {
    service: row.origin === "none",
    native: row.origin === "none",
    browser: row.origin === "listed" || (row.origin === "none" && row.inMessage),
  }[client.kind];
  if (!originFits) return "ORIGIN_NOT_ALLOWED";
  return row.method === allowed ? undefined : "CALLER_NOT_ALLOWED";
}

const rows = [service, browser, native].flatMap((client) =>
  (Object.keys(origins) as (keyof typeof origins)[]).flatMap((origin) =>
    (Object.keys(ids) as (keyof typeof ids)[])
      // Naming another public client without a proof is naming oneself: that row is that client's own.
      .filter((id) => client.kind === "service" || id !== "anotherPublic")
      .flatMap((id) =>
        [allowed, ...others].flatMap((method) => [true, false].map((inMessage) => ({ client, row: { origin, id, method, inMessage } }))),
      ),
  ),
);

describe("who calls", () => {
  it.each(
    rows.map(
      (one) =>
        [
          `${one.client.kind}, origin ${one.row.origin}, client_id ${one.row.id}, ${one.row.method}, proof in message: ${one.row.inMessage}`,
          one,
        ] as const,
    ),
  )("%s", (_name, { client, row }) => {
    const reason = expected(client, row);
    const outcome = outcomeOf(() => resolveCaller(clients, factsFor(client, row)));
    expect(outcome).toEqual(reason === undefined ? client : refusal(reason, { field: "CALLER" }));
  });

  it("lets some rows through and refuses some for each reason, so that the table says something", () => {
    const outcomes = new Set(rows.map(({ client, row }) => expected(client, row) ?? "in"));
    expect(outcomes).toEqual(new Set(["in", "CALLER_UNAUTHENTICATED", "ORIGIN_NOT_ALLOWED", "CALLER_NOT_ALLOWED"]));
  });

  it.each(["__proto__", "constructor", "hasOwnProperty", "PAGE", "page ", " page"])("knows no client %j", (clientId) => {
    const facts = { service: undefined, clientId, origin: listed, method: allowed, proofInMessage: true };
    expect(() => resolveCaller(clients, facts)).toThrow(refusal("CALLER_UNAUTHENTICATED"));
  });

  it.each([
    ["another scheme", "http://app.example"],
    ["another port", "https://app.example:8443"],
    ["a subdomain", "https://evil.app.example"],
    ["a longer host", "https://app.example.evil.example"],
    ["a trailing slash", "https://app.example/"],
    ["another case", "https://APP.example"],
    ["an empty one", ""],
    ["the opaque one of sandboxed frames", "null"],
  ])("refuses an origin that only looks like a listed one: %s", (_name, origin) => {
    const facts = { service: undefined, clientId: "page", origin, method: allowed, proofInMessage: true };
    expect(() => resolveCaller(clients, facts)).toThrow(refusal("ORIGIN_NOT_ALLOWED"));
  });

  it("does not take an origin that another client lists", () => {
    const second = clientOf({ id: "second", kind: "browser", origins: new Set(["https://second-only.example"]), ...only });
    const both = new Map([...clients, [second.id, second]]);
    const facts = { service: undefined, clientId: "page", origin: "https://second-only.example", method: allowed, proofInMessage: true };
    expect(() => resolveCaller(both, facts)).toThrow(refusal("ORIGIN_NOT_ALLOWED"));
  });

  it.each(["native", "service"] as const)("takes no origin from a %s client, not even one that stands in its list", (kind) => {
    const odd = clientOf({ id: "odd", kind, origins: new Set([listed]), ...only });
    const facts = { service: kind === "service" ? odd : undefined, clientId: "odd", origin: listed, method: allowed, proofInMessage: true };
    expect(() => resolveCaller(new Map([["odd", odd]]), facts)).toThrow(refusal("ORIGIN_NOT_ALLOWED"));
  });

  it("allows nothing to a client without methods", () => {
    const idle = clientOf({ id: "idle", kind: "native", methods: new Set() });
    for (const method of methods) {
      const facts = { service: undefined, clientId: "idle", origin: undefined, method, proofInMessage: true };
      expect(() => resolveCaller(new Map([["idle", idle]]), facts)).toThrow(refusal("CALLER_NOT_ALLOWED"));
    }
  });
});
