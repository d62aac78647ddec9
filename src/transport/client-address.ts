// Where a call comes from: the peer of its connection or, where that peer is a configured proxy, what the proxies say. It owns
// reading X-Forwarded-For and the one spelling of an address. Anybody may send that header: only entries that a trusted proxy
// wrote count, and they are read from the right, as each proxy appends the peer that it saw. An address identifies nobody here.

import { BlockList, isIP, SocketAddress } from "node:net";

/**
 * No chain of proxies is longer. Only entries are bounded, not the header: whoever fills it up in front of its own address must not
 * be taken for the proxy.
 */
const maxEntries = 32;
/** An IPv6 address with a dotted end, brackets and a port; spaces around it. */
const maxEntryChars = 64;

/** All connections that have lost their peer already are one. */
const noAddress = "unknown";

/** Takes the peer's address, and `X-Forwarded-For` with repeated headers joined in order; gives one address in canonical form. */
export type ClientAddress = (peer: string | undefined, forwardedFor: string | undefined) => string;

/**
 * @param trustedProxies addresses, or networks as address/prefix
 * @throws Error for anything else
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const proxies = new BlockList();
  for (const network of trustedProxies) trust(proxies, network);
  const isProxy = (address: string) => proxies.check(address, address.includes(":") ? "ipv6" : "ipv4");

  return (peer, forwardedFor) => {
    const address = peer === undefined ? undefined : canonical(peer);
    if (address === undefined) return noAddress;
    if (forwardedFor === undefined || !isProxy(address)) return address;
    return behindProxies(forwardedFor, isProxy) ?? address;
  };
}

/**
 * The rightmost entry that is no proxy; where all are, the leftmost. Undefined: the header cannot be trusted to mean anything, and
 * the proxy that passed it on answers for it.
 */
function behindProxies(header: string, isProxy: (address: string) => boolean): string | undefined {
  let end = header.length;
  for (let seen = 0; seen < maxEntries; seen += 1) {
    const start = header.lastIndexOf(",", end - 1) + 1;
    const address = parseEntry(header.slice(start, end));
    if (address === undefined || start === 0 || !isProxy(address)) return address;
    end = start - 1;
  }
  return undefined;
}

/** An address as proxies write it: bare, with a port, or an IPv6 address in brackets. No names, no zones, no obfuscated identifiers. */
function parseEntry(written: string): string | undefined {
  if (written.length > maxEntryChars) return undefined;
  const entry = written.replace(/^[ \t]+|[ \t]+$/g, "");
  const [, ipv4, ipv6, port] = /^(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?$/.exec(entry) ?? [];
  if (port !== undefined && Number(port) > 65_535) return undefined;
  const address = ipv4 ?? ipv6 ?? entry;
  if (address.includes("%") || (ipv6 !== undefined && isIP(ipv6) !== 6)) return undefined;
  return canonical(address);
}

/** One spelling per address: IPv6 as in RFC 5952 and without its zone, IPv4 in IPv6 as IPv4. Undefined: not an address. */
function canonical(address: string): string | undefined {
  const family = isIP(address);
  if (family === 4) return address;
  if (family === 0) return undefined;
  const ipv6 = new SocketAddress({ address, family: "ipv6" }).address;
  // A socket that listens on :: sees IPv4 peers like this (RFC 4291 §2.5.5.2).
  const mapped = ipv6.startsWith("::ffff:") ? ipv6.slice("::ffff:".length) : "";
  return isIP(mapped) === 4 ? mapped : ipv6;
}

function trust(proxies: BlockList, network: string): void {
  const [text = "", prefix] = network.split("/");
  const family = isIP(text) === 4 ? "ipv4" : "ipv6";
  proxies.addSubnet(text, prefix === undefined ? (family === "ipv4" ? 32 : 128) : Number(prefix), family);
}
