import { describe, expect, it } from "vitest";
import type { AudienceRule, Audiences, Client } from "../../src/exchange/clients.ts";
import { reportableRules } from "../../src/exchange/clients.ts";
import type { SwapQuestion } from "../../src/exchange/decision.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { clientOf, grantOf } from "../exchange/fixtures.ts";

const rule: AudienceRule = { identifiers: ["urn:orders"], clients: new Set(["web"]), reportOnly: false, exchangeAs: "orders-client" };
const audiences: Audiences = new Map([
  ["orders", new Map([["main", rule]])],
  ["silent", new Map([["main", { ...rule, exchangeAs: undefined }]])],
  ["inventory", new Map([["main", { ...rule, identifiers: ["urn:inventory"], exchangeAs: undefined }]])],
  ["elsewhere", new Map([["second", rule]])],
]);
const decide = createDecide(audiences);

const grant = grantOf({ scopes: ["read", "write"], audiences: ["orders", "inventory", "elsewhere"], exchangedRefreshTokens: true });
const withGrant = (given: Partial<typeof grant>) => ({ providers: new Map([["main", { ...grant, ...given }]]) });
const orders: Partial<Client> = { id: "orders", audiences: ["orders", "silent"], ...withGrant({}) };

interface Case {
  readonly client?: Partial<Client>;
  readonly asked?: Partial<SwapQuestion>;
}

const decided = ({ client, asked }: Case) =>
  decide({
    kind: "swap",
    client: clientOf({ kind: "service", ...orders, ...client }),
    audience: "orders",
    provider: "main",
    audiences: ["inventory"],
    scopes: ["read"],
    token: { scopes: ["read", "write"] },
    refreshToken: true,
    ...asked,
  });

/** Each breaks one rule and keeps all the others. */
const broken: readonly (readonly [what: string, given: Case, rule: string, reason: string])[] = [
  ["a client that is disabled", { client: { disabled: true } }, "clients.orders.disabled", "CALLER_NOT_ALLOWED"],
  ["a token of somebody else's audience", { asked: { audience: "inventory" } }, "clients.orders.audiences", "TARGET_NOT_ALLOWED"],
  [
    "an audience without a registration",
    { asked: { audience: "silent" } },
    "audiences.silent.accepts.main.exchange_as",
    "TARGET_NOT_ALLOWED",
  ],
  ["nobody in particular", { asked: { audiences: [] } }, "audiences", "TARGET_NOT_ALLOWED"],
  ["a provider that the client may not use", { client: { providers: new Map() } }, "clients.orders.providers.main", "CALLER_NOT_ALLOWED"],
  ["a scope beyond the client's", { client: withGrant({ scopes: [] }) }, "clients.orders.providers.main.scopes", "SCOPE_NOT_ALLOWED"],
  [
    "an audience beyond the client's",
    { client: withGrant({ audiences: [] }) },
    "clients.orders.providers.main.audiences",
    "TARGET_NOT_ALLOWED",
  ],
  ["an audience of another provider", { asked: { audiences: ["elsewhere"] } }, "audiences.elsewhere.accepts.main", "TARGET_NOT_ALLOWED"],
  [
    "one such audience among others",
    { asked: { audiences: ["inventory", "elsewhere"] } },
    "audiences.elsewhere.accepts.main",
    "TARGET_NOT_ALLOWED",
  ],
  ["a scope that the token lacks", { asked: { token: { scopes: ["write"] } } }, "subject_token scope", "SCOPE_NOT_ALLOWED"],
  [
    "a refresh token",
    { client: withGrant({ exchangedRefreshTokens: false }) },
    "clients.orders.providers.main.exchanged_refresh_tokens",
    "CALLER_NOT_ALLOWED",
  ],
];

describe("an exchange of a token", () => {
  it("is allowed within all rules", () => {
    expect(decided({})).toEqual({ rule: "clients.orders.providers.main.exchanged_refresh_tokens", refusal: undefined, reported: [] });
  });

  it("needs no right to a refresh token where none is asked for", () => {
    expect(decided({ client: withGrant({ exchangedRefreshTokens: false }), asked: { refreshToken: false } }).refusal).toBeUndefined();
  });

  it("may ask for no scope at all", () => {
    expect(decided({ asked: { scopes: [], token: { scopes: [] } } }).refusal).toBeUndefined();
  });

  it.each(broken)("is refused for %s", (_what, given, path, reason) => {
    expect(decided(given).refusal).toMatchObject({ rule: path, reason });
  });

  it.each(broken)("with every rule of the client on trial lets pass %s only where that rule can be on trial", (_what, given, path) => {
    const client = { ...given.client, reportOnly: new Set(reportableRules) };
    const tried = /\.providers\.main\.(scopes|audiences)$/.test(path);
    const { refusal, reported } = decided({ ...given, client });
    expect([refusal?.rule, reported.map((one) => one.rule)]).toEqual(tried ? [undefined, [path]] : [path, []]);
  });

  it("with its scopes on trial still gets none that the token lacks", () => {
    const client = { ...withGrant({ scopes: [] }), reportOnly: new Set(reportableRules) };
    expect(decided({ client, asked: { scopes: ["admin"] } })).toMatchObject({
      refusal: { rule: "subject_token scope", reason: "SCOPE_NOT_ALLOWED" },
      reported: [{ rule: "clients.orders.providers.main.scopes" }],
    });
  });
});
