// What docs/openai.md walks through, with its own file and a strict fake of OpenAI: signing in, renewing, and how it ends.

import { beforeEach, describe, expect, it } from "vitest";
import { type FakeOpenAi, openAiError, startFakeOpenAi, without } from "../support/fake-openai.ts";
import { reasonOf } from "../support/fake-stack.ts";
import { ask, startLogin } from "../cli/login-rig.ts";
import { asService, type Example, tokensOf, useExamples } from "./provider-example.ts";

const run = useExamples();

/** Said to whoever was there when it ended, and to those who come later. */
const over = "REAUTHENTICATION_REQUIRED";

describe("examples/providers/openai.yaml", () => {
  let openai: FakeOpenAi;
  let example: Example;
  beforeEach(async () => {
    openai = await startFakeOpenAi({ clock: run.clock, expiresIn: 3_600 });
    example = await run.start("openai", openai);
  });

  const refreshed = (connectionId: unknown) => example.rpc("Refresh", { connectionId }, asService("worker"));

  it("sends the user to OpenAI with exactly what is documented", async () => {
    const begun = await example.rpc("CreateAuthorizationUrl", { clientId: "cli", codeChallenge: "c".repeat(43) });
    const url = new URL(String(begun.body["authorizationUrl"]));
    expect(`${url.origin}${url.pathname}`).toBe(openai.endpoints.authorization);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: "code",
      client_id: "app_EMoamEEZ73f0CkXaXp7hrann",
      redirect_uri: "http://localhost:1455/auth/callback",
      scope: "openid profile email offline_access",
      code_challenge: "c".repeat(43),
      code_challenge_method: "S256",
      state: begun.body["state"],
    });
  });

  it("is signed in to from a shell, which is shown the connection and no token", async () => {
    const words = ["openai", "--client", "cli", "--redirect-uri", "http://localhost/auth/callback", "--url", example.url];
    const login = startLogin(...words);
    const opened = await login.opened;
    openai.registerRedirectUri(opened.searchParams.get("redirect_uri") ?? "");
    const { redirectUri, parameters } = await openai.login(opened.href);
    expect((await ask(`${redirectUri}?${parameters.toString()}`)).status).toBe(200);
    const { status, out, error } = await login.ended;
    expect({ status, out }).toEqual({ status: 0, out: "" });
    expect(error).toContain("signed in\n  provider    openai\n  account     ");
    const connectionId = /^ {2}connection {2}(\S+)$/m.exec(error)?.[1];
    expect((await refreshed(connectionId)).status).toBe(200);
    expect(openai.issued.filter((secret) => error.includes(secret))).toEqual([]);
  });

  it("gives the shell a connection and no refresh token, and the service the access token whenever it asks", async () => {
    const signedIn = await example.signIn({ clientId: "cli" });
    expect(signedIn).toMatchObject({ status: 200, body: { issuance: "ISSUANCE_PASSTHROUGH", account: { providerUserId: "auth0|ada" } } });
    const { accessToken, refreshToken } = tokensOf(signedIn);
    expect(refreshToken).toBeUndefined();
    const { connectionId } = signedIn.body;

    const kept = await refreshed(connectionId);
    expect(tokensOf(kept)).toMatchObject({ accessToken });
    expect(openai.callsTo("token")).toBe(1);

    run.time.nowMs += 3_600_000;
    openai.faults.next("token", without("id_token", "refresh_token"));
    const fresh = await refreshed(connectionId);
    expect(fresh.status).toBe(200);
    expect(tokensOf(fresh)["accessToken"]).not.toBe(accessToken);
    run.time.nowMs += 3_600_000;
    expect((await refreshed(connectionId)).status).toBe(200);
    expect(openai.violations).toEqual([]);
    expect(openai.presentedTwice).toEqual([]);
  });

  it.each(["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"])(
    "ends the connection at %s, for good",
    async (word) => {
      const { connectionId } = (await example.signIn({ clientId: "cli" })).body;
      run.time.nowMs += 3_600_000;
      openai.faults.next("token", openAiError(word, "object", 400));
      expect(reasonOf(await refreshed(connectionId))).toBe(over);
      expect(example.logLines()).toContainEqual(
        expect.objectContaining({ level: "warn", msg: "a connection has ended: its user must sign in again", connection: connectionId }),
      );
      const calls = openai.callsTo("token");
      expect(reasonOf(await refreshed(connectionId))).toBe(over);
      expect(openai.callsTo("token")).toBe(calls);
    },
  );

  it("never shows a refresh token again whose answer was lost", async () => {
    const { connectionId } = (await example.signIn({ clientId: "cli" })).body;
    run.time.nowMs += 3_600_000;
    openai.faults.next("token", { kind: "after-work", answer: { kind: "reset" } });
    expect(["OUTCOME_UNKNOWN", over]).toContain(reasonOf(await refreshed(connectionId)));
    expect(reasonOf(await refreshed(connectionId))).toBe(over);
    expect(openai.presentedTwice).toEqual([]);
  });

  it("ends a connection here and there where the service revokes it", async () => {
    const { connectionId } = (await example.signIn({ clientId: "cli" })).body;
    expect(await example.rpc("Revoke", { connectionId }, asService("worker"))).toMatchObject({ status: 200 });
    expect(openai.revoked).toHaveLength(1);
    expect(reasonOf(await refreshed(connectionId))).toBe("CONNECTION_NOT_FOUND");
  });
});
