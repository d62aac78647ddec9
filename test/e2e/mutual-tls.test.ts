import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { type Service, startService } from "../../src/service.ts";
import { type Certificate, makeAuthority, makeCertificate } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeStack, startFakeStack } from "../support/fake-stack.ts";

const server = makeCertificate("localhost");
const authority = makeAuthority("Clients' CA");
const named = { uris: ["spiffe://example.com/orders"] };
const orders = authority.issue(named);
const backend = authority.issue({ dnsNames: ["backend.internal"] });
const dayMs = 86_400_000;

const written: string[] = [];
let folder: string;
let stack: FakeStack;
let service: Service;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-mtls-"));
  const tls = { certificate_file: join(folder, "cert.pem"), key_file: join(folder, "key.pem"), client_ca_file: join(folder, "ca.pem") };
  await writeFile(tls.certificate_file, server.cert);
  await writeFile(tls.key_file, server.key);
  await writeFile(tls.client_ca_file, authority.cert);
  stack = await startFakeStack();
  service = await startService(withCertificates(stack.configuration, tls), {
    clock: () => stack.time.nowMs,
    logDestination: { write: (line) => written.push(line) },
    auditDestination: { write: () => undefined },
  });
});
afterAll(async () => {
  await service.close();
  stack.canary.saw("the log", written.join(""));
  await stack.close();
  await rm(folder, { recursive: true });
});

function withCertificates(configuration: Configuration, tls: NonNullable<Configuration["server"]["tls"]>): Configuration {
  const { orders: one, backend: other } = configuration.clients;
  if (one === undefined || other === undefined) throw new Error("the example has other services");
  return {
    ...configuration,
    server: { ...configuration.server, tls },
    clients: {
      ...configuration.clients,
      orders: { ...one, certificates: [{ uri: "spiffe://example.com/orders" }] },
      backend: { ...other, certificates: [{ dns: "backend.internal" }] },
    },
  };
}

type Connect = (shown?: Certificate) => Transport;

const transports: Readonly<Record<string, Connect>> = {
  gRPC: (shown) => createGrpcTransport({ baseUrl: service.url, nodeOptions: { ca: server.cert, ...shown } }),
  "gRPC-Web over HTTP/1.1": (shown) =>
    createGrpcWebTransport({ baseUrl: service.url, httpVersion: "1.1", nodeOptions: { ca: server.cert, ...shown } }),
  "Connect over HTTP/1.1": (shown) =>
    createConnectTransport({ baseUrl: service.url, httpVersion: "1.1", nodeOptions: { ca: server.cert, ...shown } }),
  "Connect over HTTP/2": (shown) =>
    createConnectTransport({ baseUrl: service.url, httpVersion: "2", nodeOptions: { ca: server.cert, ...shown } }),
};

/** Whose token it was, or the code of the refusal. */
async function validate(transport: Transport, authorization?: string): Promise<string> {
  const headers = authorization === undefined ? {} : { authorization };
  return createClient(TokenExchangeService, transport)
    .validateCrossClient({ token: { value: await stack.token() } }, { headers })
    .then(
      (answer) => answer.claims?.subject ?? "",
      (failure: Error) => failure.message,
    );
}

const unauthenticated = /^\[unauthenticated\] /;

describe.each(Object.entries(transports))("over %s", (_name, connect) => {
  it("a service is known by its certificate alone", async () => {
    expect(await validate(connect(orders))).toBe("alice");
  });

  it("and those without one by what else they have", async () => {
    expect(await validate(connect(), stack.authorization("orders"))).toBe("alice");
    expect(await validate(connect())).toMatch(unauthenticated);
  });

  it("a certificate may do what its service may, and no more", async () => {
    expect(await validate(connect(backend))).toMatch(/^\[permission_denied\] /);
  });

  it.each<[string, Certificate]>([
    ["of another CA", makeAuthority("Clients' CA").issue(named)],
    ["for servers", authority.issue({ ...named, use: "server" })],
    ["that has expired", authority.issue({ ...named, validFromMs: Date.now() - 2 * dayMs, validToMs: Date.now() - dayMs })],
    ["of an unknown service", authority.issue({ uris: ["spiffe://example.com/mallory"] })],
    ["with its service's name hidden in another", authority.issue({ dnsNames: [`evil.example, URI:${named.uris[0]}`] })],
  ])("an attacker with a certificate %s gets nothing, not even beside a good secret", async (_case, shown) => {
    expect(await validate(connect(shown))).toMatch(unauthenticated);
    expect(await validate(connect(shown), stack.authorization("orders"))).toMatch(unauthenticated);
  });

  it("one service's certificate and another's secret are nobody's, and the same service's are its own", async () => {
    expect(await validate(connect(orders), stack.authorization("backend"))).toMatch(unauthenticated);
    expect(await validate(connect(orders), stack.authorization("orders"))).toBe("alice");
  });
});

it("a connection that outlives its certificate ends with it, call by call", async () => {
  const brief = authority.issue({ ...named, validToMs: stack.time.nowMs + 3_600_000 });
  const sessionManager = new Http2SessionManager(service.url, {}, { ca: server.cert, ...brief });
  const transport = createGrpcTransport({ baseUrl: service.url, sessionManager });
  expect(await validate(transport)).toBe("alice");
  stack.time.nowMs += 3_700_000;
  expect(await validate(transport)).toMatch(unauthenticated);
  stack.time.nowMs -= 3_700_000;
  expect(await validate(transport)).toBe("alice");
  sessionManager.abort();
});

it("the log says what was wrong with a certificate, and the caller is not told", async () => {
  const before = written.length;
  const answer = await validate(transports["gRPC"]?.(authority.issue({ ...named, use: "server" })) as Transport);
  expect(answer).not.toContain("INVALID_PURPOSE");
  await eventually("the line in the log", () => written.slice(before).join("").includes('"proof_problem":"INVALID_PURPOSE"'));
});
