import { describe, expect, it } from "vitest";
import { page, startFakeStack } from "../support/fake-stack.ts";
import { folderVariable } from "../support/run-canary.ts";
import { startTestStack } from "../support/stack.ts";
import { startTracedStack } from "../support/traced-stack.ts";

// What is planted here must be found here, and must not count as a leak of the run.
delete process.env[folderVariable];

// Every stack is searched when it is closed. Here something is planted, so that a search that finds nothing means something.

it("a stack does not close in silence when a code got into an exported span", async () => {
  const stack = await startTracedStack();
  const { code } = await stack.newCode();
  const headers = { origin: page, "x-request-id": code };
  await stack.cambio.rpc("Refresh", { clientId: "web", refreshToken: "unknown" }, headers);
  await stack.serverSpan(code);
  await expect(stack.close()).rejects.toThrow("(as it is) in the exported spans");
});

describe.each([
  ["in front of the fake provider", startFakeStack],
  ["in front of a real provider", startTestStack],
] as const)("a stack %s", (_name, start) => {
  it.each([
    ["a verifier", (code: { readonly codeVerifier: string }) => code.codeVerifier, "verifier (as it is) in the log"],
    ["a code", (code: { readonly code: string }) => code.code, "(as it is) in the log"],
  ])("does not close in silence when %s got into the log", async (_what, choose, leak) => {
    const stack = await start();
    // The one text of a caller's own that the log repeats.
    const id = choose(await stack.newCode());
    const url = "cambio" in stack ? stack.cambio.url : stack.url;
    await (await fetch(`${url}/livez`, { headers: { "x-request-id": id } })).text();
    await expect(stack.close()).rejects.toThrow(leak);
  });

  it("closes in silence when nothing did", async () => {
    const stack = await start();
    await stack.newCode();
    await expect(stack.close()).resolves.toBeUndefined();
  });
});
