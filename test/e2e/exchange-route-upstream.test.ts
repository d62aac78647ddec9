import { describe, expect, it } from "vitest";
import { type FakeStack, startFakeStack } from "../support/fake-stack.ts";
import type { Fault } from "../support/faults.ts";

/** Instead of the 10 s of a configuration that says nothing, so that slow providers can be waited for. */
const timeoutMs = 400;
/** Far below the default, far above what a loaded machine needs besides. */
const patienceMs = 4_000;

async function withStack<T>(use: (stack: FakeStack) => Promise<T>, timeout = timeoutMs): Promise<T> {
  const stack = await startFakeStack({
    change: (configuration) => {
      const { main } = configuration.providers;
      if (main === undefined) throw new Error("the example's provider has another name");
      expect(main.timeout).toBe(10_000);
      return { ...configuration, providers: { ...configuration.providers, main: { ...main, timeout } } };
    },
  });
  try {
    return await use(stack);
  } finally {
    await stack.close();
  }
}

async function redeem(stack: FakeStack, { code, codeVerifier, redirectUri }: Awaited<ReturnType<FakeStack["newCode"]>>) {
  const begun = performance.now();
  const response = await fetch(`${stack.cambio.url}/api/auth/exchange`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code, code_verifier: codeVerifier, redirect_uri: redirectUri }),
  });
  const text = await response.text();
  stack.canary.saw("an error of the route", text);
  expect(performance.now() - begun).toBeLessThan(patienceMs);
  const { error, reason } = JSON.parse(text) as Record<string, unknown>;
  return { status: response.status, error, reason, retryAfter: response.headers.get("retry-after") };
}

const unknown = { status: 409, error: "invalid_grant", reason: "OUTCOME_UNKNOWN", retryAfter: null };

describe("a token endpoint that fails after the code was sent", () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ["never answers", { kind: "hang-before-headers" }],
    ["stops in the middle of its answer", { kind: "hang-in-body" }],
    ["answers byte by byte without end", { kind: "drip" }],
    ["hangs up", { kind: "reset" }],
    ["sends half an answer", { kind: "truncate" }],
    ["answers with a page", { kind: "html" }],
    ["answers with a page and 502", { kind: "html", status: 502 }],
    ["answers with 5 MB", { kind: "huge", bytes: 5_000_000 }],
    ["answers with something that is not HTTP", { kind: "raw", bytes: "SSH-2.0-nonsense\r\n" }],
    ["sends us elsewhere", { kind: "redirect" }],
    ["says that it could not", { kind: "status", status: 500, body: { error: "server_error", error_description: "canary-description" } }],
    ["answers with no token", { kind: "status", status: 200, body: { token_type: "Bearer" } }],
  ];

  it("makes the page start over, in time, and the code is not sent again", async () => {
    await withStack(async (stack) => {
      for (const [name, fault] of faults) {
        const fresh = await stack.newCode();
        const calls = stack.provider.callsTo("token");
        stack.provider.faults.next("token", fault);
        expect([name, await redeem(stack, fresh)]).toEqual([name, unknown]);
        expect([name, (await redeem(stack, fresh)).reason]).toEqual([name, "GRANT_INVALID"]);
        expect([name, stack.provider.callsTo("token")]).toEqual([name, calls + 1]);
      }
      expect(stack.provider.callsTo("redirect-target")).toBe(0);
      expect(stack.cambio.logText()).not.toContain("canary-description");
    });
  });

  it("counts an error in a 200 as the error that it is", async () => {
    await withStack(async (stack) => {
      const fresh = await stack.newCode();
      stack.provider.faults.next("token", { kind: "error-in-200", error: "invalid_grant" });
      expect(await redeem(stack, fresh)).toEqual({ status: 400, error: "invalid_grant", reason: "GRANT_INVALID", retryAfter: null });
    });
  });

  it.each([
    ["7", "7"],
    ["100000", "3600"],
    ["soon", "5"],
  ])("passes on how long a provider asks to wait (%s: %s s), within reason", async (said, told) => {
    await withStack(async (stack) => {
      const fresh = await stack.newCode();
      stack.provider.faults.next("token", { kind: "status", status: 429, headers: { "retry-after": said } });
      expect(await redeem(stack, fresh)).toEqual({
        status: 429,
        error: "temporarily_unavailable",
        reason: "UPSTREAM_RATE_LIMITED",
        retryAfter: told,
      });
    });
  });
});

describe("a provider that is away before the code is sent", () => {
  const strange = { code: "code-code-code-code", codeVerifier: "v".repeat(43), redirectUri: "http://localhost:5173/callback", state: "" };

  const someSeconds: unknown = expect.stringMatching(/^[1-9]\d*$/);

  it.each([
    ["is slow", { kind: "hang-before-headers" }, 504, "UPSTREAM_TIMEOUT", null],
    ["hangs up", { kind: "reset" }, 503, "UPSTREAM_UNAVAILABLE", someSeconds],
    ["answers with 503", { kind: "status", status: 503 }, 503, "UPSTREAM_UNAVAILABLE", someSeconds],
    ["talks nonsense", { kind: "html" }, 503, "UPSTREAM_INVALID_RESPONSE", someSeconds],
  ] as const)("%s: the page is told to try again, and the code keeps", async (_name, fault, status, reason, retryAfter) => {
    await withStack(async (stack) => {
      stack.provider.faults.always("discovery", fault);
      const reply = await redeem(stack, strange);
      expect(reply).toEqual({ status, error: "temporarily_unavailable", reason, retryAfter });
      expect(stack.provider.callsTo("token")).toBe(0);

      stack.provider.faults.clear();
      stack.time.nowMs += 30_000;
      // The provider's own word about a code that it does not know: it was asked, so the code had not been used up here.
      expect((await redeem(stack, strange)).reason).toBe("GRANT_INVALID");
      expect(stack.provider.callsTo("token")).toBe(1);
    });
  });

  it("is not there at all: 503 at once, and the code keeps", async () => {
    await withStack(async (stack) => {
      const fresh = await stack.newCode();
      await stack.provider.close();
      const reply = await redeem(stack, fresh);
      expect(reply).toMatchObject({ status: 503, reason: "UPSTREAM_UNAVAILABLE" });
      // Released, so it is tried anew instead of being called used.
      expect((await redeem(stack, fresh)).reason).toBe("UPSTREAM_UNAVAILABLE");
    });
  });
});
