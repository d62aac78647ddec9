import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import { connect, createServer as createH2 } from "node:http2";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { createClientAddress } from "../../src/transport/client-address.ts";

const client = "203.0.113.9";
const proxies = ["10.0.0.0/8", "192.0.2.1", "fd00::/8", "2001:db8:ffff::1"];
const addressOf = createClientAddress(proxies);
const seen = (req: Pick<IncomingMessage, "headers">) => addressOf("10.0.0.1", String(req.headers["x-forwarded-for"]));

describe("without a trusted proxy", () => {
  it.each([
    ["no proxy is configured", createClientAddress([]), "10.0.0.1"],
    ["the peer is none of those configured", addressOf, "198.51.100.7"],
    ["the peer is next to one that is configured", addressOf, "192.0.2.2"],
    ["the peer is an IPv6 address that only ends like a trusted one", addressOf, "2001:db8::a00:1"],
  ])("an attacker who sends X-Forwarded-For gets nothing for it: %s", (_, of, peer) => {
    expect(of(peer, client)).toBe(peer);
  });

  it("an attacker who hides behind a connection that has lost its peer is counted with all others that do", () => {
    expect(addressOf(undefined, client)).toBe("unknown");
    expect(addressOf("", client)).toBe("unknown");
  });
});

describe("behind trusted proxies", () => {
  it.each([
    ["one entry", "10.0.0.1", client, client],
    ["a proxy by its exact address", "192.0.2.1", client, client],
    ["a proxy by IPv6", "fd12::7", client, client],
    ["a proxy by its exact IPv6 address, spelled differently", "2001:DB8:FFFF:0::1", client, client],
    ["a proxy whose IPv4 address comes mapped into IPv6", "::ffff:10.0.0.1", client, client],
    ["a proxy whose mapped address is in hexadecimal", "::ffff:a00:1", client, client],
    ["two proxies", "10.0.0.1", `${client}, 10.9.9.9`, client],
    ["proxies of both kinds", "fd00::1", `${client},10.9.9.9 ,\tfd00::2`, client],
    ["an entry with a port", "10.0.0.1", `${client}:51234`, client],
    ["an IPv6 entry", "10.0.0.1", "2001:DB8:0:0::1", "2001:db8::1"],
    ["an IPv6 entry in brackets", "10.0.0.1", "[2001:db8::1]", "2001:db8::1"],
    ["an IPv6 entry with a port", "10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"],
    ["an IPv4 entry mapped into IPv6", "10.0.0.1", `::ffff:${client}`, client],
    ["a proxy mapped into IPv6 among the entries", "10.0.0.1", `${client}, [::ffff:a00:2]:80`, client],
    ["nothing but proxies: the farthest", "10.0.0.1", "10.0.0.7, 10.0.0.8", "10.0.0.7"],
    ["no header: the proxy itself", "10.0.0.1", undefined, "10.0.0.1"],
  ])("finds the client: %s", (_, peer, header, expected) => {
    expect(addressOf(peer, header)).toBe(expected);
  });

  it.each([
    ["another's address in front", `198.51.100.1, ${client}`],
    ["a trusted address in front", `10.0.0.5, ${client}`],
    ["garbage in front", `<script>, ${client}`],
    ["a thousand addresses in front", `${"198.51.100.1,".repeat(1_000)}${client}`],
    ["a header as long as one may be", `${"x".repeat(16_000)},${client}, 10.0.0.2`],
  ])("an attacker who writes an X-Forwarded-For of its own is found all the same: %s", (_, header) => {
    expect(addressOf("10.0.0.1", header)).toBe(client);
  });

  it.each([
    "",
    "unknown",
    "_hidden",
    `"${client}"`,
    "client.example",
    "203.0.113",
    "203.0.113.009",
    "203.0.113.9:",
    "203.0.113.9:65536",
    "203.0.113.9:1:2",
    "[203.0.113.9]",
    "[2001:db8::1",
    "2001:db8::1]:80",
    "[2001:db8::1]80",
    "[2001:db8::1]:99999",
    "fe80::1%eth0",
    "2001:db8::1::2",
    "203.0.113.9;198.51.100.1",
    "203.0.113.9 198.51.100.1",
    `${client},`,
    `${client},,10.0.0.2`,
    `${client}, what, 10.0.0.2`,
    `${client}\u00a0`,
  ])("what is no address is not guessed at: %j counts as the proxy's own call", (header) => {
    expect(addressOf("10.0.0.1", header)).toBe("10.0.0.1");
  });

  it("reads so many entries, and so long a one, and no more", () => {
    const hops = (count: number) => `${client}${",10.0.0.2".repeat(count)}`;
    expect(addressOf("10.0.0.1", hops(31))).toBe(client);
    expect(addressOf("10.0.0.1", hops(32))).toBe("10.0.0.1");
    expect(addressOf("10.0.0.1", `${" ".repeat(64 - client.length)}${client}`)).toBe(client);
    expect(addressOf("10.0.0.1", `${" ".repeat(65 - client.length)}${client}`)).toBe("10.0.0.1");
  });

  it("whatever an attacker writes in front of its own address, the answer is its own address", () => {
    const piece = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom("10.0.0.1", "fd00::1", "198.51.100.1", "[::1]:80", ""));
    const front = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(",").slice(0, 3_000));
    fc.assert(
      fc.property(front, (written) => {
        expect(addressOf("10.0.0.1", `${written},${client}, 10.0.0.2`)).toBe(client);
      }),
    );
  });
});

it("a proxy that is neither an address nor a network stops the start", () => {
  expect(() => createClientAddress(["proxy.example"])).toThrow(Error);
  expect(() => createClientAddress(["10.0.0.0/33"])).toThrow(Error);
});

describe("a header that is sent twice is read in the order in which it came", () => {
  it("over HTTP/1.1", async () => {
    const server = createServer((req, res) => void res.end(seen(req))).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const req = request({ port, host: "127.0.0.1", headers: { "x-forwarded-for": ["198.51.100.1", client] } }).end();
    const [res] = (await once(req, "response")) as [IncomingMessage];
    expect(String(await res.setEncoding("utf8").toArray())).toBe(client);
  });

  it("over HTTP/2", async () => {
    const server = createH2((req, res) => void res.end(seen(req))).listen(0, "127.0.0.1");
    await once(server, "listening");
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    onTestFinished(() => {
      session.close();
      server.close();
    });
    const stream = session.request({ "x-forwarded-for": ["198.51.100.1", client] });
    expect(String(await stream.setEncoding("utf8").toArray())).toBe(client);
  });
});
