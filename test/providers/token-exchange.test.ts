import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Reason } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { SubjectExchange } from "../../src/exchange/token-exchange-ports.ts";
import { type TokenSet, tokenTypes } from "../../src/exchange/tokens.ts";
import { refusal } from "../exchange/fixtures.ts";
import { type FakeProvider, type Lie, startFakeProvider, usualClient } from "../support/fake-provider.ts";
import type { FakeClient } from "../support/fake-token-endpoint.ts";
import type { Fault } from "../support/faults.ts";
import { oidc } from "../../src/providers/presets/oidc.ts";
import { createRig, type Rig, type RigOptions } from "../support/provider-rig.ts";

const ordersClient: FakeClient = { id: "orders/client", secret: "0rders+s3cret: %&=~", authentication: "basic" };
const reportsClient: FakeClient = { id: "reports-client", secret: "reports-s3cret", authentication: "post" };
const acting = ({ secret = "", ...client }: FakeClient) => ({ ...client, secret: new Secret(secret) });
const actingClients = { orders: acting(ordersClient), reports: acting(reportsClient) };

let fake: FakeProvider;
let rig: Rig;
beforeEach(async () => {
  fake = await startFakeProvider({ clients: [usualClient, ordersClient, reportsClient] });
  rig = rigOf();
});
afterEach(async () => {
  await fake.close();
  await rig.close();
});

function rigOf(options: Partial<RigOptions> = {}): Rig {
  return createRig({ issuer: fake.issuer, client: usualClient, timeoutMs: 500, openid: false, actingClients, ...options });
}

const patience = (): AbortSignal => AbortSignal.timeout(5_000);
const formOf = (index = -1) => new URLSearchParams(fake.requests.filter(({ endpoint }) => endpoint === "token").at(index)?.body);

const shown = () => formOf().get("client_id") ?? fake.requests.at(-1)?.headers.authorization;

async function exchange(given: Partial<SubjectExchange> = {}, signal = patience()): Promise<TokenSet> {
  const prepared = await rig.provider.prepare(patience());
  const subjectToken = new Secret(await fake.mint({ scope: "read write" }));
  return prepared.exchange({ subjectToken, as: "orders", recipients: ["urn:a"], scopes: [], refreshToken: false, ...given }, signal);
}

