// The same validation from every language, against a real Cambio and a real OpenID provider.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JWTPayload } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Service, startService } from "../../src/service.ts";
import { makeCertificate } from "../support/certificate.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";
import { callers, run } from "./programs.ts";

// What a form encodes in one way and another, and what would end a header, a field or a line too early.
const secret = "s+e:c r/e%t=&*~é-canary-0123456789";
const nowSeconds = Math.floor(Date.now() / 1000);
const instant = (seconds: number) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

const written: string[] = [];
let folder: string;
let stack: TestStack;
/** The same once more, with TLS. */
let encrypted: Service;
/** The same configuration; the provider does not answer. */
let cutOff: TestStack;
let deserted: string;
/** Makes each of the programs believe the certificate of `encrypted`. */
let trust: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cambio-callers-"));
  const certificate = makeCertificate("localhost");
  const tls = { certificate_file: join(folder, "cert.pem"), key_file: join(folder, "key.pem") };
  writeFileSync(tls.certificate_file, certificate.cert);
  writeFileSync(tls.key_file, certificate.key);
  deserted = await closedAddress();
  const env = { ORDERS_SECRET: secret };
  [stack, cutOff] = await Promise.all([startTestStack({ env }), startTestStack({ env: { ...env, CAMBIO_ISSUER: deserted } })]);
  const { configuration } = stack;
  encrypted = await startService(
    { ...configuration, server: { ...configuration.server, tls } },
    { logDestination: { write: (line) => void written.push(line) }, auditGatherMs: 0 },
  );
  trust = { SSL_CERT_FILE: tls.certificate_file, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: tls.certificate_file };
  if (callers.some(({ command }) => command[0] === "java")) trust["JAVA_TOOL_OPTIONS"] = trustStoreOf(tls.certificate_file);
});
afterAll(async () => {
  await encrypted.close();
  stack.canary.saw("the log with TLS", written.join(""));
  await Promise.all([stack.close(), cutOff.close()]);
  rmSync(folder, { recursive: true });
});

async function closedAddress(): Promise<string> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://localhost:${port}`;
}

function trustStoreOf(certificateFile: string): string {
  const file = join(folder, "trust.p12");
  const words = ["-importcert", "-noprompt", "-alias", "cambio", "-file", certificateFile, "-keystore", file, "-storepass", "changeit"];
  execFileSync("keytool", words, { stdio: "ignore" });
  return `-Djavax.net.ssl.trustStore=${file} -Djavax.net.ssl.trustStorePassword=changeit`;
}

async function token(of: TestStack, claims: JWTPayload = {}): Promise<string> {
  const signed = await of.identityProvider.sign({
    sub: "alice",
    aud: "https://orders.example",
    client_id: "cambio",
    iat: nowSeconds - 3600,
    exp: nowSeconds + 3600,
    jti: "one",
    ...claims,
  });
  of.canary.register("token", signed);
  return signed;
}

const asOrders = { CAMBIO_CLIENT_ID: "orders", CAMBIO_CLIENT_SECRET: secret };

it("finds callers that can be tried", () => {
  expect(callers.length).toBeGreaterThan(0);
});

describe.each(callers)("$name", (program) => {
  const ask = async (standardInput: string, env: Record<string, string> = {}) =>
    run(program, { standardInput, env: { CAMBIO_URL: stack.url, ...asOrders, ...env } });

  it("prints subject and expiry of a good token", async () => {
    const output = `subject alice\nexpires ${instant(nowSeconds + 3600)}\n`;
    expect(await ask(`${await token(stack)}\n`)).toEqual({ status: 0, output });
  });

  it("says that a token is expired, and when that was", async () => {
    const output = `expired ${instant(nowSeconds - 300)}\n`;
    expect(await ask(await token(stack, { exp: nowSeconds - 300 }))).toEqual({ status: 10, output });
  });

  it("says that a token is expired, whose instant lies ahead but within the safety buffer", async () => {
    const exp = Math.floor(Date.now() / 1000) + 30;
    expect(await ask(await token(stack, { exp }))).toEqual({ status: 10, output: `expired ${instant(exp)}\n` });
  });

  it.each([
    { what: "a token for another audience", claims: { aud: "https://else.example" }, env: {}, reason: "AUDIENCE_MISMATCH" },
    { what: "a token of an issuer that is not configured", claims: { iss: "https://else.example" }, env: {}, reason: "ISSUER_NOT_TRUSTED" },
    { what: "a wrong secret", claims: {}, env: { CAMBIO_CLIENT_SECRET: "wrong" }, reason: "CALLER_UNAUTHENTICATED" },
  ])("says why it is refused: $what", async ({ claims, env, reason }) => {
    expect(await ask(await token(stack, claims), env)).toEqual({ status: 11, output: `refused ${reason}\n` });
  });

  it("says that nothing was decided where nobody listens", async () => {
    const { status, output } = await ask(await token(stack), { CAMBIO_URL: deserted });
    expect({ status, first: output.split(/\s/)[0] }).toEqual({ status: 12, first: "unavailable" });
  });

  it("says that nothing was decided where Cambio cannot reach the provider", async () => {
    const shown = await token(cutOff, { iss: deserted });
    const { status, output } = await ask(shown, { CAMBIO_URL: cutOff.url });
    expect({ status, first: output.split(/\s/)[0] }).toEqual({ status: 12, first: "unavailable" });
  });

  it("asks over TLS", async () => {
    expect(await ask(await token(stack), { CAMBIO_URL: encrypted.url, ...trust })).toMatchObject({ status: 0 });
  });

  it("sends nothing to a server whose certificate it does not know", async () => {
    const before = written.length;
    expect(await ask(await token(stack), { CAMBIO_URL: encrypted.url })).toMatchObject({ status: 12 });
    expect(written.length).toBe(before);
  });
});
