import { afterEach, describe, expect, it } from "vitest";
import { definitionOf } from "../../src/providers/registry.ts";
import { codeGrant, configuredRig, settingsOf, signInStart } from "../support/configured-provider.ts";
import { startFakeProvider } from "../support/fake-provider.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function stage(more: Readonly<Record<string, unknown>> = {}) {
  const client = { id: "cambio", secret: "g-s3cret", authentication: "post" } as const;
  const fake = await startFakeProvider({ clients: [client] });
  closers.push(fake.close);
  const { id, secret } = client;
  const rig = configuredRig({ kind: "google", issuer: fake.issuer, client: { id, secret }, ...more }, { openid: true });
  closers.push(rig.close);
  return { fake, rig, prepared: await rig.provider.prepare(AbortSignal.timeout(5_000)) };
}

describe("Google", () => {
  it("is discovered at its issuer, on origins that it is known to use", () => {
    expect(settingsOf({ kind: "google", client: { id: "x", secret: "y" } })).toMatchObject({
      issuer: "https://accounts.google.com",
      endpoints: {},
      allowed_origins: ["https://oauth2.googleapis.com", "https://www.googleapis.com", "https://openidconnect.googleapis.com"],
      client: { authentication: "post" },
      accounts: true,
    });
    expect(definitionOf("google")).toMatchObject({ discovery: true, accessTokens: "opaque" });
  });

  it("is asked for a refresh token, and for consent where configuration says so", async () => {
    const { prepared } = await stage();
    const { searchParams } = new URL(prepared.authorizationUrl(signInStart({ scopes: ["openid"] })));
    expect([searchParams.get("access_type"), searchParams.get("prompt")]).toEqual(["offline", null]);
    const { prepared: other } = await stage({ authorization_parameters: { access_type: "offline", prompt: "consent" } });
    const asked = new URL(other.authorizationUrl(signInStart({ scopes: ["openid"] })));
    expect([asked.searchParams.get("access_type"), asked.searchParams.get("prompt")]).toEqual(["offline", "consent"]);
    const login = new URL(other.authorizationUrl(signInStart({ scopes: ["openid"], prompt: "login" })));
    expect(login.searchParams.getAll("prompt")).toEqual(["login"]);
  });

  it("says who signed in by its ID token", async () => {
    const { fake, prepared } = await stage({ authorization_parameters: {} });
    const { code } = await fake.login(prepared.authorizationUrl(signInStart({ scopes: ["openid"] })));
    const tokens = await prepared.redeemCode(codeGrant(code));
    expect(tokens).toMatchObject({ subject: "alice", user: { providerUserId: "alice" } });
    expect(fake.violations).toEqual([]);
  });
});