describe("an exchange at a provider", () => {
  it.each([
    ["orders", "orders/client"],
    ["reports", "reports-client"],
  ])("is one proper request by the registration of the audience that asks: %s", async (as, id) => {
    const tokens = await exchange({ as });
    expect(fake.violations).toEqual([]);
    expect(fake.callsTo("token")).toBe(1);
    const [, payload = ""] = tokens.accessToken.reveal().split(".");
    expect(JSON.parse(Buffer.from(payload, "base64url").toString())).toMatchObject({ client_id: id, sub: "alice", aud: ["urn:a"] });
    expect(tokens).toMatchObject({
      tokenType: "Bearer",
      refreshToken: undefined,
      idToken: undefined,
      scopes: ["read", "write"],
      issuer: fake.issuer,
    });
    const form = formOf();
    expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:token-exchange");
    expect(form.get("subject_token_type")).toBe(tokenTypes.accessToken);
    expect(form.get("requested_token_type")).toBe(tokenTypes.accessToken);
    expect(form.has("scope")).toBe(false);
  });

  it("shows no other registration's secret, this service's own least of all", async () => {
    await exchange();
    const text = JSON.stringify(fake.requests);
    for (const secret of [usualClient.secret, reportsClient.secret]) {
      for (const form of [secret, encodeURIComponent(secret ?? ""), Buffer.from(secret ?? "").toString("base64")])
        expect(text).not.toContain(form);
    }
  });

  it("never happens for an audience that has no registration", async () => {
    for (const as of ["payroll", "constructor", ""]) await expect(exchange({ as })).rejects.toThrow("without exchange_as");
    expect(fake.callsTo("token")).toBe(0);
  });

  it.each(["audience", "resource"] as const)("names each recipient by the parameter %s", async (targetParameter) => {
    await rig.close();
    rig = rigOf({ definition: { ...oidc, targetParameter } });
    await exchange({ recipients: ["urn:a", "https://b.example/?x=1&y"], scopes: ["read", "write"] });
    expect(formOf().getAll(targetParameter)).toEqual(["urn:a", "https://b.example/?x=1&y"]);
    expect(formOf().getAll("scope")).toEqual(["read write"]);
    expect(fake.violations).toEqual([]);
  });

  it("brings a refresh token where one was asked for", async () => {
    const tokens = await exchange({ refreshToken: true });
    expect(tokens.refreshToken?.reveal()).toMatch(/^refresh-/);
    expect(formOf().get("requested_token_type")).toBe(tokenTypes.refreshToken);
  });

  it("brings nothing along that was not asked for", async () => {
    fake.lies({ answer: { refresh_token: "refresh-unasked-0123456789", id_token: await fake.mint() } });
    expect(await exchange()).toMatchObject({ refreshToken: undefined, idToken: undefined });
    expect((await exchange({ refreshToken: true })).idToken).toBeUndefined();
  });

  it("is refreshed by the registration that it came by, whichever this service's own is", async () => {
    const { refreshToken } = await exchange({ as: "reports", refreshToken: true });
    const prepared = await rig.provider.prepare(patience());
    await expect(prepared.refresh(refreshToken ?? new Secret("none"), { scopes: ["read"], as: "reports" })).resolves.toHaveProperty(
      "accessToken",
    );
    expect(shown()).toBe("reports-client");
    await expect(prepared.refresh(new Secret("x"), { scopes: [] })).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(Buffer.from((shown() ?? "").slice(6), "base64").toString()).toMatch(/^cambio:/);
  });

  it.each<[string, Lie["answer"], boolean]>([
    ["of another kind of use", { token_type: "DPoP" }, false],
    ["that says nothing of its use", { token_type: undefined }, false],
    [
      "that is an ID token, as Keycloak gives them",
      { token_type: "N_A", issued_token_type: "urn:ietf:params:oauth:token-type:id_token" },
      false,
    ],
    ["of another type than was asked for", { issued_token_type: tokenTypes.refreshToken }, false],
    ["of a type that is only a JWT", { issued_token_type: tokenTypes.jwt }, false],
    ["of no type", { issued_token_type: undefined }, false],
    ["of no type as text", { issued_token_type: [tokenTypes.accessToken] }, false],
    ["without an access token", { access_token: undefined }, false],
    ["with an access token that would end a header line", { access_token: "a\r\nb" }, false],
    ["with an access token longer than any is taken back", { access_token: "a".repeat(16_385) }, false],
    ["with a life that is no number", { expires_in: "3600" }, false],
    ["with a scope that is no text", { scope: ["read"] }, false],
    ["without the refresh token that was asked for", { refresh_token: undefined }, true],
    ["that says access token where a refresh token was asked for", { issued_token_type: tokenTypes.accessToken }, true],
  ])("refuses tokens %s", async (_what, answer, refreshToken) => {
    fake.lies({ answer: answer ?? {} });
    await expect(exchange({ refreshToken })).rejects.toThrow(refusal("UPSTREAM_INVALID_RESPONSE"));
  });

  it("counts the life of the new token from the question on", async () => {
    const before = rig.time.nowMs;
    const release = fake.hold("token");
    const asking = exchange();
    await expect.poll(() => fake.callsTo("token")).toBe(1);
    rig.time.nowMs += 60_000;
    release();
    expect((await asking).expiresAtMs).toBe(before + 3_600_000);
  });

  it.each<[string, Fault, Reason]>([
    ["an error under 200", { kind: "error-in-200", error: "invalid_target" }, "TARGET_NOT_ALLOWED"],
    ["an error under 200 that nobody knows", { kind: "error-in-200", error: "whatever" }, "UPSTREAM_INVALID_RESPONSE"],
    ["a refusal of the subject token", { kind: "status", status: 400, body: { error: "invalid_request" } }, "TOKEN_INVALID"],
    ["a page", { kind: "html" }, "UPSTREAM_INVALID_RESPONSE"],
    ["a page under 502", { kind: "html", status: 502 }, "UPSTREAM_UNAVAILABLE"],
    ["a redirect, which would show the secret to another", { kind: "redirect", status: 307 }, "UPSTREAM_INVALID_RESPONSE"],
    ["429", { kind: "status", status: 429, body: {}, headers: { "retry-after": "3" } }, "UPSTREAM_RATE_LIMITED"],
    ["500", { kind: "status", status: 500 }, "UPSTREAM_UNAVAILABLE"],
    ["a broken connection: asking again is safe, as nothing was spent", { kind: "reset" }, "UPSTREAM_UNAVAILABLE"],
    ["silence", { kind: "hang-before-headers" }, "UPSTREAM_TIMEOUT"],
    ["half an answer and silence", { kind: "hang-in-body" }, "UPSTREAM_TIMEOUT"],
    ["bytes without end", { kind: "drip" }, "UPSTREAM_TIMEOUT"],
    ["more than any answer is", { kind: "huge", bytes: 2_000_000 }, "UPSTREAM_INVALID_RESPONSE"],
    ["no HTTP at all", { kind: "raw", bytes: "hello" }, "UPSTREAM_INVALID_RESPONSE"],
  ])("is told by its reason: %s", async (_what, fault, reason) => {
    fake.faults.always("token", fault);
    const failure = await exchange().catch((thrown: unknown) => thrown);
    expect(failure).toEqual(refusal(reason));
    expect(fake.callsTo("redirect-target")).toBe(0);
    // Neither the provider's words nor the token get any further.
    expect(JSON.stringify(failure)).not.toContain("canary");
  });

  it("ends with the call that asked", async () => {
    const release = fake.hold("token");
    const leaving = new AbortController();
    const asking = exchange({}, leaving.signal);
    await expect.poll(() => fake.callsTo("token")).toBe(1);
    leaving.abort();
    await expect(asking).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    release();
  });
});
