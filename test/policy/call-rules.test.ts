import { describe, expect, it } from "vitest";
import { type Client, type Method, methods } from "../../src/exchange/clients.ts";
import type { CallQuestion } from "../../src/exchange/decision.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { clientOf } from "../exchange/fixtures.ts";

const decide = createDecide(new Map());

const allowed: Method = "Exchange";
const listed = "https://app.example";

const only = { methods: new Set([allowed]) };
const browser = clientOf({ id: "page", kind: "browser", origins: new Set([listed, "https://second.example"]), ...only });
const native = clientOf({ id: "tool", kind: "native", ...only });
const service = clientOf({ id: "orders", kind: "service", ...only });

const origins = { none: undefined, listed, unlisted: "https://evil.example", null: "null" } as const;

interface Row {
  readonly client: Client;
  readonly origin: keyof typeof origins;
  readonly method: Method;
  readonly inMessage: boolean;
}

const rows: readonly Row[] = [service, browser, native].flatMap((client) =>
  (Object.keys(origins) as (keyof typeof origins)[]).flatMap((origin) =>
    methods.flatMap((method) => [true, false].map((inMessage) => ({ client, origin, method, inMessage }))),
  ),
);

/** The same decision once more, as a list of answers in the order in which they count. Undefined: it is let in. */
function expected({ client, origin, method, inMessage }: Row): Reason | undefined {
  const originFits = {
    service: origin === "none",
    native: origin === "none",
    browser: origin === "listed" || (origin === "none" && inMessage),
  }[client.kind];
  if (!originFits) return "ORIGIN_NOT_ALLOWED";
  return method === allowed ? undefined : "CALLER_NOT_ALLOWED";
}

const question = (given: Pick<CallQuestion, "client"> & Partial<CallQuestion>): CallQuestion => ({
  kind: "call",
  method: allowed,
  origin: undefined,
  proofInMessage: true,
  ...given,
});
const reasonOf = (given: Parameters<typeof question>[0]): Reason | undefined => decide(question(given)).refusal?.reason;

describe("a call", () => {
  it.each(rows.map((row) => [`${row.client.kind}, origin ${row.origin}, ${row.method}, proof in message: ${row.inMessage}`, row] as const))(
    "%s",
    (_name, row) => {
      const { client, method } = row;
      const { refusal } = decide({ kind: "call", client, method, origin: origins[row.origin], proofInMessage: row.inMessage });
      const reason = expected(row);
      const rule = `clients.${client.id}.${reason === "ORIGIN_NOT_ALLOWED" ? "origins" : "methods"}`;
      expect(refusal).toEqual(reason === undefined ? undefined : { rule, reason, field: "CALLER" });
    },
  );

  it("is let in for some rows and refused for each reason, so that the table says something", () => {
    expect(new Set(rows.map((row) => expected(row) ?? "in"))).toEqual(new Set(["in", "ORIGIN_NOT_ALLOWED", "CALLER_NOT_ALLOWED"]));
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
  ])("from an origin that only looks like a listed one is refused: %s", (_name, origin) => {
    expect(reasonOf({ client: browser, origin })).toBe("ORIGIN_NOT_ALLOWED");
  });

  it.each(["native", "service"] as const)("of a %s client has no origin, not even one that stands in its list", (kind) => {
    const odd = clientOf({ id: "odd", kind, origins: new Set([listed]), ...only });
    expect(reasonOf({ client: odd, origin: listed })).toBe("ORIGIN_NOT_ALLOWED");
  });

  it.each(methods)("of a client without methods is refused: %s", (method) => {
    expect(reasonOf({ client: clientOf({ kind: "native", methods: new Set() }), method })).toBe("CALLER_NOT_ALLOWED");
  });

  it("of a disabled client is refused before anything else is looked at", () => {
    const client = clientOf({ ...browser, disabled: true });
    expect(decide(question({ client, origin: "https://evil.example", method: "Revoke" })).refusal).toEqual({
      rule: "clients.page.disabled",
      reason: "CALLER_NOT_ALLOWED",
      field: "CALLER",
    });
  });
});

describe("a list of methods on trial", () => {
  const tried = clientOf({ ...native, reportOnly: new Set(["methods"]) });

  it("lets an unlisted method pass, and says so", () => {
    expect(decide(question({ client: tried, method: "Revoke" }))).toEqual({
      rule: "clients.tool.methods",
      refusal: undefined,
      reported: [{ rule: "clients.tool.methods", reason: "CALLER_NOT_ALLOWED", field: "CALLER" }],
    });
  });

  it("says nothing of a listed one", () => {
    expect(decide(question({ client: tried })).reported).toEqual([]);
  });

  it("does not let a page in that is not the client's", () => {
    expect(reasonOf({ client: tried, origin: "https://evil.example" })).toBe("ORIGIN_NOT_ALLOWED");
  });
});
