import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import { type Answer, backendRedirectUri, type FakeStack, page, pageRedirectUri, reasonOf, startFakeStack } from "../support/fake-stack.ts";

let stack: FakeStack;
let tokens: { readonly refreshToken: string; readonly accessToken: string };
let validated: string;
beforeAll(async () => {
  stack = await startFakeStack();
});
afterAll(() => stack.close());

/** Everybody is disabled, and every rule of theirs that there is on trial. */
function withoutAnybody(configuration: Configuration): Configuration {
  const clients = Object.entries(configuration.clients).map(([id, client]) => [
    id,
    { ...client, disabled: true, report_only: ["methods", "scopes", "audiences", "max_lifetime"] },
  ]);
  return { ...configuration, clients: Object.fromEntries(clients) as Configuration["clients"] };
}

const asPage = { origin: page };
const redeem = async () => {
  const { code, codeVerifier, redirectUri } = await stack.newCode();
  return { clientId: "web", authorizationCode: { code, codeVerifier, redirectUri } };
};

// What each of them was given while it was enabled: a handle, and a token that is remembered as verified.
beforeEach(async () => {
  stack.cambio.reload(stack.configuration);
  const redeemed = await stack.cambio.rpc("Exchange", await redeem(), asPage);
  tokens = redeemed.body["tokens"] as typeof tokens;
  validated = await stack.token();
  await stack.cambio.validate(validated);
  if ((await stack.cambio.validate(validated)).body["cached"] !== true) throw new Error("nothing was remembered");
});

describe("a client that is disabled while the service runs is refused", () => {
  it.each<readonly [string, () => Promise<Answer>, string]>([
    [
      "Refresh with a handle that it holds",
      () => stack.cambio.rpc("Refresh", { clientId: "web", refreshToken: tokens.refreshToken }, asPage),
      "web",
    ],
    ["ValidateCrossClient of a token that is remembered", () => stack.cambio.validate(validated), "orders"],
    [
      "CreateAuthorizationUrl from its page",
      () =>
        stack.cambio.rpc(
          "CreateAuthorizationUrl",
          { clientId: "web", redirectUri: pageRedirectUri, codeChallenge: "A".repeat(43) },
          asPage,
        ),
      "web",
    ],
    [
      "CreateAuthorizationUrl as a service",
      () =>
        stack.cambio.rpc("CreateAuthorizationUrl", { redirectUri: backendRedirectUri }, { authorization: stack.authorization("backend") }),
      "backend",
    ],
    [
      "Revoke of a handle that it holds",
      () => stack.cambio.rpc("Revoke", { clientId: "web", token: { value: tokens.refreshToken } }, asPage),
      "web",
    ],
  ])("%s", async (_name, call, client) => {
    stack.cambio.reload(withoutAnybody(stack.configuration));
    const before = stack.provider.requests.length;
    const answer = await call();
    expect([answer.status, reasonOf(answer)]).toEqual([403, "CALLER_NOT_ALLOWED"]);
    expect(stack.provider.requests.length).toBe(before);
    expect(stack.cambio.auditLines().at(-1)).toMatchObject({
      caller: client,
      rule: `clients.${client}.disabled`,
      reason: "CALLER_NOT_ALLOWED",
    });

    stack.cambio.reload(stack.configuration);
    expect((await call()).status).toBe(200);
  });

  it("Exchange of a code that it has, over the RPC and over the plain route, and the code is not used up", async () => {
    const { clientId, authorizationCode: code } = await redeem();
    const body = JSON.stringify({ code: code.code, code_verifier: code.codeVerifier, redirect_uri: code.redirectUri });
    const overRoute = () =>
      fetch(`${stack.cambio.url}/api/auth/exchange`, { method: "POST", headers: { "content-type": "application/json", ...asPage }, body });
    stack.cambio.reload(withoutAnybody(stack.configuration));
    const before = stack.provider.callsTo("token");
    const answer = await stack.cambio.rpc("Exchange", { clientId, authorizationCode: code }, asPage);
    expect([answer.status, reasonOf(answer)]).toEqual([403, "CALLER_NOT_ALLOWED"]);
    const plain = await overRoute();
    expect([plain.status, await plain.json()]).toEqual([403, expect.objectContaining({ reason: "CALLER_NOT_ALLOWED" })]);
    expect(stack.provider.callsTo("token")).toBe(before);

    stack.cambio.reload(stack.configuration);
    expect((await overRoute()).status).toBe(200);
  });
});
