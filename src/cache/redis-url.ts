// A Redis address taken apart here and not by the client library, which lets `?option=value` in an address override the options
// that keep this service safe. Mistakes are plain errors that name no part of the address: it holds a password.

import type { Secret } from "../exchange/secret.ts";

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
}

const defaultPort = 6379;

/** @throws Error when the address is not `redis[s]://[user[:password]@]host[:port][/db]` */
export function parseRedisUrl(address: Secret): RedisAddress {
  const url = URL.parse(address.reveal());
  if (url === null || (url.protocol !== "redis:" && url.protocol !== "rediss:") || url.hostname === "") {
    throw new Error("the Redis address must be redis://host:port or rediss://host:port");
  }
  if (url.search !== "" || url.hash !== "") throw new Error("the Redis address takes no ?options and no #fragment");
  const db = /^\/?$/.test(url.pathname) ? "0" : url.pathname.slice(1);
  if (!/^[0-9]{1,4}$/.test(db)) throw new Error("the path of the Redis address must be a database number");
  return {
    // An IPv6 address stands in brackets in a URL and without them everywhere else.
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? defaultPort : Number(url.port),
    tls: url.protocol === "rediss:",
    username: credential(url.username),
    password: credential(url.password),
    db: Number(db),
  };
}

function credential(encoded: string): string | undefined {
  if (encoded === "") return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new Error("user name and password in the Redis address must be percent-encoded");
  }
}
