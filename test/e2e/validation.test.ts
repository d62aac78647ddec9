import { afterEach, describe, expect, it } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, detailOf, type FakeStack, type FakeStackOptions, reasonOf, startFakeStack } from "../support/fake-stack.ts";
import { oauthProvider } from "../support/oauth-provider.ts";

const opened: FakeStack[] = [];
afterEach(async () => {
  for (const stack of opened.splice(0)) await stack.close();
});

async function given(options: FakeStackOptions = {}): Promise<FakeStack> {
  const stack = await startFakeStack(options);
  opened.push(stack);
  return stack;
}

const crowd = Array.from({ length: 100 }, (_, index) => index);

/** Sends all of them and lets the provider speak only when every one has looked into the cache in vain. */
async function allAtOnce({ cambio, provider }: FakeStack, tokens: readonly string[]): Promise<readonly Answer[]> {
  const before = await cambio.metric("cambio_cache_lookups_total", { of: "verification", tier: "none" });
  const release = provider.hold("jwks");
  const answers = Promise.all(tokens.map((token) => cambio.validate(token)));
  await eventually(
    "every look-up",
    async () => (await cambio.metric("cambio_cache_lookups_total", { of: "verification", tier: "none" })) === before + tokens.length,
  );
  release();
  return answers;
}

const outcomeOf = (answer: Answer): unknown => (answer.status === 200 ? answer.body["cached"] === true : reasonOf(answer));

describe("many at once", () => {
  it("one hundred validations of the same unseen token are one verification", async () => {
    const stack = await given();
    const token = await stack.token();
    // From here on two verifications would decide at different instants, and answer with them.
    stack.time.tickMs = 1;
    const answers = await allAtOnce(
      stack,
      crowd.map(() => token),
    );
    expect(answers.map(outcomeOf)).toEqual(crowd.map(() => false));
    expect(new Set(answers.map(({ body }) => body["validUntil"])).size).toBe(1);
    expect(stack.provider.callsTo("jwks")).toBe(1);
    const [first] = answers;
    expect(await stack.cambio.validate(token)).toMatchObject({ body: { cached: true, validUntil: first?.body["validUntil"] } });
  });

  it("two tokens are two verifications, which that test would see", async () => {
    const stack = await given();
    const tokens = [await stack.token(), await stack.token()];
    stack.time.tickMs = 1;
    const answers = await allAtOnce(stack, tokens);
    expect(new Set(answers.map(({ body }) => body["validUntil"])).size).toBe(2);
  });

  it("one hundred different tokens with unknown key ids cause one key-set fetch, and the next hundred none", async () => {
    const stack = await given();
    await stack.cambio.validate(await stack.token());
    expect(stack.provider.callsTo("jwks")).toBe(1);
    stack.time.nowMs += 31_000;
    const strangers = () => Promise.all(crowd.map((index) => stack.token({}, { kid: `unknown-${index}` })));
    const answers = await allAtOnce(stack, await strangers());
    expect(answers.map(outcomeOf)).toEqual(crowd.map(() => "TOKEN_INVALID"));
    expect(stack.provider.callsTo("jwks")).toBe(2);
    await allAtOnce(stack, await strangers());
    expect(stack.provider.callsTo("jwks")).toBe(2);
  });
});

describe("time", () => {
  it("a token in the cache is told to be expired as a fresh one is: from its safety buffer on, with its exp", async () => {
    const stack = await given();
    const exp = Math.floor(stack.time.nowMs / 1000) + 90;
    const cached = await stack.token({ exp });
    expect(outcomeOf(await stack.cambio.validate(cached))).toBe(false);

    stack.time.nowMs = (exp - 60) * 1000 - 1;
    expect(outcomeOf(await stack.cambio.validate(cached))).toBe(true);
    for (const nowMs of [(exp - 60) * 1000, exp * 1000, (exp + 3600) * 1000]) {
      stack.time.nowMs = nowMs;
      const fresh = await stack.token({ iat: exp - 600, exp });
      for (const token of [cached, fresh]) {
        const answer = await stack.cambio.validate(token);
        expect({ status: answer.status, reason: reasonOf(answer), expiredAt: detailOf(answer)?.["expiredAt"] }).toEqual({
          status: 401,
          reason: "TOKEN_EXPIRED",
          expiredAt: new Date(exp * 1000).toISOString().replace(".000Z", "Z"),
        });
      }
    }
  });

  it("an answer counts for a minute, which a hit does not renew", async () => {
    const stack = await given();
    const token = await stack.token();
    const begun = stack.time.nowMs;
    const untils: unknown[] = [];
    for (const after of [0, 30_000, 59_999]) {
      stack.time.nowMs = begun + after;
      untils.push((await stack.cambio.validate(token)).body["validUntil"]);
    }
    const firstUntil = new Date(begun + 60_000).toISOString().replace(".000Z", "Z");
    expect(untils).toEqual([firstUntil, firstUntil, firstUntil]);
    stack.time.nowMs = begun + 60_000;
    expect(outcomeOf(await stack.cambio.validate(token))).toBe(false);
  });
});

