import { once } from "node:events";
import { connect as connectH2 } from "node:http2";
import { get, request } from "node:http";
import { Agent, get as getTls } from "node:https";
import { connect as connectTls, TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PeerCertificate } from "../../src/rpc/call.ts";
import { createOnePort, type OnePort, type OnePortOptions } from "../../src/transport/one-port.ts";
import { createPeerCertificates } from "../../src/transport/peer-certificate.ts";
import { type Certificate, makeAuthority, makeCertificate } from "../support/certificate.ts";

const server = makeCertificate("localhost");
const authority = makeAuthority("Our CA");
const dayMs = 86_400_000;
const name = { uris: ["spiffe://example.com/orders"], dnsNames: ["orders.internal"] };
const good = authority.issue(name);

/** Answers each request with what it found of the peer. */
async function startDoor(tls: OnePortOptions["tls"]): Promise<{ port: number; door: OnePort }> {
  const peerCertificateOf = createPeerCertificates();
  const door = createOnePort({
    onRequest: (req, res) => {
      const found = peerCertificateOf(req);
      res.end(JSON.stringify({ found: found ?? null, again: peerCertificateOf(req) === found }));
    },
    ...(tls === undefined ? {} : { tls }),
  });
  return { port: (await door.listen("127.0.0.1", 0)).port, door };
}

interface Answer {
  /** Null: no certificate. */
  readonly found: PeerCertificate | null;
  readonly again: boolean;
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString()) as Answer;
}

const overH1 = async (port: number, shown?: Partial<Certificate>): Promise<Answer> => {
  const [answer] = await once(getTls({ port, host: "localhost", ca: server.cert, agent: false, ...shown }), "response");
  return textOf(answer as AsyncIterable<Buffer>);
};

const overH2 = async (port: number, shown?: Partial<Certificate>): Promise<Answer> => {
  const session = connectH2(`https://localhost:${port}`, { ca: server.cert, ...shown });
  try {
    return await textOf(session.request({ ":path": "/" }));
  } finally {
    session.destroy();
  }
};

const versions = [
  ["HTTP/1.1", overH1],
  ["HTTP/2", overH2],
] as const;

let port: number;
let door: OnePort;
beforeAll(async () => {
  ({ port, door } = await startDoor({ ...server, clientCa: authority.cert }));
});
afterAll(() => door.close(0));

