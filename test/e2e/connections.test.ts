import { expect, it } from "vitest";
import { startVaultStack, tokensOf } from "../support/vault-stack.ts";
it("try", async () => {
  const stack = await startVaultStack();
  const a = await stack.signIn("tool");
  expect(a.status).toBe(200);
  console.log(JSON.stringify(a.body["account"]), Object.keys(tokensOf(a)), tokensOf(a)["idToken"]);
  stack.openai.faults.next("token", { kind: "changed", members: { id_token: undefined, refresh_token: undefined, access_token: undefined } });
  const b = await stack.as("tool", "Refresh", { refreshToken: tokensOf(a)["refreshToken"] });
  console.log(b.status, JSON.stringify(b.body).slice(0, 300), Object.keys(tokensOf(b)), tokensOf(b)["accessToken"] === tokensOf(a)["accessToken"], tokensOf(b)["idToken"] === tokensOf(a)["idToken"]);
  await stack.close();
}, 60000);
