import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startFakeStack } from "../support/fake-stack.ts";

it("a code that hangs at its provider when the drain ends is answered over RPC and over the plain route, not cut off", async () => {
  const stack = await startFakeStack({
    change: (configuration) => ({ ...configuration, server: { ...configuration.server, drain: 1_000 } }),
  });
  const { cambio, provider } = stack;
  const [forRpc, forRoute] = [await stack.newCode(), await stack.newCode()];
  const release = provider.hold("token");

  const { code, codeVerifier, redirectUri } = forRpc;
  const byRpc = cambio.rpc("Exchange", { clientId: "web", provider: "main", authorizationCode: { code, codeVerifier, redirectUri } });
  const byRoute = fetch(`${cambio.url}/api/auth/exchange`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code: forRoute.code, code_verifier: forRoute.codeVerifier, redirect_uri: forRoute.redirectUri }),
  });
  await eventually("both are at the provider", () => provider.callsTo("token") === 2);

  const stopped = cambio.close();
  expect((await byRpc).status).toBe(409);
  const answer = await byRoute;
  expect([answer.status, await answer.json()]).toMatchObject([409, { reason: "OUTCOME_UNKNOWN" }]);
  release();
  await stopped;
  await stack.close();
});
