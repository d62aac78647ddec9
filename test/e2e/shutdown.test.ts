import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { newPkce } from "../../examples/clients.ts";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/health/v1/health_pb.ts";
import type { Canary } from "../support/canary.ts";
import { createRunCanary } from "../support/run-canary.ts";
import { type Child, startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import { type Answer, environmentFor, exampleFile, page, pageRedirectUri, reasonOf, registerSecrets } from "../support/fake-stack.ts";

const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;

/** What ending takes on a loaded machine, once there is nothing to wait for. */
const endingMs = 4_000;

let folder: string;
let provider: FakeProvider;
let canary: Canary;
const running: Child[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-stop-"));
  provider = await startFakeProvider();
  canary = createRunCanary();
  registerSecrets(canary, provider);
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.process.kill("SIGKILL");
    await child.ended;
    canary.saw("the output", child.output());
    canary.saw("the errors", child.errors());
  }
});
afterAll(async () => {
  await provider.close();
  await rm(folder, { recursive: true });
  for (const issued of provider.issued) canary.register("code or token", issued);
  canary.assertSilence();
});

async function serve(drain: string): Promise<{ readonly child: Child; readonly url: string }> {
  const file = join(folder, `${drain}.yaml`);
  await writeFile(file, readFileSync(exampleFile, "utf8").replace("\nserver:\n", `\nserver:\n  drain: ${drain}\n`));
  const child = startChild(["src/cli/cambio.mjs", "serve", file], environmentFor(provider));
  running.push(child);
  await child.untilOutput(/"msg":"listening"/);
  return { child, url: /"url":"([^"]+)"/.exec(child.output())?.[1] ?? "" };
}

const post = (url: string, method: string, message: object) =>
  fetch(`${url}/cambio.v1.TokenExchangeService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: page },
    body: JSON.stringify(message),
  });

/** A code that is on its way to the provider, which keeps its answer back. */
async function slowExchange(url: string) {
  const { verifier, challenge } = await newPkce();
  canary.register("verifier", verifier);
  const asked = { clientId: "web", redirectUri: pageRedirectUri, codeChallenge: challenge };
  const { authorizationUrl } = (await (await post(url, "CreateAuthorizationUrl", asked)).json()) as { authorizationUrl: string };
  const { code, state } = await provider.login(authorizationUrl);
  const calls = provider.callsTo("token");
  const release = provider.hold("token");
  const answer = post(url, "Exchange", { clientId: "web", authorizationCode: { code, codeVerifier: verifier, state } });
  // It may fail before anyone looks at it.
  answer.catch(() => undefined);
  await eventually("the code reaches the provider", () => provider.callsTo("token") === calls + 1);
  return { answer, release };
}

const isRefused = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(`${url}/readyz`)).status === 503;
  } catch {
    return true;
  }
};

async function timeToEnd(child: Child): Promise<{ readonly status: number | null; readonly ms: number }> {
  const begun = performance.now();
  return { status: await child.ended, ms: performance.now() - begun };
}

it("SIGTERM during a code exchange: no new work is taken, the exchange still gets its tokens, and the process ends with status 0", async () => {
  const { child, url } = await serve("20s");
  const seen: number[] = [];
  const watching = (async () => {
    for await (const { status } of createClient(Health, createGrpcTransport({ baseUrl: url })).watch({})) seen.push(status);
  })();
  await eventually("health is told", () => seen.length === 1);
  const { answer, release } = await slowExchange(url);

  child.process.kill("SIGTERM");
  await watching;
  expect(seen).toEqual([SERVING, NOT_SERVING]);
  await eventually("new calls are refused", () => isRefused(url));
  expect(child.process.exitCode).toBeNull();

  release();
  const response = await answer;
  const { tokens } = (await response.json()) as { tokens: { accessToken: string } };
  expect(response.status).toBe(200);
  expect(provider.issued).toContain(tokens.accessToken);
  const { status, ms } = await timeToEnd(child);
  expect({ status, errors: child.errors() }).toEqual({ status: 0, errors: "" });
  expect(ms).toBeLessThan(endingMs);
  expect(child.output().trimEnd().split("\n").at(-1)).toContain('"msg":"stopped"');
});

it("a second SIGTERM ends the process at once, whatever is still in flight", async () => {
  const { child, url } = await serve("20s");
  const { answer, release } = await slowExchange(url);
  child.process.kill("SIGTERM");
  await eventually("new calls are refused", () => isRefused(url));
  child.process.kill("SIGTERM");
  const { status, ms } = await timeToEnd(child);
  expect(status).toBe(143);
  expect(ms).toBeLessThan(endingMs);
  await expect(answer).rejects.toThrow("fetch failed");
  release();
});

it("a client that never finishes its request does not hold up the end beyond the drain", async () => {
  const { child, url } = await serve("500ms");
  const { port } = new URL(url);
  const socket = connect(Number(port), "localhost");
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const head = "POST /api/auth/exchange HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
  await new Promise<void>((resolve) => void socket.write(head, () => resolve()));
  // A request that came after it was answered, so it has been read by now.
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  child.process.kill("SIGTERM");
  const { status, ms } = await timeToEnd(child);
  expect(status).toBe(0);
  expect(ms).toBeGreaterThan(400);
  expect(ms).toBeLessThan(500 + endingMs);
  await closed;
});

it("a code that is at the provider when the drain is over is waited for; who asked is told that the outcome is unknown", async () => {
  const { child, url } = await serve("500ms");
  const { answer, release } = await slowExchange(url);
  child.process.kill("SIGTERM");
  const response = await answer;
  expect({ status: response.status, reason: reasonOf({ body: (await response.json()) as Answer["body"] }) }).toEqual({
    status: 409,
    reason: "OUTCOME_UNKNOWN",
  });
  expect(child.process.exitCode).toBeNull();
  expect(child.output()).not.toContain('"msg":"stopped"');
  release();
  const { status, ms } = await timeToEnd(child);
  expect(status).toBe(0);
  expect(ms).toBeLessThan(endingMs);
});
