import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSheet } from "../../src/cli/explain-sheet.ts";
import { type AskedCall, explainCall } from "../../src/cli/explained-call.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import { parseCompact } from "../../src/exchange/token/compact.ts";
import { callback, type CoreRig, patience, startCoreRig } from "../exchange/core-rig.ts";
import { startValidateRig, type ValidateRig } from "../exchange/validate-rig.ts";

let validation: ValidateRig;
let core: CoreRig;
beforeAll(async () => {
  [validation, core] = await Promise.all([startValidateRig(), startCoreRig()]);
});
afterAll(() => Promise.all([validation.close(), core.close()]));

const silent = createSheet(() => undefined);
const explained = (configuration: Configuration, nowMs: number, asked: Partial<AskedCall> & Pick<AskedCall, "caller" | "method">) =>
  explainCall(
    configuration,
    {
      provider: "",
      audiences: [],
      scopes: [],
      redirectUri: "",
      origin: undefined,
      claims: undefined,
      session: false,
      actor: undefined,
      exchange: false,
      refreshToken: false,
      nowMs,
      ...asked,
    },
    silent,
  );

async function reasonOf(answer: Promise<unknown>): Promise<Reason | undefined> {
  try {
    await answer;
    return undefined;
  } catch (failure) {
    if (failure instanceof ExchangeError) return failure.reason;
    throw failure;
  }
}

/** Mostly what is good, or every question would end at its first flaw. */
const mostly = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

describe("an explanation says what the service decides", () => {
  it("about genuine tokens of all kinds", async () => {
    const seen = new Set<Reason | "allowed">();
    const now = validation.clock() / 1_000;
    const token = fc.record({
      exp: mostly<unknown>(now + 600, now + 60, now + 61, "soon", now + 1_000_000),
      nbf: mostly<unknown>(undefined, now + 31, now + 30, -1),
      sub: mostly<unknown>("alice", undefined, 7),
      client_id: mostly<unknown>("web", "tool", "evil", undefined),
      aud: mostly<unknown>(["https://orders.example"], "urn:orders", "https://billing.example", [], [7]),
      scope: mostly<unknown>("a b", undefined, ["a"]),
      act: mostly<unknown>(undefined, { sub: "gateway" }, "gateway"),
      cnf: mostly<unknown>(undefined, { jkt: "x" }),
      iss: mostly<unknown>(validation.fake.issuer, "https://public-name.example", validation.stranger.issuer),
    });
    const question = fc.record({
      caller: mostly("orders", "billing", "nothing"),
      provider: mostly("", "main", "lenient", "nowhere"),
      audience: mostly("", "orders", "reports", "billing", "nowhere"),
      requiredScopes: mostly<readonly string[]>([], ["a"], ["c"]),
    });
    await fc.assert(
      fc.asyncProperty(token, question, async (claims, { caller, provider, audience, requiredScopes }) => {
        const minted = await validation.fake.mint(claims);
        const client = validation.client(caller as Parameters<ValidateRig["client"]>[0]);
        const decided = await reasonOf(validation.ask(minted, { client, provider, audience, requiredScopes }, validation.fresh()));
        const told = explained(validation.configuration, validation.clock(), {
          caller,
          method: "ValidateCrossClient",
          provider,
          audiences: audience === "" ? [] : [audience],
          scopes: requiredScopes,
          claims: parseCompact(minted).payload,
        });
        expect(told).toBe(decided);
        seen.add(decided ?? "allowed");
      }),
      { numRuns: 400 },
    );
    expect(seen.size).toBeGreaterThan(8);
  });

  it("about sign-ins that begin", async () => {
    const seen = new Set<Reason | "allowed">();
    const question = fc.record({
      caller: mostly<"web" | "other" | "backend">("web", "other", "backend"),
      provider: mostly("main", "second", "", "nowhere"),
      redirectUri: mostly(callback, "", "https://evil.example/callback"),
      scopes: mostly<readonly string[]>([], ["openid"], ["openid", "admin"]),
      audiences: mostly<readonly string[]>([], ["orders"], ["payroll"], ["nowhere"]),
    });
    await fc.assert(
      fc.asyncProperty(question, async ({ caller, ...asked }) => {
        const decided = await reasonOf(core.core.authorize(core.start({ client: core.client(caller), ...asked }), patience()));
        const told = explained(core.wired.current().configuration, core.clock(), {
          caller,
          method: "CreateAuthorizationUrl",
          origin: caller === "backend" ? undefined : "https://app.example",
          ...asked,
        });
        expect(told).toBe(decided);
        seen.add(decided ?? "allowed");
      }),
      { numRuns: 200 },
    );
    expect(seen.size).toBeGreaterThan(4);
  });
});