describe.each(versions)("over %s, a client certificate", (_name, ask) => {
  it("of the configured CA is one to go by, with its names and its time", async () => {
    const { found, again } = await ask(port, good);
    expect(found).toMatchObject({ authorized: true, ...name });
    expect(found?.problem).toBeUndefined();
    expect((found?.validToMs ?? 0) - (found?.validFromMs ?? 0)).toBe(31 * dayMs);
    expect(Math.abs((found?.validFromMs ?? 0) - (Date.now() - dayMs))).toBeLessThan(600_000);
    expect(again).toBe(true);
  });

  it("may come by way of an intermediate CA", async () => {
    expect((await ask(port, authority.intermediate().issue(name))).found).toMatchObject({ authorized: true, ...name });
  });

  it("need not say what it is for", async () => {
    expect((await ask(port, authority.issue({ ...name, use: "none" }))).found).toMatchObject({ authorized: true });
  });

  it("need not be there: others prove themselves in another way", async () => {
    expect((await ask(port)).found).toBeNull();
  });

  it.each<[string, Certificate, string]>([
    ["of another CA", makeAuthority("Their CA").issue(name), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["of another CA that bears the name of ours", makeAuthority("Our CA").issue(name), "CERT_SIGNATURE_FAILURE"],
    ["that vouches for itself", makeCertificate("orders.internal"), "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["that is the server's own, which everybody knows but its key", server, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["for servers only", authority.issue({ ...name, use: "server" }), "INVALID_PURPOSE"],
    [
      "that has expired",
      authority.issue({ ...name, validFromMs: Date.now() - 3 * dayMs, validToMs: Date.now() - dayMs }),
      "CERT_HAS_EXPIRED",
    ],
    ["that is not valid yet", authority.issue({ ...name, validFromMs: Date.now() + dayMs }), "CERT_NOT_YET_VALID"],
    ["that another client certificate signed", signedByLeaf(), "INVALID_PURPOSE"],
  ])("%s is told from one to go by, and no name of it is read", async (_case, shown, problem) => {
    const { found } = await ask(port, shown);
    expect(found).toMatchObject({ authorized: false, problem, uris: [], dnsNames: [], validToMs: 0 });
  });

  it("is asked for only where a CA is configured", async () => {
    const plain = await startDoor(server);
    expect((await ask(plain.port, good)).found).toBeNull();
    await plain.door.close(0);
  });
});

/** A client that passes off its own certificate as a CA's. */
function signedByLeaf(): Certificate {
  return authority.leafAsAuthority().issue(name);
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("a resumed session of %s", (version) => {
  const resume = async (shown: Certificate): Promise<readonly Answer[]> => {
    const agent = new Agent({ keepAlive: false, maxCachedSessions: 10 });
    const answers: Answer[] = [];
    const reused: boolean[] = [];
    for (let visit = 0; visit < 2; visit += 1) {
      const req = getTls({ port, host: "localhost", ca: server.cert, minVersion: version, maxVersion: version, agent, ...shown });
      const [answer] = await once(req, "response");
      reused.push((req.socket as TLSSocket).isSessionReused());
      answers.push(await textOf(answer as AsyncIterable<Buffer>));
    }
    agent.destroy();
    expect(reused).toEqual([false, true]);
    return answers;
  };

  it("still has its certificate, and the time after which that is worth nothing", async () => {
    const [first, second] = await resume(good);
    expect(second?.found).toEqual(first?.found);
    expect(second?.found?.authorized).toBe(true);
  });

  it("makes no better one of a certificate that did not hold", async () => {
    const [, second] = await resume(makeAuthority("Their CA").issue(name));
    expect(second?.found).toMatchObject({ authorized: false, uris: [] });
  });
});

describe("where there is nothing to see", () => {
  it("in clear text nobody has a certificate", async () => {
    const clear = await startDoor(undefined);
    const [answer] = await once(get({ port: clear.port, host: "localhost" }), "response");
    expect((await textOf(answer as AsyncIterable<Buffer>)).found).toBeNull();
    await clear.door.close(0);
  });

  it("no header stands for a certificate, as it would behind a proxy", async () => {
    const clear = await startDoor(undefined);
    const headers = {
      "x-forwarded-client-cert": "By=spiffe://x;URI=spiffe://example.com/orders",
      "x-ssl-client-verify": "SUCCESS",
      "client-cert": ":MIIB:",
    };
    const [answer] = await once(request({ port: clear.port, host: "localhost", headers }).end(), "response");
    expect((await textOf(answer as AsyncIterable<Buffer>)).found).toBeNull();
    await clear.door.close(0);
  });

  it("an HTTP/2 session that is gone has one that cannot be believed, and not none", () => {
    const peerCertificateOf = createPeerCertificates();
    const gone = { stream: { session: undefined } } as unknown as Parameters<typeof peerCertificateOf>[0];
    expect(peerCertificateOf(gone)).toMatchObject({ authorized: false, problem: "CONNECTION_GONE" });
  });

  it("a session that lost its socket likewise", () => {
    const peerCertificateOf = createPeerCertificates();
    const unbound = new Proxy(
      {},
      {
        getPrototypeOf: () => {
          throw new Error("ERR_HTTP2_SOCKET_UNBOUND");
        },
      },
    );
    const unbinding = { stream: { session: { socket: unbound } } } as unknown as Parameters<typeof peerCertificateOf>[0];
    expect(peerCertificateOf(unbinding)).toMatchObject({ authorized: false, problem: "CONNECTION_GONE" });
  });
});

it("names in a form that Node does not write are not believed, whoever signed them", () => {
  const peerCertificateOf = createPeerCertificates();
  const socket = Object.assign(Object.create(TLSSocket.prototype) as object, {
    authorized: true,
    getPeerX509Certificate: () => ({ subjectAltName: `DNS:"orders.internal` }),
  });
  expect(peerCertificateOf({ socket } as unknown as Parameters<typeof peerCertificateOf>[0])).toMatchObject({
    authorized: false,
    problem: "UNREADABLE_NAMES",
    dnsNames: [],
  });
});

it("a certificate without its key does not even shake hands", async () => {
  const other = makeAuthority("Their CA").issue(name);
  expect(() => connectTls({ port, host: "localhost", ca: server.cert, cert: good.cert, key: other.key })).toThrow(/key values mismatch/i);
});
