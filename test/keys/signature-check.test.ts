import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { parseCompact } from "../../src/exchange/token/compact.ts";
import { createKeySet } from "../../src/keys/key-set.ts";
import { checkSignature } from "../../src/keys/signature-check.ts";
import { reasonOf } from "../exchange/token/failure-of.ts";
import { createIssuer, minute } from "./issuer.ts";
import { createSigningKey, type SigningKey } from "./signing.ts";

const old = createSigningKey("ES256", "old");
const fresh = createSigningKey("ES256", "fresh");
const stranger = createSigningKey("ES256", "old");
const patient = AbortSignal.timeout(10_000);
const cooldown = minute / 2;

const nameless = (key: SigningKey, payload: object = {}): string => key.token(payload, { kid: undefined });

function createRig(denyKeyIds: readonly string[] = []) {
  const issuer = createIssuer(old.jwk);
  const { fetchJwks, clock } = issuer;
  const keySet = createKeySet({ fetchJwks, clock });
  const check = { keySet, rules: { algorithms: ["ES256"] as const, denyKeyIds: new Set(denyKeyIds) } };
  const verdictOn = (token: string, signal = patient) => checkSignature(check, parseCompact(token), signal);
  return {
    issuer,
    verdictOn,
    /** good under which key, forged or refused. */
    async outcome(token: string): Promise<string> {
      const verdict = await verdictOn(token);
      return verdict.kind === "good" ? `good under ${verdict.key.kid}` : verdict.kind;
    },
  };
}

describe("a token without a key id", () => {
  it("is accepted at once after a rotation, when the cool-down is over", async () => {
    const { issuer, outcome } = createRig();
    expect(await outcome(nameless(old))).toBe("good under old");
    issuer.publish(fresh.jwk);
    issuer.pass(cooldown);
    expect(await outcome(nameless(fresh))).toBe("good under fresh");
    expect(await outcome(nameless(old))).toBe("refused");
    expect(issuer.fetches).toBe(2);
  });

  it("of the next key is refused within the cool-down, and not for longer: nothing is held against it", async () => {
    const { issuer, outcome } = createRig();
    await outcome(nameless(old));
    issuer.publish(fresh.jwk);
    issuer.pass(cooldown - 1);
    const token = nameless(fresh);
    expect(await outcome(token)).toBe("refused");
    expect(issuer.fetches).toBe(1);
    issuer.pass(1);
    expect(await outcome(token)).toBe("good under fresh");
  });

  it("and with a wrong signature is never called forged, whatever the issuer answers", async () => {
    const { issuer, outcome } = createRig();
    expect(await outcome(nameless(stranger))).toBe("refused");
    for (const change of [
      () => issuer.publish(old.jwk),
      () => issuer.publish(fresh.jwk),
      () => issuer.publish(old.jwk, fresh.jwk),
      () => issuer.publish(old.jwk),
    ]) {
      change();
      issuer.pass(cooldown);
      expect(await outcome(nameless(stranger))).toBe("refused");
    }
    expect(issuer.fetches).toBe(5);
    expect(await outcome(nameless(old))).toBe("good under old");
  });

  it("and with a wrong signature is not denied while a newer set cannot be had: it may be the new key's", async () => {
    const { issuer, outcome } = createRig();
    expect(await outcome(nameless(old))).toBe("good under old");
    issuer.fail(new ExchangeError("UPSTREAM_TIMEOUT"));
    issuer.pass(cooldown);
    await expect(outcome(nameless(fresh))).rejects.toMatchObject({ reason: "UPSTREAM_TIMEOUT" });
    expect(await outcome(nameless(old))).toBe("good under old");
    issuer.publish(fresh.jwk);
    issuer.pass(cooldown);
    expect(await outcome(nameless(fresh))).toBe("good under fresh");
  });

  it("forged many times causes one fetch per cool-down", async () => {
    const { issuer, outcome } = createRig();
    for (let second = 0; second < 300; second += 1) {
      expect(await outcome(nameless(stranger, { second }))).toBe("refused");
      issuer.pass(1_000);
    }
    expect(issuer.fetches).toBe(10);
  });

  it("forged a hundred times at once causes one fetch beside a set that is there", async () => {
    const { issuer, outcome } = createRig();
    await outcome(nameless(old));
    issuer.pass(cooldown);
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, at) => outcome(nameless(stranger, { at }))));
    expect(new Set(outcomes)).toEqual(new Set(["refused"]));
    expect(issuer.fetches).toBe(2);
  });

  it("does not get around the list of denied keys by a rotation", async () => {
    const { issuer, outcome } = createRig(["fresh"]);
    expect(await outcome(nameless(old))).toBe("good under old");
    issuer.publish(fresh.jwk);
    issuer.pass(cooldown);
    expect(await outcome(nameless(fresh))).toBe("refused");
    expect(issuer.fetches).toBe(2);
  });

  it("is accepted after the issuer replaced a denied key", async () => {
    const { issuer, outcome } = createRig(["old"]);
    expect(await outcome(nameless(old))).toBe("refused");
    issuer.publish(fresh.jwk);
    issuer.pass(cooldown);
    expect(await outcome(nameless(fresh))).toBe("good under fresh");
  });

  it("waits for a newer set no longer than its own call lasts", async () => {
    const { issuer, outcome, verdictOn } = createRig();
    await outcome(nameless(old));
    issuer.publish(fresh.jwk);
    issuer.pass(cooldown);
    const release = issuer.hold();
    const hurried = new AbortController();
    const leaving = reasonOf(() => verdictOn(nameless(fresh), hurried.signal));
    const staying = outcome(nameless(fresh));
    hurried.abort();
    expect(await leaving).toBe("DEADLINE_EXCEEDED");
    release();
    expect(await staying).toBe("good under fresh");
  });
});

describe("a token that names a key", () => {
  it("and is not signed by it is forged, and causes no fetch", async () => {
    const { issuer, outcome } = createRig();
    expect(await outcome(old.token({}))).toBe("good under old");
    issuer.pass(cooldown);
    expect(await outcome(stranger.token({}))).toBe("forged");
    expect(issuer.fetches).toBe(1);
  });

  it("is refused without an outbound call when that key is denied, or the algorithm is another", async () => {
    const { issuer, outcome } = createRig(["old"]);
    expect(await outcome(old.token({}))).toBe("refused");
    expect(await outcome(fresh.token({}, { alg: "ES384" }))).toBe("refused");
    expect(issuer.fetches).toBe(0);
  });
});
