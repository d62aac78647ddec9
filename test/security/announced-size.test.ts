import { afterEach, expect, it } from "vitest";
import { createHttpClient } from "../../src/net/http-client.ts";
import { createProviderGuard } from "../../src/net/provider-guard.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";

let fake: FakeProvider | undefined;
afterEach(() => fake?.close());

it("a provider that announces more than 1 MiB is not waited for: the answer is refused before its body comes", async () => {
  fake = await startFakeProvider();
  // The body never comes, and the connection ends without it: only the announcement can have been refused.
  fake.faults.next("token", { kind: "raw", bytes: `HTTP/1.1 200 OK\r\ncontent-length: ${1024 * 1024 + 1}\r\n\r\n` });
  const http = createHttpClient({
    provider: "main",
    timeoutMs: 5_000,
    clock: Date.now,
    guard: createProviderGuard({ clock: Date.now, random: Math.random }),
    allowedOrigins: new Set([fake.issuer]),
    allowHttp: false,
  });
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const asked = http.send({ endpoint: "token", method: "POST", url: `${fake.issuer}/token`, headers, body: "grant_type=x" });
  await expect(asked).rejects.toMatchObject({ kind: "invalid", code: "body_too_large" });
  await http.close();
});
