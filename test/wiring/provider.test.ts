// Providers of several kinds in one configuration, wired as the service wires them, through the operations.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configurationSchema } from "../../src/config/schema.ts";
import type { Client } from "../../src/exchange/clients.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { type Core, wireCore } from "../../src/wiring/core.ts";
import { masterKey } from "../cache/fixtures.ts";
import { recordingAudit, silentTrail } from "../exchange/fixtures.ts";
import { codeVerifier, codeChallenge } from "../support/configured-provider.ts";
import { type FakeDiscord, startFakeDiscord } from "../support/fake-discord.ts";
import { type FakeJsonProvider, startFakeJsonProvider } from "../support/fake-json-provider.ts";
import { type FakeOpenAi, startFakeOpenAi, without } from "../support/fake-openai.ts";

const redirectUri = "https://app.example/callback";
const patience = () => AbortSignal.timeout(5_000);

let discord: FakeDiscord;
let json: FakeJsonProvider;
let openai: FakeOpenAi;
let core: Core;
let closers: (() => unknown)[];

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), "cambio-providers-"));
  [discord, json, openai] = await Promise.all([
    startFakeDiscord(),
    startFakeJsonProvider(),
    startFakeOpenAi({ redirectUris: ["https://app.example/openai"] }),
  ]);
  const { id, secret } = discord.client;
  const configuration = configurationSchema.parse({
    database: { file: join(folder, "cambio.db") },
    providers: {
      discord: { kind: "discord", client: { id, secret }, endpoints: discord.endpoints },
      openai: { kind: "openai", issuer: openai.issuer, client: { id: openai.client.id }, endpoints: openai.endpoints },
      models: {
        kind: "custom",
        issuer: json.origin,
        client: { id: json.client.id, authentication: "none" },
        endpoints: json.endpoints,
        requests: { code: "json", refresh: "json", revocation: "json" },
        code_state: true,
        user: { claims: { id: "account.id", name: "account.display.name" } },
        accounts: true,
      },
    },
    audiences: { orders: {} },
    clients: {
      backend: {
        kind: "service",
        secrets: ["backend-secret-0123"],
        methods: ["Exchange", "Refresh", "ValidateCrossClient", "CreateAuthorizationUrl"],
        audiences: ["orders"],
        providers: {
          discord: { redirect_uris: [redirectUri], scopes: ["identify", "email"] },
          openai: {
            redirect_uris: ["https://app.example/openai"],
            scopes: ["openid", "profile", "email", "offline_access"],
            audiences: [],
          },
          models: { redirect_uris: ["https://app.example/callback"], scopes: ["user:profile"] },
        },
      },
    },
  });
  const metrics = createMetrics();
  const log = createLog({ level: "error", destination: { write: () => undefined } });
  core = await wireCore(configuration, { clock: Date.now, log, metrics, audit: recordingAudit(), keys: [masterKey("k")] });
  closers = [
    discord.close,
    json.close,
    openai.close,
    () => metrics.close(),
    () => core.close(),
    () => rm(folder, { recursive: true, force: true }),
  ];
});

afterEach(async () => {
  for (const close of closers) await close();
});

function backend(): Client {
  const client = core.current().policy.clients.get("backend");
  if (client === undefined) throw new Error("the client is not there");
  return client;
}

/** A whole sign-in, begun here, with the challenge of the client's own. */
async function signIn(provider: "discord" | "models", fake: FakeDiscord | FakeJsonProvider) {
  const client = backend();
  const none = { audiences: [], nonce: "", loginHint: "", prompt: "", trail: silentTrail("backend") };
  const { authorizationUrl, state } = await core.operations.authorize(
    { client, provider, redirectUri, scopes: [], codeChallenge, ...none },
    patience(),
  );
  const { code } = await fake.login(authorizationUrl);
  const shown = { code: new Secret(code), codeVerifier: new Secret(codeVerifier), redirectUri, state, nonce: "", issuer: "" };
  return core.operations.exchange({ client, provider, ...shown, audiences: [], trail: silentTrail("backend") }, patience());
}

async function validate(token: string, provider: string) {
  const about = { client: backend(), audience: "", requiredScopes: [], exchange: false, trail: silentTrail("backend") };
  return core.operations.validate({ ...about, token: new Secret(token), provider }, { signal: patience() });
}

function unsigned(claims: object): string {
  const parts = [{ alg: "RS256", kid: "k" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return [...parts, "c2ln"].join(".");
}

describe("a token that nobody but its provider can read", () => {
  it.each(["discord", "openai", "models"])("is refused by %s's name, and nobody is asked", async (provider) => {
    await expect(validate("opaque", provider)).rejects.toMatchObject({ reason: "PROVIDER_UNKNOWN" });
    expect([discord, openai, json].flatMap(({ requests }) => requests)).toEqual([]);
  });

  it("is refused by its issuer as well, and nobody is asked", async () => {
    for (const iss of ["https://discord.com", openai.issuer, json.origin])
      await expect(validate(unsigned({ iss, sub: "1" }), "")).rejects.toMatchObject({ reason: "ISSUER_NOT_TRUSTED" });
    expect([discord, openai, json].flatMap(({ requests }) => requests)).toEqual([]);
  });

  it("is handed through where a code is redeemed for it", async () => {
    const { accessToken } = (await signIn("discord", discord)).tokens;
    expect(discord.issued).toContain(accessToken.reveal());
    expect(discord.violations).toEqual([]);
  });
});

describe("a provider that wants the state with the code", () => {
  it("gets the one that was made here for the sign-in", async () => {
    await signIn("models", json);
    const sent = json.requests.find(({ endpoint }) => endpoint === "token")?.body?.["state"];
    const authorized = json.requests.find(({ endpoint }) => endpoint === "authorize")?.query.get("state");
    expect([typeof sent, sent]).toEqual(["string", authorized]);
    expect(json.violations).toEqual([]);
  });
});

describe("what a provider is for", () => {
  it("is known by its name: accounts, lost answers, and whether it can say whose a token is", async () => {
    const facts = await Promise.all(
      [...core.current().providers].map(async ([name, { provider, verifier }]) => {
        const { readUser } = await provider.prepare(patience());
        return [
          name,
          { accounts: provider.accounts, lost: provider.lostAnswer, reads: readUser !== undefined, verifies: verifier !== undefined },
        ];
      }),
    );
    const accounts = { accounts: true, lost: "reauthenticate" };
    expect(Object.fromEntries(facts)).toEqual({
      discord: { ...accounts, reads: true, verifies: false },
      openai: { ...accounts, reads: false, verifies: false },
      models: { ...accounts, reads: true, verifies: false },
    });
  });
});

describe("a refresh that names only what changed", () => {
  it("is not said to be safe to repeat where the access token is not at hand", async () => {
    const { refresh_token: refreshToken } = await openai.connect("auth0|ada");
    openai.faults.next("token", without("access_token"));
    const question = {
      client: backend(),
      provider: "openai",
      refreshToken: new Secret(String(refreshToken)),
      scopes: [],
      trail: silentTrail("backend"),
    };
    await expect(core.operations.refresh(question, patience())).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
  });
});
