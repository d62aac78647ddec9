import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apply, now, rfc9068 } from "./access-token-rules-rig.ts";
import { failureOf, reasonOf } from "./failure-of.ts";

describe("times", () => {
  it.each<[string, object]>([
    ["no exp", { exp: undefined }],
    ["no iat", { iat: undefined }],
    ["exp as a string", { exp: String(now + 600) }],
    ["exp with a fraction", { exp: now + 600.5 }],
    ["exp beyond every calendar", { exp: 1e300 }],
    ["negative exp", { exp: -1 }],
    ["null exp", { exp: null }],
    ["iat as a string", { iat: String(now) }],
    ["iat with a fraction", { iat: now - 0.5 }],
    ["iat in milliseconds", { iat: now * 1_000 }],
    ["nbf as a string", { nbf: String(now) }],
    ["nbf of null", { nbf: null }],
    ["nbf before the epoch", { nbf: -1 }],
    ["nbf beyond every calendar", { nbf: 1e300 }],
    ["an absurd lifetime", { exp: now - 10 + 86_401 }],
    ["no lifetime at all", { iat: now + 600 }],
    ["a negative lifetime", { iat: now + 601 }],
  ])("are refused: %s", async (_, payload) => {
    expect(await failureOf(() => apply({ payload }))).toMatchObject({
      reason: "TOKEN_INVALID",
      field: "SUBJECT_TOKEN",
      expiredAt: undefined,
    });
  });

  it("may lie exactly the longest lifetime apart", () => {
    expect(apply({ payload: { exp: now - 10 + 86_400 } }).expiresAt).toBe(now - 10 + 86_400);
  });

  it("count as over from `exp` minus the buffer on, and say the true `exp`, which then still lies ahead", async () => {
    const edgeMs = (now + 600) * 1_000 - 60_000;
    expect(apply({ nowMs: edgeMs - 1 }).expiresAt).toBe(now + 600);
    for (const nowMs of [edgeMs, edgeMs + 59_999, edgeMs + 60_000, edgeMs + 86_400_000]) {
      expect(await failureOf(() => apply({ nowMs }))).toEqual({
        reason: "TOKEN_EXPIRED",
        field: "SUBJECT_TOKEN",
        expiredAt: now + 600,
        retryAfterMs: undefined,
      });
    }
  });

  it("get no tolerance at `exp`, however wide that of the clocks", async () => {
    const rules = { ...rfc9068, expiryBufferMs: 0, clockToleranceMs: 300_000 };
    expect(apply({ rules, typ: "at+jwt", nowMs: (now + 600) * 1_000 - 1 }).subject).toBe("alice");
    expect(await reasonOf(() => apply({ rules, typ: "at+jwt", nowMs: (now + 600) * 1_000 }))).toBe("TOKEN_EXPIRED");
  });

  it.each(["iat", "nbf"])("may have %s ahead by the tolerance, not by a second more", async (claim) => {
    expect(apply({ payload: { [claim]: now + 30 } }).subject).toBe("alice");
    expect(await reasonOf(() => apply({ payload: { [claim]: now + 31 } }))).toBe("TOKEN_NOT_YET_VALID");
  });

  it("never allow a token at or after exp − buffer", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 90_000 }),
        fc.integer({ min: -2_000, max: 2_000 }),
        fc.integer({ min: 0, max: 600_000 }),
        (lifetime, shift, expiryBufferMs) => {
          const payload = { iat: now - 1_000, exp: now - 1_000 + lifetime };
          const nowMs = now * 1_000 + shift * 997;
          try {
            apply({ rules: { ...rfc9068, expiryBufferMs }, typ: "at+jwt", payload, nowMs });
          } catch {
            return;
          }
          expect(nowMs).toBeLessThan(payload.exp * 1_000 - expiryBufferMs);
        },
      ),
    );
  });
});
