import { beforeEach, describe, expect, it } from "vitest";
import { createRefreshHandles } from "../../src/cache/refresh-handles.ts";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import type { RefreshHandles } from "../../src/exchange/handle-ports.ts";
import { type Custody, keepRefreshToken } from "../../src/exchange/refresh-token-custody.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Keeping } from "../../src/exchange/vault-ports.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { masterKey } from "../cache/fixtures.ts";
import { tokenSet } from "./one-time-upstream.ts";
import { clientOf, refusal } from "./fixtures.ts";

const handles = createRefreshHandles(createSealer([masterKey("a")], "refresh-handle"), () => 1_800_000_000_000);
const tokens = tokenSet(0, () => 1_800_000_000_000);
const browser = clientOf({ kind: "browser" });
const service = clientOf({ kind: "service" });

/** Without a database. */
const custodyOf = (made: RefreshHandles): Custody => ({ handles: made, connections: undefined });

describe("a provider's refresh token", () => {
  it("is a handle for whoever must not hold it, and the rest of the answer stays as it was", async () => {
    const kept = await keepRefreshToken(custodyOf(handles), { client: browser, provider: "main" }, tokens);
    expect({ ...kept, refreshToken: "" }).toEqual({ ...tokens, refreshToken: "" });
    const grant = await handles.findToEnd(browser.id, kept.refreshToken ?? tokens.refreshToken);
    expect((await grant?.end())?.reveal()).toBe("upstream-0");
  });

  it("goes out as it is to whoever may hold it", async () => {
    expect((await keepRefreshToken(custodyOf(handles), { client: service, provider: "main" }, tokens)).refreshToken).toBe(
      tokens.refreshToken,
    );
  });

  it("that did not come is nothing to keep", async () => {
    const without = { ...tokens, refreshToken: undefined };
    expect(await keepRefreshToken(custodyOf(handles), { client: browser, provider: "main" }, without)).toBe(without);
  });

  const reasons: readonly (readonly [Reason, Reason])[] = [
    ["STORE_UNAVAILABLE", "OUTCOME_UNKNOWN"],
    ["OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"],
  ];
  it.each(reasons)("that could not be kept is never called safe to ask for again: %s", async (thrown, told) => {
    const failing: RefreshHandles = { ...handles, issue: async () => Promise.reject(new ExchangeError(thrown)) };
    await expect(keepRefreshToken(custodyOf(failing), { client: browser, provider: "main" }, tokens)).rejects.toThrow(refusal(told));
  });
});

describe("with a database a provider's refresh token", () => {
  const issued: unknown[] = [];
  const kept: Keeping[] = [];
  const custody: Custody = {
    handles: { issue: async (...given) => (issued.push(given), new Secret("cambio_rt_1")) },
    connections: { keep: async (keeping) => (kept.push(keeping), { id: "c1", generation: 0 }) },
  };
  beforeEach(() => {
    issued.length = 0;
    kept.length = 0;
  });

  it("is kept as a connection that a handle stands for, and the handle holds nothing of it", async () => {
    const answer = await keepRefreshToken(custody, { client: browser, provider: "main", accountId: "a1" }, tokens);
    expect(answer.refreshToken?.reveal()).toBe("cambio_rt_1");
    expect(kept).toEqual([{ clientId: browser.id, provider: "main", accountId: "a1", byId: false, tokens, issue: undefined }]);
    expect(issued).toEqual([[browser.id, "main", { ...tokens, refreshToken: undefined, connection: { id: "c1", generation: 0 } }]]);
  });

  it("stays here for everybody where the answer is minted, also from whoever may hold a provider's", async () => {
    const { refreshToken: _, ...rest } = tokenSet(7, () => 1_800_000_000_000);
    const minted = { issue: { audience: "backend", scopes: [] }, tokens: { ...rest, refreshToken: undefined } };
    const answer = await keepRefreshToken(custody, { client: service, provider: "main", accountId: "a1", minted }, tokens);
    expect(answer).toEqual({ ...minted.tokens, refreshToken: new Secret("cambio_rt_1") });
    expect(kept[0]?.issue).toEqual(minted.issue);
  });

  it("goes out as it is to whoever may hold it, and is kept nowhere", async () => {
    expect(await keepRefreshToken(custody, { client: service, provider: "main" }, tokens)).toBe(tokens);
    expect([kept, issued]).toEqual([[], []]);
  });
});

describe("a session", () => {
  const minted = { audience: "backend", scopes: [], from: "cookie" } as const;

  it("is a handle for everybody, also for whoever may hold a provider's tokens", async () => {
    const issuing: RefreshHandles = { ...handles, issue: async () => new Secret("cambio_rt_1") };
    const kept = await keepRefreshToken(custodyOf(issuing), { client: service, provider: "site" }, { ...tokens, minted });
    expect(kept.refreshToken?.reveal()).toBe("cambio_rt_1");
  });

  it("that could not be kept may be shown again: nothing one-time was spent", async () => {
    const failing: RefreshHandles = { ...handles, issue: async () => Promise.reject(new ExchangeError("STORE_UNAVAILABLE")) };
    const keeping = keepRefreshToken(custodyOf(failing), { client: browser, provider: "site" }, { ...tokens, minted });
    await expect(keeping).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
  });
});
