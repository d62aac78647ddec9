// Providers that differ in wire format only, side by side: one that takes forms (Discord), one that takes both (OpenAI), and one that
// takes JSON and nothing else, which is configuration alone. Their fakes object to every parameter, header and body that is not theirs.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PreparedProvider } from "../../src/exchange/provider-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { codeGrant, configuredRig, failureOf, signInStart, type WrittenProvider } from "../support/configured-provider.ts";
import { startFakeDiscord } from "../support/fake-discord.ts";
import { startFakeJsonProvider } from "../support/fake-json-provider.ts";
import { startFakeOpenAi } from "../support/fake-openai.ts";
import type { FakeUpstream } from "../support/fake-upstream.ts";
import type { Rig } from "../support/provider-rig.ts";

interface Case {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly formats: { readonly code: "form" | "json"; readonly refresh: "form" | "json"; readonly revocation: "form" | "json" };
  /** Members of the code request's body, beside those that all have. */
  readonly more: readonly string[];
  readonly start: () => Promise<{ readonly fake: FakeUpstream<{ readonly id: string }>; readonly provider: WrittenProvider }>;
}

const callback = "https://app.example/callback";

const cases: readonly Case[] = [
  {
    name: "a provider of forms (Discord)",
    scopes: ["identify", "email"],
    redirectUri: callback,
    formats: { code: "form", refresh: "form", revocation: "form" },
    more: ["client_secret"],
    async start() {
      const fake = await startFakeDiscord();
      const { id, secret } = fake.client;
      return { fake, provider: { kind: "discord", client: { id, secret }, endpoints: fake.endpoints } };
    },
  },
  {
    name: "a provider of both (OpenAI)",
    scopes: ["openid", "profile", "email", "offline_access"],
    redirectUri: "http://localhost:1455/auth/callback",
    formats: { code: "form", refresh: "json", revocation: "json" },
    more: [],
    async start() {
      const fake = await startFakeOpenAi();
      return { fake, provider: { kind: "openai", issuer: fake.issuer, client: { id: fake.client.id }, endpoints: fake.endpoints } };
    },
  },
  {
    name: "a provider of JSON (custom)",
    scopes: ["user:profile"],
    redirectUri: callback,
    formats: { code: "json", refresh: "json", revocation: "json" },
    more: ["state"],
    async start() {
      const fake = await startFakeJsonProvider();
      return {
        fake,
        provider: {
          kind: "custom",
          issuer: fake.origin,
          client: { id: fake.client.id, authentication: "none" },
          endpoints: fake.endpoints,
          requests: { code: "json", refresh: "json", revocation: "json" },
          code_state: true,
        },
      };
    },
  },
  {
    name: "a provider of JSON with a secret in the body, and no token_type (custom)",
    scopes: ["user:profile"],
    redirectUri: callback,
    formats: { code: "json", refresh: "json", revocation: "json" },
    more: ["client_secret", "state"],
    async start() {
      const fake = await startFakeJsonProvider({ secret: "js-s3cret/+: %&=~", tokenType: false });
      return {
        fake,
        provider: {
          kind: "custom",
          issuer: fake.origin,
          client: { id: fake.client.id, secret: fake.client.secret, authentication: "post" },
          endpoints: fake.endpoints,
          requests: { code: "json", refresh: "json", revocation: "json" },
          code_state: true,
          token_type_default: "Bearer",
        },
      };
    },
  },
];

const contentTypes = { form: /^application\/x-www-form-urlencoded(;|$)/, json: /^application\/json$/ };

