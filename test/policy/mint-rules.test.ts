import { describe, expect, it } from "vitest";
import { configurationSchema } from "../../src/config/schema.ts";
import { reportableRules } from "../../src/exchange/clients.ts";
import type { MintQuestion } from "../../src/exchange/decision.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { type Written, written } from "../exchange/mint-written.ts";

interface Case {
  readonly change?: (given: Written) => void;
  readonly asked?: Partial<MintQuestion>;
}

const robot = { provider: "main", clientId: "agent", subject: "robot" };

/** As `orders`, with a token of `main` and an actor of it, for `backend`. */
function decided({ change = () => undefined, asked = {} }: Case) {
  const given = written();
  given.clients.orders.providers["main"] = { ...given.clients.orders.providers["main"], exchanged_refresh_tokens: true };
  change(given);
  const policy = compilePolicy(configurationSchema.parse(given));
  const client = policy.clients.get("orders");
  if (client === undefined) throw new Error("no such client");
  const usual = { audience: "backend", scopes: ["read"], subjectScopes: ["o.read"], actor: robot, refreshToken: true };
  return createDecide(policy.audiences, { minting: policy.minting })({ kind: "mint", client, provider: "main", ...usual, ...asked });
}

const grantWith = (given: object) => (all: Written) => {
  all.clients.orders.providers["main"] = { ...all.clients.orders.providers["main"], ...given };
};
const at = "clients.orders.providers.main";
const mint = "audiences.backend.mint";

/** Each breaks one rule and keeps all the others. */
const broken: readonly (readonly [what: string, given: Case, rule: string, reason: string])[] = [
  [
    "a client that is disabled",
    { change: ({ clients }) => (clients.orders["disabled"] = true) },
    "clients.orders.disabled",
    "CALLER_NOT_ALLOWED",
  ],
  [
    "a provider that the client may not use",
    { change: ({ clients }) => delete clients.orders.providers["main"] },
    at,
    "CALLER_NOT_ALLOWED",
  ],
  ["an audience beyond the client's", { change: grantWith({ audiences: ["stock"] }) }, `${at}.audiences`, "TARGET_NOT_ALLOWED"],
  [
    "subjects that get no tokens for the audience",
    { change: ({ audiences }) => delete (audiences.backend.mint["from"] as Record<string, unknown>)["main"] },
    `${mint}.from.main`,
    "TARGET_NOT_ALLOWED",
  ],
  ["a scope beyond the client's", { change: grantWith({ scopes: ["write"] }) }, `${at}.scopes`, "SCOPE_NOT_ALLOWED"],
  ["a scope that the subject does not open", { asked: { scopes: ["write"] } }, `${mint}.from.main.scopes`, "SCOPE_NOT_ALLOWED"],
  [
    "a scope of the subject that means nothing here",
    { asked: { subjectScopes: ["read"] } },
    `${mint}.from.main.scopes`,
    "SCOPE_NOT_ALLOWED",
  ],
  ["an actor of another client", { asked: { actor: { ...robot, clientId: "web" } } }, `${mint}.actors`, "DELEGATION_NOT_ALLOWED"],
  ["an actor of another provider", { asked: { actor: { ...robot, provider: "cambio" } } }, `${mint}.actors`, "DELEGATION_NOT_ALLOWED"],
  [
    "an actor for subjects of another provider",
    { change: ({ audiences }) => (audiences.backend.mint["actors"] = [{ provider: "main", clients: ["agent"], for: ["site"] }]) },
    `${mint}.actors`,
    "DELEGATION_NOT_ALLOWED",
  ],
  [
    "any actor where none is listed",
    { change: ({ audiences }) => (audiences.backend.mint["actors"] = []) },
    `${mint}.actors`,
    "DELEGATION_NOT_ALLOWED",
  ],
  ["a refresh handle", { change: grantWith({ exchanged_refresh_tokens: false }) }, `${at}.exchanged_refresh_tokens`, "CALLER_NOT_ALLOWED"],
];

describe("a token that is to be issued here", () => {
  it("may be, within all rules", () => {
    expect(decided({})).toEqual({ rule: `${at}.exchanged_refresh_tokens`, refusal: undefined, reported: [] });
  });

  it.each<[string, Case]>([
    [
      "no actor where nobody is to act",
      { asked: { actor: undefined }, change: ({ audiences }) => (audiences.backend.mint["actors"] = []) },
    ],
    [
      "no right to handles where none is asked for",
      { asked: { refreshToken: false }, change: grantWith({ exchanged_refresh_tokens: false }) },
    ],
    ["no scope at all", { asked: { scopes: [], subjectScopes: [] }, change: grantWith({ scopes: [] }) }],
  ])("needs %s", (_what, given) => {
    expect(decided(given).refusal).toBeUndefined();
  });

  it.each(broken)("is refused for %s", (_what, given, path, reason) => {
    expect(decided(given).refusal).toMatchObject({ rule: path, reason });
  });

  it("tells of a refused actor that it is the actor's token", () => {
    expect(decided({ asked: { actor: { ...robot, clientId: "web" } } }).refusal).toMatchObject({ field: "ACTOR_TOKEN" });
  });

  it("names nothing of the audience to a client that may not ask for it", () => {
    expect(decided({ asked: { audience: "orders" } }).refusal?.rule).toBe(`${at}.audiences`);
    expect(decided({ asked: { audience: "nowhere" } }).refusal?.rule).toBe(`${at}.audiences`);
  });

  it.each(["constructor", "__proto__", "toString"])("finds no rule under a name that every object has: %s", (name) => {
    expect(decided({ asked: { audience: name } }).refusal?.reason).toBe("TARGET_NOT_ALLOWED");
    expect(decided({ asked: { provider: name } }).refusal?.reason).toBe("CALLER_NOT_ALLOWED");
  });

  it("opens from a token of our own what that has, and the map of another issuer is none of its business", () => {
    const own = { provider: "cambio", audience: "stock", subjectScopes: ["read"], actor: undefined, refreshToken: false } as const;
    expect(decided({ asked: { ...own, scopes: ["read"] } }).refusal).toBeUndefined();
    expect(decided({ asked: { ...own, scopes: ["write"] } }).refusal?.rule).toBe("audiences.stock.mint.from.cambio.scopes");
  });
});

describe("with every rule of the client on trial, and of the audience", () => {
  const onTrial = (change: Case["change"]) => (given: Written) => {
    change?.(given);
    given.clients.orders["report_only"] = [...reportableRules];
    for (const accepted of Object.values(given.audiences["orders"]["accepts"] as Record<string, object>))
      Object.assign(accepted, { report_only: true });
  };

  it.each(broken)("%s passes only where that rule can be on trial", (_what, given, path) => {
    const tried = path === `${at}.scopes` || path === `${at}.audiences`;
    const { refusal, reported } = decided({ ...given, change: onTrial(given.change) });
    expect([refusal?.rule, reported.map((one) => one.rule)]).toEqual(tried ? [undefined, [path]] : [path, []]);
  });

  it.each<[string, Case, string]>([
    ["a scope that is beyond the client and that no subject opens", { asked: { scopes: ["admin"] } }, `${mint}.from.main.scopes`],
    ["an audience beyond the client that issues nothing", { asked: { audience: "orders" } }, "audiences.orders.mint.from.main"],
  ])("%s stays refused", (_what, given, path) => {
    expect(decided({ ...given, change: onTrial(given.change) }).refusal?.rule).toBe(path);
  });
});