describe("the provider's keys", () => {
  it("a new key is found within the cool-down, and the denial before it was not remembered", async () => {
    const stack = await given();
    const old = await stack.token();
    await stack.cambio.validate(old);
    await stack.provider.keys.rotate();
    const token = await stack.token();
    expect(outcomeOf(await stack.cambio.validate(token))).toBe("TOKEN_INVALID");
    stack.time.nowMs += 30_000;
    expect(outcomeOf(await stack.cambio.validate(token))).toBe(false);

    // A verification under the old key lives out its minute and no longer.
    expect(outcomeOf(await stack.cambio.validate(old))).toBe(true);
    stack.time.nowMs += 30_000;
    expect(outcomeOf(await stack.cambio.validate(old))).toBe("TOKEN_INVALID");
  });

  it("a provider that is down: known keys work for an hour, then nobody can decide; a token is never called invalid for it", async () => {
    const stack = await given();
    const begun = stack.time.nowMs;
    const tokenAt = (nowMs: number, kid?: string) =>
      stack.token({ iat: Math.floor(nowMs / 1000), exp: Math.floor(nowMs / 1000) + 3600 }, kid === undefined ? {} : { kid });
    await stack.cambio.validate(await tokenAt(begun));
    await stack.provider.close();

    for (const minutes of [1, 9, 11, 30, 59]) {
      stack.time.nowMs = begun + minutes * 60_000;
      expect([minutes, outcomeOf(await stack.cambio.validate(await tokenAt(stack.time.nowMs)))]).toEqual([minutes, false]);
    }
    expect(outcomeOf(await stack.cambio.validate(await tokenAt(stack.time.nowMs, "a-new-one")))).toBe("UPSTREAM_UNAVAILABLE");
    for (const minutes of [61, 600]) {
      stack.time.nowMs = begun + minutes * 60_000;
      const answer = await stack.cambio.validate(await tokenAt(stack.time.nowMs));
      expect([minutes, answer.status, reasonOf(answer)]).toEqual([minutes, 503, "UPSTREAM_UNAVAILABLE"]);
      expect(detailOf(answer)?.["retryAfter"]).toMatch(/^[1-9]/);
    }
  });
});

const withoutIssuerCheck = (configuration: Configuration): Configuration => {
  const main = oauthProvider(configuration, "main");
  const unchecked = { ...main, tokens: { ...main.tokens, issuer_check: false } };
  return { ...configuration, providers: { ...configuration.providers, main: unchecked } };
};

describe("the issuer", () => {
  it.each([
    ["a stranger", (issuer: string) => issuer.replace("localhost", "evil.example")],
    ["one that begins like a trusted one", (issuer: string) => `${issuer}.evil.example`],
    ["one with a slash more", (issuer: string) => `${issuer}/`],
    ["one in other letters", (issuer: string) => issuer.toUpperCase()],
    ["none", () => undefined],
  ])("%s is refused at once: no outbound call, and a line for those who watch", async (_name, change) => {
    const stack = await given();
    const answer = await stack.cambio.validate(await stack.token({ iss: change(stack.provider.issuer) }));
    expect(reasonOf(answer)).toBe("ISSUER_NOT_TRUSTED");
    expect(stack.provider.requests).toEqual([]);
    expect(await stack.cambio.metric("cambio_upstream_calls_total")).toBe(0);
    expect(stack.cambio.logLines().findLast((line) => line["reason"] === "ISSUER_NOT_TRUSTED")).toMatchObject({
      level: "warn",
      security: true,
      caller: "orders",
      request_id: detailOf(answer)?.["requestId"],
    });
  });

  it("with the check off, only its string is ignored, and only for tokens that come with the provider's name", async () => {
    const stack = await given({ change: withoutIssuerCheck });
    const elsewhere = { iss: "https://old-name.example" };
    const shown = async (claims: object, more: object = { provider: "main" }) =>
      outcomeOf(await stack.cambio.validate(await stack.token({ ...elsewhere, ...claims }), more));
    expect(await shown({})).toBe(false);
    expect(await shown({}, {})).toBe("ISSUER_NOT_TRUSTED");
    expect(await shown({ aud: "https://payroll.example" })).toBe("AUDIENCE_MISMATCH");
    expect(await shown({ client_id: "games" })).toBe("CLIENT_NOT_TRUSTED");
    const forged = (await stack.token(elsewhere)).replace(/[^.]{20}$/, "AAAAAAAAAAAAAAAAAAAA");
    expect(outcomeOf(await stack.cambio.validate(forged, { provider: "main" }))).toBe("TOKEN_INVALID");
    expect(stack.cambio.logLines()).toContainEqual(
      expect.objectContaining({ level: "warn", provider: "main", msg: expect.stringContaining("issuer_check is off") }),
    );
  });

  it("what was verified without the check is not believed where the issuer counts", async () => {
    const stack = await given({ change: withoutIssuerCheck });
    const token = await stack.token({ iss: "https://old-name.example" });
    expect(outcomeOf(await stack.cambio.validate(token, { provider: "main" }))).toBe(false);
    expect(outcomeOf(await stack.cambio.validate(token))).toBe("ISSUER_NOT_TRUSTED");
    expect(outcomeOf(await stack.cambio.validate(token, { provider: "main" }))).toBe(true);
  });
});