describe.each(cases)("$name", ({ scopes, redirectUri, formats, more, start }) => {
  let fake: FakeUpstream<{ readonly id: string }>;
  let rig: Rig;
  let prepared: PreparedProvider;

  beforeEach(async () => {
    const started = await start();
    ({ fake } = started);
    rig = configuredRig(started.provider);
    prepared = await rig.provider.prepare(AbortSignal.timeout(5_000));
  });

  afterEach(async () => {
    await rig.close();
    await fake.close();
  });

  const signIn = async () => {
    const { code } = await fake.login(prepared.authorizationUrl(signInStart({ redirectUri, scopes })));
    return prepared.redeemCode(codeGrant(code, { redirectUri }));
  };
  const requestsTo = (endpoint: "token" | "revocation") => fake.requests.filter((request) => request.endpoint === endpoint);

  it("redeems a code, with the body that it wants and nothing beside", async () => {
    const tokens = await signIn();
    expect(tokens).toMatchObject({ tokenType: "Bearer", scopes });
    expect(tokens.refreshToken).toBeInstanceOf(Secret);
    expect(tokens.expiresAtMs).toBeGreaterThan(rig.time.nowMs);
    const [request] = requestsTo("token");
    expect(request?.headers["content-type"]).toMatch(contentTypes[formats.code]);
    expect(Object.keys(request?.body ?? {}).toSorted()).toEqual(
      ["client_id", "code", "code_verifier", "grant_type", "redirect_uri", ...more].toSorted(),
    );
    expect(fake.violations).toEqual([]);
  });

  it("refreshes, gets a successor, and hears that the user must act where the old one is shown again", async () => {
    const { refreshToken = new Secret("") } = await signIn();
    const fresh = await prepared.refresh(refreshToken, { scopes: [] });
    expect(fresh.refreshToken?.reveal()).not.toBe(refreshToken.reveal());
    expect(fresh.accessToken).toBeInstanceOf(Secret);
    const request = requestsTo("token").at(-1);
    expect(request?.headers["content-type"]).toMatch(contentTypes[formats.refresh]);
    const secret = more.filter((name) => name === "client_secret");
    expect(Object.keys(request?.body ?? {}).toSorted()).toEqual(["client_id", "grant_type", "refresh_token", ...secret].toSorted());
    expect((await failureOf(prepared.refresh(refreshToken, { scopes: [] }))).reason).toBe("REAUTHENTICATION_REQUIRED");
    expect(fake.violations).toEqual([]);
  });

  it("tells a code that is not its own from a failure", async () => {
    expect((await failureOf(prepared.redeemCode(codeGrant("another", { redirectUri })))).reason).toBe("GRANT_INVALID");
    expect(fake.violations).toEqual([]);
  });

  it("revokes, and the token is over there", async () => {
    const { refreshToken = new Secret("") } = await signIn();
    await prepared.revoke?.(refreshToken, "refresh_token", AbortSignal.timeout(5_000));
    expect(fake.revoked).toEqual([refreshToken.reveal()]);
    expect(requestsTo("revocation")[0]?.headers["content-type"]).toMatch(contentTypes[formats.revocation]);
    expect((await failureOf(prepared.refresh(refreshToken, { scopes: [] }))).reason).toBe("REAUTHENTICATION_REQUIRED");
    expect(fake.violations).toEqual([]);
  });

  it.each([
    ["an answer that never comes", { kind: "reset" }, "OUTCOME_UNKNOWN"],
    ["a page in place of tokens", { kind: "html" }, "OUTCOME_UNKNOWN"],
    ["a gateway's failure", { kind: "status", status: 502, body: {} }, "OUTCOME_UNKNOWN"],
    ["too many requests", { kind: "status", status: 429, body: {}, headers: { "retry-after": "7" } }, "UPSTREAM_RATE_LIMITED"],
  ] as const)("a refresh with %s never says more than is known", async (_name, fault, reason) => {
    const { refreshToken = new Secret("") } = await signIn();
    fake.faults.next("token", fault);
    const failure = await failureOf(prepared.refresh(refreshToken, { scopes: [] }));
    expect(failure.reason).toBe(reason);
    expect(failure.retryAfterMs).toBe(reason === "UPSTREAM_RATE_LIMITED" ? 7_000 : undefined);
  });
});
