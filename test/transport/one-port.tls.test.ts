import { once } from "node:events";
import { connect as connectH2 } from "node:http2";
import tls, { connect as connectTls } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { makeCertificate } from "../support/certificate.ts";
import { emptySettings, preface } from "./h2-frames.ts";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { openRaw } from "./raw-socket.ts";

const certificate = makeCertificate();
let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({ tls: certificate, limits: { handshakeMs: 200, headersMs: 300, bodyMs: 400, checkEveryMs: 20 } });
});
afterAll(() => rig.close());

const nodeOptions = { ca: certificate.cert, servername: "localhost" };

afterEach(async () => {
  const grpc = createClient(TokenExchangeService, createGrpcTransport({ baseUrl: rig.base, nodeOptions }));
  // The server still answers.
  await grpc.exchange({ clientId: "app" });
});

describe("over TLS, the same port", () => {
  it("speaks HTTP/2 to those who offer it", async () => {
    const session = connectH2(rig.base, { ca: certificate.cert });
    const stream = session.request({ ":method": "POST", ":path": exchangePath, "content-type": "application/json" });
    stream.end("{}");
    const status = await new Promise((resolve) => stream.once("response", (headers) => resolve(headers[":status"])));
    expect([session.alpnProtocol, status]).toEqual(["h2", 200]);
    session.destroy();
  });

  it("speaks HTTP/1.1 to those who offer that, or nothing", async () => {
    const connect = createConnectTransport({ baseUrl: rig.base, httpVersion: "1.1", nodeOptions: { ca: certificate.cert } });
    expect((await createClient(TokenExchangeService, connect).exchange({ clientId: "app" })).tokens?.accessToken).toBe("token for app");
    const socket = connectTls({ ...nodeOptions, port: rig.port });
    socket.write("GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    const [first] = (await once(socket, "data")) as [Buffer];
    expect([socket.alpnProtocol, first.toString().slice(0, 13)]).toEqual([false, "HTTP/1.1 404 "]);
  });

  it("refuses a handshake about other protocols only", async () => {
    const socket = connectTls({ ...nodeOptions, port: rig.port, ALPNProtocols: ["spdy/1"] });
    const error = await new Promise<Error>((resolve) => socket.once("error", resolve));
    expect(error.message).toMatch(/no application protocol/i);
  });

  it.each([
    ["plain HTTP/1.1", "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"],
    ["plain HTTP/2", Buffer.concat([preface, emptySettings])],
  ])("drops clients that speak %s, without a word of HTTP and without a line in the log", async (_, bytes) => {
    const told = rig.unreadable.length;
    const raw = await openRaw(rig.port);
    raw.send(bytes);
    expect(await raw.closed).not.toContain("HTTP");
    expect(rig.unreadable.length).toBe(told);
  });

  it("refuses TLS 1.1, whatever the process would allow", async () => {
    const before = [tls.DEFAULT_MIN_VERSION, tls.DEFAULT_CIPHERS] as const;
    const weak = "ALL@SECLEVEL=0";
    [tls.DEFAULT_MIN_VERSION, tls.DEFAULT_CIPHERS] = ["TLSv1", weak];
    const careless = await startPort({ tls: certificate });
    try {
      const socket = connectTls({ ...nodeOptions, port: careless.port, minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: weak });
      const outcome = await Promise.race([
        once(socket, "secureConnect").then(() => "shook hands"),
        once(socket, "close").then(() => "closed"),
      ]).catch((refused: NodeJS.ErrnoException) => refused.code);
      expect(outcome).toBe("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
      socket.destroy();
    } finally {
      [tls.DEFAULT_MIN_VERSION, tls.DEFAULT_CIPHERS] = before;
      await careless.close();
    }
  });

  it("drops clients that never shake hands", async () => {
    const raw = await openRaw(rig.port);
    expect(await raw.closed).toBe("");
  });

  it.each([
    ["say nothing after the handshake", ""],
    ["never end their header", `POST ${exchangePath} HTTP/1.1\r\nhost: localhost\r\n`],
    [
      "never end their body",
      `POST ${exchangePath} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`,
    ],
  ])("drops clients that %s", async (_, bytes) => {
    const socket = connectTls({ ...nodeOptions, port: rig.port });
    let received = "";
    socket.on("data", (chunk) => (received += chunk.toString("latin1")));
    if (bytes !== "") socket.write(bytes);
    await new Promise((resolve) => socket.once("close", resolve));
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("drains over TLS too", async () => {
    const other = await startPort({ tls: certificate });
    const session = connectH2(other.base, { ca: certificate.cert });
    const stream = session.request({ ":method": "POST", ":path": exchangePath, "content-type": "application/json" });
    stream.end(`{"provider":"held"}`);
    await new Promise((resolve) => session.once("connect", resolve));
    while (other.backend.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = other.close(10_000);
    other.backend.release();
    const status = await new Promise((resolve) => stream.once("response", (headers) => resolve(headers[":status"])));
    expect(status).toBe(200);
    stream.resume();
    await closed;
  });
});
