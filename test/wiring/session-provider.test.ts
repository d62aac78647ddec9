import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Configuration, configurationSchema } from "../../src/config/schema.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.ts";
import { type Core, wireCore } from "../../src/wiring/core.ts";
import { masterKey } from "../cache/fixtures.ts";
import { recordingAudit, refusal, silentTrail } from "../exchange/fixtures.ts";
import { type BetterAuthServer, startBetterAuth } from "../support/better-auth.ts";
import { readMetric } from "../support/metrics-text.ts";

const patience = () => AbortSignal.timeout(5_000);
const user = { name: "Ann", email: "ann@example.com", password: "a-long-password-01" };

let site: BetterAuthServer;
let other: BetterAuthServer;
let cookie: string;
let userId: string;
let token: string;
beforeAll(async () => {
  [site, other] = await Promise.all([startBetterAuth({ plugins: ["jwt", "bearer"] }), startBetterAuth({ plugins: ["jwt"] })]);
  ({ cookie, userId } = await site.signUp(user));
  token = await site.token(cookie);
});
afterAll(() => Promise.all([site.stop(), other.stop()]));

let metrics: Metrics;
let core: Core;
let nowMs: number;
beforeEach(async () => {
  nowMs = Date.now();
  core = await started(configured());
});
afterEach(async () => {
  await core.close();
  metrics.close();
});

function configured(more: object = {}): Configuration {
  const accepts = { identifiers: [site.url], clients: [site.url] };
  return configurationSchema.parse({
    providers: { site: { kind: "better-auth", issuer: site.url, jwt: true, ...more } },
    audiences: {
      backend: { accepts: { site: accepts } },
      strict: { accepts: { site: { ...accepts, clients: ["somebody-else"] } } },
      elsewhere: { accepts: { site: { ...accepts, identifiers: ["https://other.example"] } } },
    },
    clients: {
      backend: {
        kind: "service",
        secrets: ["a-secret-of-the-backend"],
        methods: ["ValidateCrossClient"],
        audiences: ["backend", "strict", "elsewhere"],
      },
    },
  });
}

function started(configuration: Configuration): Promise<Core> {
  metrics = createMetrics();
  const log = createLog({ level: "error", destination: { write: () => undefined } });
  return wireCore(configuration, { clock: () => nowMs, log, metrics, audit: recordingAudit(), keys: [masterKey("k")] });
}

async function validate(shown: string, audience = "backend", provider = "") {
  const client = core.current().policy.clients.get("backend");
  if (client === undefined) throw new Error("the configuration has changed");
  const question = { client, token: new Secret(shown), provider, audience, requiredScopes: [], exchange: false, trail: silentTrail() };
  return core.operations.validate(question, { signal: patience() });
}

const sessions = () => core.current().sessionProviders.get("site");
const calls = async (endpoint: string) =>
  readMetric((await metrics.expose()).text, "cambio_upstream_calls_total", { provider: "site", endpoint });

describe("a provider that keeps sessions", () => {
  it("is there by its name, apart from those that speak OAuth, and its calls are counted", async () => {
    const { account } =
      (await sessions()?.readSession({ token: new Secret(cookie.split("=")[1] ?? ""), from: "cookie" }, patience())) ?? {};
    expect(account?.providerUserId).toBe(userId);
    expect([[...core.current().providers.keys()], await calls("session")]).toEqual([[], 1]);
    expect(sessions()).toMatchObject({ name: "site", issuer: site.url, impersonation: "refuse", cookieName: "better-auth.session_token" });
  });

  it("is as the new configuration says after a reload, and goes on under the old one where nothing changed", () => {
    const before = sessions();
    core.reload(configured());
    expect(sessions()).toBe(before);
    core.reload(configured({ impersonation: "act" }));
    expect(sessions()?.impersonation).toBe("act");
  });
});

describe("a JWT that its JWT plugin has signed", () => {
  it("is validated by its keys, found by its issuer or by the provider's name", async () => {
    for (const provider of ["", "site"]) {
      const { verification } = await validate(token, "backend", provider);
      expect(verification).toMatchObject({ provider: "site", source: "LOCAL_KEYS" });
      expect(verification.claims).toMatchObject({
        subject: userId,
        issuer: site.url,
        clientId: site.url,
        audiences: [site.url],
        email: user.email,
      });
    }
    expect(await calls("jwks")).toBe(1);
  });

  it.each([
    ["strict", "CLIENT_NOT_TRUSTED"],
    ["elsewhere", "AUDIENCE_MISMATCH"],
  ] as const)("opens only audiences that name it: %s", async (audience, reason) => {
    await expect(validate(token, audience)).rejects.toThrow(refusal(reason));
  });

  it("of another application opens nothing, and nobody is asked about it", async () => {
    const foreign = await other.token((await other.signUp(user)).cookie);
    await expect(validate(foreign)).rejects.toThrow(refusal("ISSUER_NOT_TRUSTED"));
    await expect(validate(foreign, "backend", "site")).rejects.toThrow(refusal("ISSUER_NOT_TRUSTED"));
    expect(await calls("jwks")).toBe(0);
  });

  it("is over a minute before its end", async () => {
    nowMs += 14 * 60_000 + 1_000;
    await expect(validate(token)).rejects.toThrow(refusal("TOKEN_EXPIRED", { expiredAt: expect.any(Number) }));
  });

  it("is nobody's where the configuration does not say that they are accepted", async () => {
    core.reload(configured({ jwt: false }));
    await expect(validate(token)).rejects.toThrow(refusal("ISSUER_NOT_TRUSTED"));
    await expect(validate(token, "backend", "site")).rejects.toThrow(refusal("PROVIDER_UNKNOWN"));
  });

  it("is no session, and a session is no JWT", async () => {
    await expect(sessions()?.readSession({ token: new Secret(token), from: "message" }, patience())).rejects.toThrow(
      refusal("SESSION_INVALID"),
    );
    await expect(validate(decodeURIComponent(cookie.split("=")[1] ?? ""))).rejects.toThrow(refusal("TOKEN_MALFORMED"));
  });
});
