import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { type Service, startService } from "../../src/service.ts";
import { makeCertificate } from "../support/certificate.ts";
import { type FakeStack, startFakeStack } from "../support/fake-stack.ts";

const certificate = makeCertificate("localhost");
const ca = certificate.cert;
const written: string[] = [];
let folder: string;
let stack: FakeStack;
let service: Service;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-tls-"));
  const tls = { certificate_file: join(folder, "cert.pem"), key_file: join(folder, "key.pem") };
  await writeFile(tls.certificate_file, certificate.cert);
  await writeFile(tls.key_file, certificate.key);
  stack = await startFakeStack();
  const { configuration } = stack;
  service = await startService(
    { ...configuration, server: { ...configuration.server, tls } },
    { clock: () => stack.time.nowMs, logDestination: { write: (line) => written.push(line) } },
  );
});
afterAll(async () => {
  await service.close();
  stack.canary.saw("the log", written.join(""));
  for (const line of certificate.key.split("\n").filter((text) => text.length > 20)) stack.canary.register("private key", line);
  await stack.close();
  await rm(folder, { recursive: true });
});

const transports: Readonly<Record<string, () => Transport>> = {
  gRPC: () => createGrpcTransport({ baseUrl: service.url, nodeOptions: { ca } }),
  "gRPC-Web over HTTP/1.1": () => createGrpcWebTransport({ baseUrl: service.url, httpVersion: "1.1", nodeOptions: { ca } }),
  "gRPC-Web over HTTP/2": () => createGrpcWebTransport({ baseUrl: service.url, httpVersion: "2", nodeOptions: { ca } }),
  "Connect over HTTP/1.1": () => createConnectTransport({ baseUrl: service.url, httpVersion: "1.1", nodeOptions: { ca } }),
  "Connect over HTTP/2": () => createConnectTransport({ baseUrl: service.url, httpVersion: "2", nodeOptions: { ca } }),
};

describe("with TLS, on the same port", () => {
  it("says so in its address", () => {
    expect(service.url).toBe(`https://localhost:${service.port}`);
  });

  it.each(Object.entries(transports))("%s works", async (_name, transport) => {
    const client = createClient(TokenExchangeService, transport());
    const headers = { authorization: stack.authorization("orders") };
    const answer = await client.validateCrossClient({ token: { value: await stack.token() } }, { headers });
    expect(answer.claims?.subject).toBe("alice");
  });

  it("a client of grpc-js finds it by its certificate", async () => {
    const client = new Client(`localhost:${service.port}`, credentials.createSsl(Buffer.from(ca)));
    await expect(promisify(client.waitForReady.bind(client))(Date.now() + 5_000)).resolves.toBeUndefined();
    client.close();
  });

  it.each([
    ["--http1.1", "1.1"],
    ["--http2", "2"],
  ])("curl %s is spoken to in HTTP/%s", async (option, version) => {
    const words = ["-sS", option, "--cacert", join(folder, "cert.pem"), "-o", "/dev/null", "-w", "%{http_version} %{http_code}"];
    const { stdout } = await promisify(execFile)("curl", [...words, `${service.url}/livez`]);
    expect(stdout).toBe(`${version} 200`);
  });

  it("nobody is answered in clear text", async () => {
    await expect(fetch(`http://localhost:${service.port}/livez`)).rejects.toThrow("fetch failed");
  });
});
